"""A proctor lets a candidate go on at another device or seat 换机."""

from __future__ import annotations

from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt
from server.scheduling.models import Seat
from server.storage.unit_of_work import Work


def release_seat(work: Work, attempt: Attempt, to_seat_id: str | None, actor: Actor, reason: str) -> None:
    """Allow the next log-in from another device; `attempt` is locked and of the caller's room.

    The old page keeps its epoch until the new device signs in; from then on its answers are kept but not counted.

    Raises:
        Conflict: `ALREADY_ENDED`; `SEAT_TAKEN`: somebody sits there; `SEAT_NOT_IN_ROOM`.
    """
    if AttemptState(attempt.state).is_final:
        raise Conflict("ALREADY_ENDED", "该考生已结束考试，不需要换机。", "This candidate's exam has ended.")
    old_seat_id = attempt.seat_id
    if to_seat_id is not None and to_seat_id != old_seat_id:
        seat = work.session.get(Seat, to_seat_id)
        if seat is None or seat.room_id != attempt.room_id:
            raise Conflict("SEAT_NOT_IN_ROOM", "这个机位不在本考场。", "That seat is not in this room.")
        sitter = work.session.scalar(
            select(Attempt).where(Attempt.sitting_id == attempt.sitting_id, Attempt.seat_id == to_seat_id)
        )
        if sitter is not None and sitter.state != AttemptState.ABSENT.value:
            raise Conflict(
                "SEAT_TAKEN", f"{seat.number} 号机位已有考生，请另选备用机。", f"Seat {seat.number} is taken."
            )
        attempt.seat_id = to_seat_id
    attempt.released_at = work.clock.now()
    detail = {"from_seat": old_seat_id, "to_seat": attempt.seat_id, "epoch": attempt.epoch}
    record(work, actor, AuditAction.DELIVERY_ATTEMPT_MOVED, f"attempt:{attempt.id}", detail, reason)
    work.publish(
        AttemptChanged(sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt.id, what="released")
    )
