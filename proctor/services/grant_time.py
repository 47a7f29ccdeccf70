"""The proctor adds time 补时; a large grant waits for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from proctor.room_work import enter_room, require_candidates
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.delivery.domain.time_ledger import RowStatus
from server.delivery.services import grant_time as delivery
from server.storage.unit_of_work import UnitOfWork


def grant_time(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_ids: Sequence[str], seconds: int, reason: str, actor: Actor
) -> CommandDone:
    """Add `seconds` for these candidates; for the whole room when none is named.

    Raises:
        NotFound: room or candidate out of reach. Conflict: `ALREADY_ENDED`, `TIME_OVER`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        ids = [one.attempt.id for one in require_candidates(facts, attempt_ids)]
        entries = delivery.grant_time(
            work,
            sitting_id=sitting_id,
            room_id=room_id,
            attempt_ids=ids,
            amount=timedelta(seconds=seconds),
            reason=reason,
            actor=actor,
        )
    if any(entry.status == RowStatus.PROPOSED for entry in entries):
        return CommandDone(
            waiting_for_second=True,
            done=0,
            words_zh="补时较长，须由另一位工作人员确认后生效。",
            words_en="A grant of this length takes effect when a second person confirms it.",
        )
    return CommandDone(done=len(ids) or len(facts.seated), words_zh="补时已生效。", words_en="The time was added.")
