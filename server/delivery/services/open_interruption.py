"""Something keeps one candidate, or a room, from working: from here on the time is being lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM, Actor
from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.core.state_machine import advance
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus
from server.delivery.domain.time_rules import ClockPhase
from server.delivery.ledger import append_row, lock_attempts, open_interruptions
from server.delivery.models import Attempt, TimeEntry
from server.delivery.time_keeping import read_clock, refresh_deadlines, room_clock
from server.storage.unit_of_work import Work


def open_interruption(
    work: Work,
    *,
    sitting_id: str,
    room_id: str,
    attempt_id: str | None = None,
    cause: str,
    reason: str,
    actor: Actor,
    since: datetime | None = None,
    suspend: bool = True,
) -> TimeEntry:
    """Open an interruption in the caller's transaction.

    A seat's: the attempt is suspended and its clock stands still; the time takes effect when somebody ends the
    interruption and stands for it (architecture 4.6). A room's: every clock of the room stands still at once.

    Args:
        attempt_id: None: the whole room.
        cause: pc_failure, pc_swap, lan_outage, server_outage, proctor_grant.
        since: when it began if that was noticed later, e.g. the last life sign; never before the candidate's start.
        suspend: False only proposes the row and lets the candidate go on: nobody is sure yet. Who suspends later takes
            such a row over: the clock then stands still from its beginning.

    Raises:
        Conflict: `ALREADY_SUSPENDED`; `TIME_OVER`: an interruption that begins after the end changes nothing
            (architecture 4.8); `TRANSITION_REFUSED`: the attempt is not being answered.
        NotFound: the attempt is not in this room.
    """
    session, now = work.session, work.clock.now()
    attempt = lock_attempts(session, sitting_id, room_id, [attempt_id])[0] if attempt_id else None
    entries = open_interruptions(session, sitting_id, room_id, attempt_id)
    if (
        attempt is not None
        and suspend
        and attempt.state == AttemptState.ANSWERING
        and entries
        and is_automatic(entries)
    ):
        return _suspend_under(work, entries[0], attempt, reason, actor)
    if entries:
        raise Conflict("ALREADY_SUSPENDED", "已处于暂停中，无需重复操作。", "It stands still already.")
    clock = read_clock(session, attempt, now) if attempt else room_clock(session, sitting_id, room_id, now)
    earliest = clock.starts_at if attempt is None or attempt.started_at is None else attempt.started_at
    from_at = min(now, max(since, earliest)) if since else now
    if clock.phase is ClockPhase.OVER and from_at >= clock.ends_at:
        raise Conflict(
            "TIME_OVER", "考试时间已结束，不能再暂停。", "The time is over; there is nothing left to interrupt."
        )

    if attempt is not None and suspend:
        attempt.state = advance(ATTEMPT_TRANSITIONS, AttemptState(attempt.state), AttemptAction.SUSPEND).value
    entry = append_row(
        work,
        kind=RowKind.INTERRUPTION,
        status=RowStatus.PROPOSED if attempt else RowStatus.PROVISIONAL,
        sitting_id=sitting_id,
        room_id=room_id,
        attempt_id=attempt_id,
        from_at=from_at,
        cause=cause,
        reason=reason,
        actor=actor,
    )
    refresh_deadlines(work, sitting_id, room_id, [attempt_id] if attempt_id else None, reason=cause)
    suspended = attempt is not None and suspend
    action = AuditAction.DELIVERY_ATTEMPT_SUSPENDED if suspended else AuditAction.DELIVERY_INTERRUPTION_OPENED
    subject = f"attempt:{attempt_id}" if attempt_id else f"room:{room_id}"
    detail = {"sitting": sitting_id, "time_entry": entry.id, "cause": cause, "from": from_at.isoformat()}
    record(work, actor, action, subject, detail, reason)
    if attempt is not None and suspend:
        work.publish(AttemptChanged(sitting_id=sitting_id, room_id=room_id, attempt_id=attempt.id, what="suspended"))
    return entry


def is_automatic(entries: Sequence[TimeEntry]) -> bool:
    """Nobody but the system stands for these rows yet (or there is none): a person may take the seat over."""
    return all(entry.made_by == SYSTEM.id and entry.status == RowStatus.PROPOSED.value for entry in entries)


def _suspend_under(work: Work, entry: TimeEntry, attempt: Attempt, reason: str, actor: Actor) -> TimeEntry:
    """The system saw it first; a person now stops the clock under the same row."""
    attempt.state = advance(ATTEMPT_TRANSITIONS, AttemptState(attempt.state), AttemptAction.SUSPEND).value
    refresh_deadlines(work, attempt.sitting_id, attempt.room_id, [attempt.id], reason=entry.cause)
    detail = {
        "sitting": attempt.sitting_id,
        "time_entry": entry.id,
        "cause": entry.cause,
        "from": (entry.from_at or work.clock.now()).isoformat(),
    }
    record(work, actor, AuditAction.DELIVERY_ATTEMPT_SUSPENDED, f"attempt:{attempt.id}", detail, reason)
    ids = {"sitting_id": attempt.sitting_id, "room_id": attempt.room_id, "attempt_id": attempt.id}
    work.publish(AttemptChanged(**ids, what="suspended"))
    return entry
