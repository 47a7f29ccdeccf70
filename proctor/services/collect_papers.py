"""The proctor collects the papers of single candidates 强制收卷."""

from __future__ import annotations

from collections.abc import Sequence

from proctor.room_work import end_open_interruptions, enter_room, require_candidates
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.core.errors import Conflict
from server.delivery.domain.states import AttemptState
from server.delivery.services.collect_attempts import collect_attempts
from server.storage.unit_of_work import UnitOfWork


def collect_papers(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_ids: Sequence[str], reason: str, actor: Actor
) -> CommandDone:
    """End these attempts; what was answered counts. Repeating it changes nothing.

    Raises:
        NotFound: room or candidate out of reach. Conflict: `NOT_ARRIVED`: somebody has not signed in.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        named = require_candidates(facts, attempt_ids)
        if any(one.state is AttemptState.EXPECTED for one in named):
            raise Conflict(
                "NOT_ARRIVED",
                "所选考生中有人尚未登录，没有试卷可收。",
                "Somebody has not signed in: there is no paper to collect.",
            )
        ids = [one.attempt.id for one in named]
        end_open_interruptions(work, sitting_id, room_id, ids, of_room=False)
        done = collect_attempts(work, sitting_id, room_id, ids, actor, reason)
    return CommandDone(done=done, words_zh=f"已收卷 {done} 份。", words_en=f"{done} collected.")
