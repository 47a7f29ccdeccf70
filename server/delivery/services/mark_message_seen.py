"""A candidate acknowledged a proctor's message."""

from __future__ import annotations

from server.core.errors import NotFound
from server.delivery.models import Attempt, MessageReceipt, RoomMessage
from server.storage.unit_of_work import UnitOfWork


def mark_message_seen(uow: UnitOfWork, attempt_id: str, message_id: str) -> None:
    """Note it once.

    Raises:
        NotFound: no such message, or not for this candidate.
    """
    with uow() as work:
        attempt = work.session.get_one(Attempt, attempt_id)
        message = work.session.get(RoomMessage, message_id)
        if (
            message is None
            or (message.sitting_id, message.room_id) != (attempt.sitting_id, attempt.room_id)
            or message.attempt_id not in (None, attempt_id)
        ):
            raise NotFound
        if work.session.get(MessageReceipt, (message_id, attempt_id)) is None:
            work.session.add(MessageReceipt(message_id=message_id, attempt_id=attempt_id, seen_at=work.clock.now()))
