"""A candidate's page says how long it could not reach us: compared with what was given back, and shown, never averaged."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.events import AlarmRaised
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, find_reversed
from server.delivery.ledger import append_row
from server.delivery.models import Attempt, TimeEntry
from server.delivery.queries import ledger_rows, lock_attempt
from server.delivery.time_keeping import length_zh, refresh_deadlines
from server.storage.unit_of_work import UnitOfWork, Work
from server.takeover.domain.outage_rules import THRESHOLDS, GapVerdict, Thresholds, judge_client_gap

REASONS = {
    GapVerdict.ANSWERED_LOCALLY: "考生在中断期间仍在本机继续作答（答题页测得中断 {gap}），建议该时段不另补时",
    GapVerdict.LONGER: "答题页测得的中断为 {gap}，比系统记录的 {stored} 更长，请核实",
    GapVerdict.SHORTER: "答题页测得的中断为 {gap}，比系统记录的 {stored} 更短，请核实",
}
ALONE = "只有这台机器与服务器失去联系（答题页测得中断 {gap}），请核实"


def report_client_gap(
    uow: UnitOfWork,
    attempt_id: str,
    gap: timedelta,
    *,
    answered_during_gap: bool,
    limits: Thresholds = THRESHOLDS,
) -> str | None:
    """Put a *proposal* before the exam office when the page's monotonic gap says something new; returns its id.

    The compensation of the room stands meanwhile. Proposed are: zero for a candidate who went on answering on the PC;
    another length when the difference is more than the tolerance; and, when no interruption of the room is on record, a
    seat interruption for a page that was away alone for longer than a presence gap. Repeating a report changes nothing.
    """
    if gap <= limits.nodes_silent_after:
        return None
    with uow() as work:
        attempt = lock_attempt(work.session, attempt_id)
        if not AttemptState(attempt.state).holds_paper:
            return None
        now = work.clock.now()
        room_row = _room_row_over(work, attempt, now - gap, now)
        if room_row is None or room_row.from_at is None:
            if gap <= limits.presence_gap or answered_during_gap:
                return None
            span = (now - gap, now)
            if _has_own_row(work, attempt, None, span[0], limits):
                return None
            return _propose(work, attempt, gap, ALONE.format(gap=length_zh(gap)), cause="lan_outage", span=span)
        if _has_own_row(work, attempt, room_row, room_row.from_at, limits):
            return None
        stored = (room_row.to_at or now) - room_row.from_at
        verdict = judge_client_gap(stored, gap, answered_during_gap=answered_during_gap, limits=limits)
        if verdict is GapVerdict.AGREES:
            return None
        reason = REASONS[verdict].format(gap=length_zh(gap), stored=length_zh(stored))
        if verdict is GapVerdict.ANSWERED_LOCALLY:
            return _propose(work, attempt, gap, reason, cause=room_row.cause, reverses_id=room_row.id)
        span = (room_row.from_at, room_row.from_at + gap)
        return _propose(work, attempt, gap, reason, cause=room_row.cause, span=span)


def _propose(
    work: Work,
    attempt: Attempt,
    gap: timedelta,
    reason: str,
    *,
    cause: str,
    span: tuple[datetime, datetime] | None = None,
    reverses_id: str | None = None,
) -> str:
    entry = append_row(
        work,
        kind=RowKind.REVERSAL if reverses_id else RowKind.INTERRUPTION,
        status=RowStatus.PROPOSED,
        sitting_id=attempt.sitting_id,
        room_id=attempt.room_id,
        attempt_id=attempt.id,
        from_at=span[0] if span else None,
        to_at=span[1] if span else None,
        reverses_id=reverses_id,
        cause=cause,
        reason=reason,
        client_gap=gap,
        actor=SYSTEM,
    )
    refresh_deadlines(work, attempt.sitting_id, attempt.room_id, [attempt.id], reason=cause)
    detail = {"sitting": attempt.sitting_id, "time_entry": entry.id, "client_gap_ms": entry.client_gap_ms}
    record(work, SYSTEM, AuditAction.DELIVERY_INTERRUPTION_PROPOSED, f"attempt:{attempt.id}", detail, reason)
    if not reverses_id:  # a room full of people who went on answering is a list, not forty alarms
        work.publish(
            AlarmRaised(
                sitting_id=attempt.sitting_id, room_id=attempt.room_id, kind="time_proposal", attempt_id=attempt.id
            )
        )
    return entry.id


def _room_row_over(work: Work, attempt: Attempt, from_at: datetime, to_at: datetime) -> TimeEntry | None:
    """The room's interruption that shares most time with the span; None when none touches it."""
    entries = work.session.scalars(
        select(TimeEntry).where(
            TimeEntry.sitting_id == attempt.sitting_id,
            TimeEntry.room_id == attempt.room_id,
            TimeEntry.attempt_id.is_(None),
            TimeEntry.kind == RowKind.INTERRUPTION.value,
            TimeEntry.from_at < to_at,
        )
    ).all()
    gone = find_reversed(ledger_rows(work.session, attempt.sitting_id))
    shared = {
        entry: min(entry.to_at or to_at, to_at) - max(entry.from_at or from_at, from_at)
        for entry in entries
        if entry.id not in gone
    }
    touching = {entry: length for entry, length in shared.items() if length > timedelta(0)}
    return max(touching, key=lambda entry: (touching[entry], entry.id)) if touching else None


def _has_own_row(
    work: Work, attempt: Attempt, room_row: TimeEntry | None, from_at: datetime, limits: Thresholds
) -> bool:
    """This candidate already has a row about the same span, whatever became of it."""
    own = work.session.scalars(select(TimeEntry).where(TimeEntry.attempt_id == attempt.id)).all()
    return any(
        (room_row is not None and entry.reverses_id == room_row.id)
        or (
            entry.kind == RowKind.INTERRUPTION
            and entry.from_at is not None
            and abs(entry.from_at - from_at) <= limits.client_tolerance
        )
        for entry in own
    )
