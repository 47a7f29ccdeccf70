"""A person adds time for some candidates, or for a room. A large grant takes two people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput
from server.core.events import AlarmRaised
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, find_reversed
from server.delivery.domain.time_rules import ClockPhase
from server.delivery.ledger import append_row, lock_attempts
from server.delivery.models import TimeEntry
from server.delivery.queries import ledger_rows
from server.delivery.time_keeping import read_clock, refresh_deadlines, room_clock
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import Work

CAUSE = "proctor_grant"


def grant_time(
    work: Work,
    *,
    sitting_id: str,
    room_id: str,
    attempt_ids: Sequence[str] = (),
    amount: timedelta,
    reason: str,
    actor: Actor,
) -> list[TimeEntry]:
    """Add time in the caller's transaction: one row for each attempt, or one for the room when none is named.

    Up to the profile's `second_approval_over` it counts at once. Above, counting what the same candidate (or room) was
    granted before, so that a large grant cannot be cut into small ones, the row is proposed and a second person
    confirms it (`decide_time`).

    Raises:
        InvalidInput: `GRANT_NOT_POSITIVE`.
        Conflict: `ALREADY_ENDED`, `TIME_OVER`: there is no running attempt to add time to.
        NotFound: an attempt is not in this room.
    """
    if amount <= timedelta(0):
        raise InvalidInput("GRANT_NOT_POSITIVE", "补时必须大于 0 秒。", "The time added must be more than 0 seconds.")
    session, now = work.session, work.clock.now()
    if attempt_ids:
        for attempt in lock_attempts(session, sitting_id, room_id, attempt_ids):
            if AttemptState(attempt.state).is_final:
                raise Conflict(
                    "ALREADY_ENDED",
                    "该考生已结束考试，不能补时。",
                    "This candidate's exam has ended.",
                    attempt_id=attempt.id,
                )
            _require_time_left(read_clock(session, attempt, now).phase)
    else:
        _require_time_left(room_clock(session, sitting_id, room_id, now).phase)
    limit = sitting_profile(session, sitting_id).second_approval_over
    rows = ledger_rows(session, sitting_id)
    reversed_ids = find_reversed(rows)
    entries: list[TimeEntry] = []
    concerned: list[str | None] = [*sorted(set(attempt_ids))] or [None]
    for attempt_id in concerned:
        before = sum(
            (
                row.grant
                for row in rows
                if row.kind is RowKind.GRANT
                and (row.attempt_id, row.cause) == (attempt_id, CAUSE)
                and (attempt_id is not None or row.room_id == room_id)
                and row.id not in reversed_ids
                and row.status.is_in_effect
            ),
            timedelta(0),
        )
        needs_second = before + amount > limit
        entries.append(
            append_row(
                work,
                kind=RowKind.GRANT,
                status=RowStatus.PROPOSED if needs_second else RowStatus.CONFIRMED,
                sitting_id=sitting_id,
                room_id=room_id,
                attempt_id=attempt_id,
                grant=amount,
                cause=CAUSE,
                reason=reason,
                actor=actor,
            )
        )
    refresh_deadlines(work, sitting_id, room_id, list(attempt_ids) or None, reason=CAUSE)
    for entry in entries:
        subject = f"attempt:{entry.attempt_id}" if entry.attempt_id else f"room:{room_id}"
        detail = {
            "sitting": sitting_id,
            "time_entry": entry.id,
            "seconds": amount.total_seconds(),
            "status": entry.status,
        }
        record(work, actor, AuditAction.DELIVERY_TIME_GRANTED, subject, detail, reason)
        if entry.status == RowStatus.PROPOSED:
            work.publish(
                AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="time_proposal", attempt_id=entry.attempt_id)
            )
    return entries


def _require_time_left(phase: ClockPhase) -> None:
    if phase is ClockPhase.OVER:
        raise Conflict("TIME_OVER", "考试时间已结束，不能再补时。", "The time is over; nothing can be added to it.")
