"""A candidate raises or lowers the hand, with a preset reason only (SZ-4.4: no questions about content)."""

from __future__ import annotations

from server.core.events import AlarmRaised, AttemptChanged
from server.delivery.models import Attempt
from server.storage.unit_of_work import UnitOfWork


def raise_hand(uow: UnitOfWork, attempt_id: str, reason: str | None) -> None:
    """`reason` None lowers it."""
    with uow() as work:
        attempt = work.session.get_one(Attempt, attempt_id, with_for_update=True)
        attempt.hand_reason = reason
        attempt.hand_raised_at = work.clock.now() if reason else None
        ids = {"sitting_id": attempt.sitting_id, "room_id": attempt.room_id, "attempt_id": attempt.id}
        work.publish(AttemptChanged(**ids, what="hand"))
        if reason:
            work.publish(AlarmRaised(**ids, kind="hand"))
