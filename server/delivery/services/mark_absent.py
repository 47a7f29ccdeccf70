"""Whoever has not come when late entry ends is absent (30-ABS: SZ-7.3(3), AH-R15.6)."""

from __future__ import annotations

from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.events import AttemptChanged, AttemptEnded
from server.core.state_machine import advance
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.models import Attempt
from server.storage.unit_of_work import Work


def mark_absent(work: Work, sitting_id: str, room_id: str, actor: Actor) -> int:
    """Mark every expected candidate of the room absent; the caller has checked that late entry has ended."""
    absent = work.session.scalars(
        select(Attempt)
        .where(
            Attempt.sitting_id == sitting_id, Attempt.room_id == room_id, Attempt.state == AttemptState.EXPECTED.value
        )
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    for attempt in absent:
        attempt.state = advance(ATTEMPT_TRANSITIONS, AttemptState(attempt.state), AttemptAction.MARK_ABSENT).value
        attempt.ended_at = work.clock.now()
        ids = {"sitting_id": sitting_id, "room_id": room_id, "attempt_id": attempt.id}
        record(work, actor, AuditAction.DELIVERY_ATTEMPT_MARKED_ABSENT, f"attempt:{attempt.id}")
        work.publish(AttemptChanged(**ids, what="absent"))
        work.publish(AttemptEnded(**ids, how="absent"))
    return len(absent)
