"""A proctor's words to one candidate or the room; they stay until seen, and are on record."""

from __future__ import annotations

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.events import MessageSent
from server.core.ids import new_id
from server.delivery.models import RoomMessage
from server.storage.unit_of_work import Work


def send_message(work: Work, sitting_id: str, room_id: str, attempt_id: str | None, text: str, actor: Actor) -> str:
    """Store and send; `attempt_id` None = the whole room. The caller has checked the reach."""
    message = RoomMessage(
        id=new_id(),
        sitting_id=sitting_id,
        room_id=room_id,
        attempt_id=attempt_id,
        text=text,
        sent_by=actor.id,
        sent_at=work.clock.now(),
    )
    work.session.add(message)
    record(
        work, actor, AuditAction.PROCTOR_MESSAGE_SENT, f"room:{room_id}", {"attempt": attempt_id, "message": message.id}
    )
    work.publish(MessageSent(sitting_id=sitting_id, room_id=room_id, message_id=message.id, attempt_id=attempt_id))
    return message.id
