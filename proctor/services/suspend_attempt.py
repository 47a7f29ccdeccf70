"""The proctor stops one candidate's clock, e.g. for a machine that fails (architecture 4.6)."""

from __future__ import annotations

from proctor.room_work import enter_room, require_candidate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.delivery.services.open_interruption import open_interruption
from server.storage.unit_of_work import UnitOfWork


def suspend_attempt(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_id: str, reason: str, actor: Actor
) -> CommandDone:
    """Suspend from now on.

    Raises:
        NotFound: room or candidate out of reach.
        Conflict: `ALREADY_SUSPENDED`, `TIME_OVER`, `TRANSITION_REFUSED`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_candidate(facts, attempt_id)
        open_interruption(
            work,
            sitting_id=sitting_id,
            room_id=room_id,
            attempt_id=attempt_id,
            cause="pc_failure",
            reason=reason,
            actor=actor,
        )
    return CommandDone(
        done=1, words_zh="已暂停，该考生停止计时。", words_en="Suspended; the candidate's clock stands still."
    )
