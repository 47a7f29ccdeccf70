"""Work goes on: the interruption ends here, and what it cost is given back or put before a person."""

from __future__ import annotations

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM, Actor
from server.core.errors import Conflict
from server.core.events import AlarmRaised, AttemptChanged
from server.core.state_machine import advance
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.domain.time_ledger import RowStatus
from server.delivery.ledger import lock_attempts, open_interruptions
from server.delivery.models import TimeEntry
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import Work


def close_interruption(
    work: Work,
    *,
    sitting_id: str,
    room_id: str,
    attempt_id: str | None = None,
    reason: str,
    actor: Actor,
    give_back: bool = True,
) -> TimeEntry:
    """End the open interruption of the attempt (None: of the room) in the caller's transaction.

    A seat goes on at once; its time counts when a person ends it with `give_back`, and is only proposed otherwise, or
    when it lasted longer than the profile's limit. A room over the limit does not go on: it waits for the decision of
    the responsible person (INC-5, architecture 4.5).

    Raises:
        Conflict: `NOT_SUSPENDED`: nothing stands still; `AWAITING_DECISION`: only the responsible person can go on.
        NotFound: the attempt is not in this room.
    """
    session, now = work.session, work.clock.now()
    attempt = lock_attempts(session, sitting_id, room_id, [attempt_id])[0] if attempt_id else None
    entries = open_interruptions(session, sitting_id, room_id, attempt_id)
    if not entries:
        raise Conflict("NOT_SUSPENDED", "当前没有处于暂停中。", "Nothing stands still here.")
    entry = entries[0]
    if entry.status == RowStatus.AWAITING_DECISION:
        raise Conflict(
            "AWAITING_DECISION",
            "中断已超过规定时限，须由考试负责人决定继续、改期或取消。",
            "The interruption is over the limit: the responsible person decides whether to go on, reschedule or cancel.",
        )
    lasted = now - (entry.from_at or now)
    is_over_limit = lasted > sitting_profile(session, sitting_id).outage_limit
    if attempt is None and is_over_limit:
        entry.status = RowStatus.AWAITING_DECISION.value
        work.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="awaiting_decision"))
    else:
        entry.to_at = now
        if give_back and not is_over_limit and actor != SYSTEM:
            entry.status, entry.approved_by, entry.approved_at = RowStatus.CONFIRMED.value, actor.id, now
    was_suspended = attempt is not None and attempt.state == AttemptState.SUSPENDED
    if attempt is not None and was_suspended:
        attempt.state = advance(ATTEMPT_TRANSITIONS, AttemptState(attempt.state), AttemptAction.RESUME).value
    refresh_deadlines(work, sitting_id, room_id, [attempt_id] if attempt_id else None, reason=entry.cause)
    action = AuditAction.DELIVERY_ATTEMPT_RESUMED if was_suspended else AuditAction.DELIVERY_INTERRUPTION_CLOSED
    subject = f"attempt:{attempt_id}" if attempt_id else f"room:{room_id}"
    detail = {
        "sitting": sitting_id,
        "time_entry": entry.id,
        "seconds": round(lasted.total_seconds(), 3),
        "status": entry.status,
    }
    record(work, actor, action, subject, detail, reason)
    if was_suspended and attempt is not None:
        work.publish(AttemptChanged(sitting_id=sitting_id, room_id=room_id, attempt_id=attempt.id, what="resumed"))
    if attempt is not None and entry.status == RowStatus.PROPOSED:
        work.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="time_proposal", attempt_id=attempt.id))
    return entry
