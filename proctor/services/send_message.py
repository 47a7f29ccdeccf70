"""The proctor writes to candidates or to the whole room."""

from __future__ import annotations

from collections.abc import Sequence

from proctor.room_work import enter_room, require_candidates
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.delivery.services import send_message as delivery
from server.storage.unit_of_work import UnitOfWork


def send_message(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_ids: Sequence[str], text: str, actor: Actor
) -> CommandDone:
    """Send to these candidates; to the whole room when none is named.

    Raises:
        NotFound: room or candidate out of reach.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        to: list[str | None] = [one.attempt.id for one in require_candidates(facts, attempt_ids)]
        for attempt_id in to or [None]:
            delivery.send_message(work, sitting_id, room_id, attempt_id, text, actor)
    count = len(to) or len(facts.seated)
    return CommandDone(done=count, words_zh=f"已发送给 {count} 人。", words_en=f"Sent to {count}.")
