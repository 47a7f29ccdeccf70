"""A candidate's page says how long it could not reach us: compared with what was given back, and shown, never averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.events import AlarmRaised
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, find_reversed
from server.delivery.ledger import append_row
from server.delivery.models import Attempt, TimeEntry
from server.delivery.queries import ledger_rows, lock_attempt
from server.delivery.time_keeping import length_zh
from server.storage.unit_of_work import UnitOfWork, Work
from server.takeover.domain.outage_rules import SEAT_CAUSES, THRESHOLDS, GapVerdict, Thresholds, judge_client_gap

REASONS = {
    GapVerdict.ANSWERED_LOCALLY: "考生在中断期间仍在本机继续作答（答题页测得中断 {gap}），建议该时段不另补时",
    GapVerdict.LONGER: "答题页测得的中断为 {gap}，比系统记录的 {stored} 更长，请核实",
    GapVerdict.SHORTER: "答题页测得的中断为 {gap}，比系统记录的 {stored} 更短，请核实",
}
ALONE = "只有这台机器与服务器失去联系（答题页测得中断 {gap}），请核实"


@dataclass(frozen=True, slots=True)
class GapReport:
    """What one page measured on its monotonic clock, and when it was heard."""

    gap: timedelta
    answered_during_gap: bool
    heard_at: datetime


def report_client_gaps(
    uow: UnitOfWork, reports: Mapping[str, GapReport], limits: Thresholds = THRESHOLDS
) -> dict[str, str]:
    """Judge the reports of many pages (attempt id → report) in one transaction; returns attempt id → proposal's id.

    After an outage the whole room reports within seconds: one commit for all of them, beside the answers' own.
    """
    told = {attempt_id: report for attempt_id, report in reports.items() if report.gap >= limits.client_gap_least}
    if not told:
        return {}
    made = {}
    with uow() as work:
        taken_back = _TakenBack(work.session)
        for attempt_id in sorted(told):
            entry_id = _judge(work, taken_back, attempt_id, told[attempt_id], limits)
            if entry_id is not None:
                made[attempt_id] = entry_id
    return made


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
    report = GapReport(gap, answered_during_gap, uow.clock.now())
    return report_client_gaps(uow, {attempt_id: report}, limits).get(attempt_id)


class _TakenBack:
    """Ids of rows that are taken back, read once a sitting: what a batch proposes changes nothing about it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, frozenset[str]] = {}

    def of(self, sitting_id: str) -> frozenset[str]:
        if sitting_id not in self._known:
            self._known[sitting_id] = find_reversed(ledger_rows(self._session, sitting_id))
        return self._known[sitting_id]


def _judge(work: Work, taken_back: _TakenBack, attempt_id: str, report: GapReport, limits: Thresholds) -> str | None:
    attempt = lock_attempt(work.session, attempt_id)
    if not AttemptState(attempt.state).holds_paper:
        return None
    gap, now = report.gap, report.heard_at
    room_row = _room_row_over(work, taken_back, attempt, now - gap, now)
    if room_row is None or room_row.from_at is None:
        return _judge_alone(work, taken_back, attempt, report, limits)
    if _has_own_row(work, attempt, room_row, room_row.from_at, limits):
        return None
    stored = (room_row.to_at or now) - room_row.from_at
    verdict = judge_client_gap(stored, gap, answered_during_gap=report.answered_during_gap, limits=limits)
    if verdict is GapVerdict.AGREES:
        return None
    reason = REASONS[verdict].format(gap=length_zh(gap), stored=length_zh(stored))
    if verdict is GapVerdict.ANSWERED_LOCALLY:
        return _propose(work, attempt, gap, reason, cause=room_row.cause, reverses_id=room_row.id)
    span = (room_row.from_at, room_row.from_at + gap)
    return _propose(work, attempt, gap, reason, cause=room_row.cause, span=span)


def _judge_alone(
    work: Work, taken_back: _TakenBack, attempt: Attempt, report: GapReport, limits: Thresholds
) -> str | None:
    """Nobody else was away: the seat's own row, if its silence was found already, else a proposal of one."""
    gap, now = report.gap, report.heard_at
    seat_row = _seat_row_over(work, taken_back, attempt, now - gap, now)
    if seat_row is None:
        if gap <= limits.presence_gap or report.answered_during_gap:
            return None
        span = (now - gap, now)
        if _has_own_row(work, attempt, None, span[0], limits):
            return None
        return _propose(work, attempt, gap, ALONE.format(gap=length_zh(gap)), cause="lan_outage", span=span)
    if seat_row.client_gap_ms is None:  # beside the servers' figure, never instead of it
        seat_row.client_gap_ms = gap // timedelta(milliseconds=1)
        work.session.flush()
    if not report.answered_during_gap or _has_own_row(work, attempt, seat_row, now, limits):
        return None
    reason = REASONS[GapVerdict.ANSWERED_LOCALLY].format(gap=length_zh(gap))
    return _propose(work, attempt, gap, reason, cause=seat_row.cause, reverses_id=seat_row.id)


def _seat_row_over(
    work: Work, taken_back: _TakenBack, attempt: Attempt, from_at: datetime, to_at: datetime
) -> TimeEntry | None:
    """The interruption of this seat that the system or a proctor recorded over the span."""
    entries = work.session.scalars(
        select(TimeEntry)
        .where(
            TimeEntry.attempt_id == attempt.id,
            TimeEntry.kind == RowKind.INTERRUPTION.value,
            TimeEntry.cause.in_(SEAT_CAUSES),
            TimeEntry.from_at < to_at,
        )
        .order_by(TimeEntry.from_at.desc(), TimeEntry.id)
    ).all()
    gone = taken_back.of(attempt.sitting_id)
    return next(
        (e for e in entries if e.id not in gone and (e.to_at is None or e.to_at > from_at)),
        None,
    )


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
    detail = {"sitting": attempt.sitting_id, "time_entry": entry.id, "client_gap_ms": entry.client_gap_ms}
    record(work, SYSTEM, AuditAction.DELIVERY_INTERRUPTION_PROPOSED, f"attempt:{attempt.id}", detail, reason)
    if not reverses_id:  # a room full of people who went on answering is a list, not forty alarms
        work.publish(
            AlarmRaised(
                sitting_id=attempt.sitting_id, room_id=attempt.room_id, kind="time_proposal", attempt_id=attempt.id
            )
        )
    return entry.id


def _room_row_over(
    work: Work, taken_back: _TakenBack, attempt: Attempt, from_at: datetime, to_at: datetime
) -> TimeEntry | None:
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
    gone = taken_back.of(attempt.sitting_id)
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
