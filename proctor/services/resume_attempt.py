"""The proctor lets a suspended candidate go on, and stands for the time lost."""

from __future__ import annotations

from proctor.room_work import enter_room, require_candidate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.delivery.domain.time_ledger import RowStatus
from server.delivery.services.close_interruption import close_interruption
from server.storage.unit_of_work import UnitOfWork


def resume_attempt(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_id: str, reason: str, actor: Actor
) -> CommandDone:
    """Resume now; the time lost is given back unless it is over the limit.

    Raises:
        NotFound: room or candidate out of reach. Conflict: `NOT_SUSPENDED`, `AWAITING_DECISION`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_candidate(facts, attempt_id)
        entry = close_interruption(
            work, sitting_id=sitting_id, room_id=room_id, attempt_id=attempt_id, reason=reason, actor=actor
        )
    if entry.status == RowStatus.CONFIRMED:
        return CommandDone(
            done=1, words_zh="已恢复，耽误的时间已补回。", words_en="Resumed; the time lost was given back."
        )
    return CommandDone(
        done=1,
        words_zh="已恢复；耽误的时间超过上限，须由考务办确认。",
        words_en="Resumed; the office confirms the time lost.",
    )
