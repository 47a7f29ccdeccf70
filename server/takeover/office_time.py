"""The time ledger of a sitting as the exam office reads it: what waits, what stands, whom it concerns, in names.

Of a candidate: name, room and seat number, nothing else. Plain dictionaries: they go to the page as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts.models import Account
from server.delivery.domain.time_ledger import RowKind, RowStatus, TimeRow, find_reversed
from server.delivery.models import Attempt, TimeEntry
from server.delivery.queries import ledger_rows, row_of
from server.delivery.time_keeping import OPEN_STATES, to_ms
from server.scheduling.models import AdmissionTicket, Candidate, Room, Seat
from server.scheduling.queries import require_sitting
from server.takeover.domain.outage_rules import stored_length
from server.takeover.models import OutageDecision, OutageReport
from server.takeover.queries import awaiting_decision, undecided_time


def time_of_sitting(session: Session, sitting_id: str, now: datetime, actor_id: str = "") -> dict[str, Any]:
    """Rows that wait for a decision, rows to confirm, rows that stand, the decisions made and the reports of rooms that wait.

    Args:
        actor_id: who reads: nobody decides upon his own report.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
    """
    require_sitting(session, sitting_id)
    waiting, undecided = awaiting_decision(session, sitting_id), undecided_time(session, sitting_id)
    settled = _settled(session, sitting_id)
    decisions = session.scalars(
        select(OutageDecision).where(OutageDecision.sitting_id == sitting_id).order_by(OutageDecision.decided_at)
    ).all()
    reports = session.scalars(
        select(OutageReport).where(OutageReport.sitting_id == sitting_id).order_by(OutageReport.reported_at)
    ).all()
    names = _read_names(session, sitting_id, [*undecided, *settled], decisions, {each.reported_by for each in reports})
    reported = {each.id: each for each in reports}
    ledger = ledger_rows(session, sitting_id)
    return {
        "now_ms": to_ms(now),
        "awaiting_decision": [_entry(row, names, ledger) for row in waiting],
        "to_confirm": [_entry(row, names, ledger) for row in undecided],
        "settled": [_entry(row, names, ledger) for row in settled],
        "decisions": [_decision(made, names, reported.get(made.report_id or "")) for made in decisions],
        "reports": [
            _report(each, names, actor_id)
            for each in reports
            if any(row.room_id in each.room_ids and each.reported_at >= row.made_at for row in waiting)
        ],
    }


@dataclass(frozen=True, slots=True)
class _Names:
    rooms: dict[str, str]
    #: attempt → candidate's name, seat number
    people: dict[str, tuple[str, int]]
    accounts: dict[str, str]
    #: room → its attempts that have not ended
    open_attempts: dict[str, int]


def _settled(session: Session, sitting_id: str) -> list[TimeEntry]:
    """Confirmed rows in effect, newest first; what a person took back is not among them, nor is the taking back."""
    query = (
        select(TimeEntry)
        .where(TimeEntry.sitting_id == sitting_id, TimeEntry.status == RowStatus.CONFIRMED.value)
        .order_by(TimeEntry.made_at.desc(), TimeEntry.id)
    )
    reversed_ids = find_reversed(ledger_rows(session, sitting_id))
    return [
        entry
        for entry in session.scalars(query)
        if entry.id not in reversed_ids and not (entry.kind == RowKind.REVERSAL and entry.cause == "correction")
    ]


def _read_names(
    session: Session,
    sitting_id: str,
    rows: Sequence[TimeEntry],
    decisions: Sequence[OutageDecision],
    reporters: set[str],
) -> _Names:
    room_ids = {row.room_id for row in rows if row.room_id} | {each for made in decisions for each in made.room_ids}
    people = (
        select(Attempt.id, Candidate.name, Seat.number)
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .join(Candidate, Candidate.id == AdmissionTicket.candidate_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Attempt.id.in_({row.attempt_id for row in rows if row.attempt_id}))
    )
    account_ids = {row.made_by for row in rows} | {row.approved_by for row in rows if row.approved_by}
    account_ids |= {made.decided_by for made in decisions} | reporters
    counts = (
        select(Attempt.room_id, func.count())
        .where(Attempt.sitting_id == sitting_id, Attempt.state.in_(OPEN_STATES))
        .group_by(Attempt.room_id)
    )
    return _Names(
        rooms=dict(session.execute(select(Room.id, Room.name).where(Room.id.in_(room_ids))).all()),
        people={attempt_id: (name, number) for attempt_id, name, number in session.execute(people)},
        accounts=dict(
            session.execute(select(Account.id, Account.display_name).where(Account.id.in_(account_ids))).all()
        ),
        open_attempts=dict(session.execute(counts).all()),
    )


def _entry(row: TimeEntry, names: _Names, ledger: Sequence[TimeRow]) -> dict[str, Any]:
    name, seat_number = names.people.get(row.attempt_id or "", (None, None))
    server = stored_length(row_of(row), ledger, is_claim=row.client_gap_ms is not None)
    return {
        "id": row.id,
        "scope": row.scope,
        "room_id": row.room_id,
        "room_name": names.rooms.get(row.room_id or ""),
        "attempt_id": row.attempt_id,
        "candidate_name": name,
        "seat_number": seat_number,
        # whom a decision about the row concerns: candidates who have not ended
        "open_attempts": 1 if row.attempt_id else names.open_attempts.get(row.room_id or "", 0),
        "kind": row.kind,
        "from_ms": to_ms(row.from_at) if row.from_at else None,
        "to_ms": to_ms(row.to_at) if row.to_at else None,
        "grant_ms": row.grant_ms,
        "server_ms": None if server is None else server // timedelta(milliseconds=1),
        "client_gap_ms": row.client_gap_ms,
        "cause": row.cause,
        "reason": row.reason,
        "status": row.status,
        "made_by": row.made_by,
        "made_by_name": names.accounts.get(row.made_by),
        "approved_by_name": names.accounts.get(row.approved_by or ""),
    }


def _report(made: OutageReport, names: _Names, actor_id: str) -> dict[str, Any]:
    return {
        "id": made.id,
        "proposal": made.proposal,
        "fee_waiver": made.fee_waiver,
        "room_ids": made.room_ids,
        "reason": made.reason,
        "reported_by_name": names.accounts.get(made.reported_by),
        "reported_at_ms": to_ms(made.reported_at),
        "is_mine": made.reported_by == actor_id,
    }


def _decision(made: OutageDecision, names: _Names, report: OutageReport | None) -> dict[str, Any]:
    return {
        "id": made.id,
        "decision": made.decision,
        "fee_waiver": made.fee_waiver,
        "room_names": [names.rooms.get(each, each) for each in made.room_ids],
        "reason": made.reason,
        "reported_by_name": names.accounts.get(report.reported_by) if report else None,
        "reported_at_ms": to_ms(report.reported_at) if report else None,
        "decided_by_name": names.accounts.get(made.decided_by),
        "decided_at_ms": to_ms(made.decided_at),
    }
