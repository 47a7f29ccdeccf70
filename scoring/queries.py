"""Reads of scores and results. Every read that could show a score asks who is reading (checklist B8)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from itembank.models import Package, Script
from scoring.attendance import ENDED_STATES, attendance_at_end
from scoring.domain.states import Attendance, ResultState
from scoring.domain.visibility import may_see_score
from scoring.mark_schemes import scheme_in_force
from scoring.models import AttemptScore, OutboxMessage, Result
from server.core.actor import Actor
from server.core.errors import Forbidden
from server.core.permissions import Permission, may
from server.delivery.models import Attempt
from server.scheduling.models import AdmissionTicket, Candidate, Room, Seat, Sitting, SittingRoom
from server.scheduling.queries import require_sitting

PUBLISHED = [state.value for state in ResultState if state.is_published]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One line of a score list. `score` in 1/100 point; None when there is none or the reader may not see it."""

    result_id: str
    attempt_id: str
    candidate_id: str
    name: str
    id_type: str
    id_number_masked: str
    ticket_number: str
    room_name: str
    seat_number: int
    state: ResultState
    attendance: Attendance
    score: int | None
    passed: bool | None
    #: True when there may be a score that this reader must not see yet
    is_hidden: bool


@dataclass
class SittingCounts:
    """How far the results of a sitting are. Counts only: nothing here tells a score."""

    sitting_id: str
    name: str
    occupation_name: str
    level: int
    starts_at: datetime
    is_rehearsal: bool
    attempts: int = 0
    ended: int = 0
    by_state: dict[str, int] = field(default_factory=dict)
    by_attendance: dict[str, int] = field(default_factory=dict)
    delivered: int = 0
    waiting: int = 0
    dead: int = 0


def not_published() -> Forbidden:
    """The one answer to everybody who asks for a score too early, or has no business with it."""
    return Forbidden(
        "NOT_PUBLISHED", "成绩尚未发布，暂不能查看。", "Results have not been released yet and cannot be seen."
    )


def attempts_to_settle(session: Session, sitting_id: str | None = None) -> list[str]:
    """Ended attempts whose unpublished result is missing or out of date, oldest ending first."""
    query = (
        select(
            Attempt.id,
            Attempt.state,
            Attempt.started_at,
            Result.state,
            Result.attendance,
            AttemptScore.mark_scheme_id,
            Package.paper_id,
        )
        .outerjoin(Result, Result.attempt_id == Attempt.id)
        .outerjoin(AttemptScore, AttemptScore.id == Result.score_id)
        .outerjoin(Script, Script.id == Attempt.script_id)
        .outerjoin(Package, Package.id == Script.package_id)
        .where(Attempt.state.in_(ENDED_STATES))
        .where(or_(Result.id.is_(None), Result.state.not_in(PUBLISHED)))
        .order_by(Attempt.ended_at, Attempt.id)
    )
    if sitting_id is not None:
        query = query.where(Attempt.sitting_id == sitting_id)
    in_force: dict[str, str | None] = {}
    waiting = []
    row: Any  # the outer joins make half of it nullable, which the column types do not say
    for row in session.execute(query):
        attempt_id, state, started_at, result_state, attendance, scheme_id, paper_id = row
        expected = attendance_at_end(state, started_at)
        if paper_id is not None and paper_id not in in_force:
            scheme_row = scheme_in_force(session, paper_id)
            in_force[paper_id] = scheme_row.id if scheme_row else None
        is_settled = result_state is not None and result_state != ResultState.PENDING and attendance == expected
        if is_settled and (expected is not Attendance.TAKEN or scheme_id == in_force.get(paper_id)):
            continue
        waiting.append(attempt_id)
    return waiting


def unfinished_attempts(session: Session, sitting_id: str) -> int:
    """How many attempts of the sitting have not ended."""
    query = select(func.count()).where(Attempt.sitting_id == sitting_id, Attempt.state.not_in(ENDED_STATES))
    return session.execute(query.select_from(Attempt)).scalar_one()


def results_of_sitting(session: Session, sitting_id: str, *, lock: bool = False) -> list[Result]:
    """All results of a sitting in ticket order (SZ-7.4(3))."""
    query = (
        select(Result)
        .join(Attempt, Attempt.id == Result.attempt_id)
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .where(Result.sitting_id == sitting_id)
        .order_by(AdmissionTicket.number)
    )
    return list(session.scalars(query.with_for_update(of=Result) if lock else query))


def rooms_without_record(session: Session, sitting_id: str) -> list[str]:
    """Names of the sitting's rooms whose record nobody has signed yet."""
    return list(
        session.scalars(
            select(Room.name)
            .join(SittingRoom, SittingRoom.room_id == Room.id)
            .where(SittingRoom.sitting_id == sitting_id, SittingRoom.record_signed_at.is_(None))
            .order_by(Room.number)
        )
    )


def result_rows(session: Session, sitting_id: str, actor: Actor) -> list[ResultRow]:
    """The sitting's results in ticket order; scores are left out where this reader may not see them yet.

    Raises:
        Forbidden: `NOT_PUBLISHED`: the role has no business with results.
        NotFound: `SITTING_NOT_FOUND`.
    """
    if not may(actor.role, Permission.RESULTS_RESULT_READ):
        raise not_published()
    require_sitting(session, sitting_id)
    query = (
        select(Result, Candidate, AdmissionTicket.number, Room.name, Seat.number)
        .join(Attempt, Attempt.id == Result.attempt_id)
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .join(Candidate, Candidate.id == AdmissionTicket.candidate_id)
        .join(Room, Room.id == Attempt.room_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Result.sitting_id == sitting_id)
        .order_by(AdmissionTicket.number)
    )
    rows = []
    for result, candidate, ticket_number, room_name, seat_number in session.execute(query):
        state = ResultState(result.state)
        is_visible = may_see_score(actor.role, state)
        rows.append(
            ResultRow(
                result_id=result.id,
                attempt_id=result.attempt_id,
                candidate_id=candidate.id,
                name=candidate.name,
                id_type=candidate.id_type,
                id_number_masked=candidate.id_number_masked,
                ticket_number=ticket_number,
                room_name=room_name,
                seat_number=seat_number,
                state=state,
                attendance=Attendance(result.attendance),
                score=result.score if is_visible else None,
                passed=result.passed if is_visible else None,
                is_hidden=not is_visible,
            )
        )
    return rows


def published_rows(session: Session, sitting_id: str, actor: Actor) -> list[ResultRow]:
    """As `result_rows`, for what leaves the house: only when every result of the sitting is released.

    Raises:
        Forbidden: `NOT_PUBLISHED`.
        NotFound: `SITTING_NOT_FOUND`.
    """
    rows = result_rows(session, sitting_id, actor)
    if not rows or any(not row.state.is_published for row in rows):
        raise not_published()
    return rows


def sittings_with_results(session: Session, actor: Actor) -> list[SittingCounts]:
    """Every sitting with attempts, newest first: counts only.

    Raises:
        Forbidden: `NOT_PUBLISHED`.
    """
    if not may(actor.role, Permission.RESULTS_RESULT_READ):
        raise not_published()
    found = {
        sitting.id: SittingCounts(
            sitting_id=sitting.id,
            name=sitting.name,
            occupation_name=sitting.occupation_name,
            level=sitting.level,
            starts_at=sitting.starts_at,
            is_rehearsal=sitting.is_rehearsal,
        )
        for sitting in session.scalars(select(Sitting).order_by(Sitting.starts_at.desc(), Sitting.id))
    }
    attempts = select(Attempt.sitting_id, Attempt.state, func.count()).group_by(Attempt.sitting_id, Attempt.state)
    for sitting_id, state, count in session.execute(attempts):
        found[sitting_id].attempts += count
        found[sitting_id].ended += count if state in ENDED_STATES else 0
    results = select(Result.sitting_id, Result.state, Result.attendance, func.count()).group_by(
        Result.sitting_id, Result.state, Result.attendance
    )
    for sitting_id, state, attendance, count in session.execute(results):
        counts = found[sitting_id]
        counts.by_state = dict(Counter(counts.by_state) + Counter({state: count}))
        counts.by_attendance = dict(Counter(counts.by_attendance) + Counter({attendance: count}))
    delivered, dead = OutboxMessage.delivered_at.is_not(None), OutboxMessage.dead_at.is_not(None)
    messages = (
        select(Result.sitting_id, delivered, dead, func.count())
        .join(Result, Result.id == OutboxMessage.subject_id)
        .group_by(Result.sitting_id, delivered, dead)
    )
    for sitting_id, is_delivered, is_dead, count in session.execute(messages):
        name = "delivered" if is_delivered else "dead" if is_dead else "waiting"
        setattr(found[sitting_id], name, getattr(found[sitting_id], name) + count)
    return [counts for counts in found.values() if counts.attempts]


def own_result(session: Session, attempt_id: str) -> Result:
    """A candidate's own published result.

    Raises:
        Forbidden: `NOT_PUBLISHED`: the same answer whether there is no score yet or it is not released.
    """
    result = session.scalars(
        select(Result).where(and_(Result.attempt_id == attempt_id, Result.state.in_(PUBLISHED)))
    ).one_or_none()
    if result is None:
        raise not_published()
    return result
