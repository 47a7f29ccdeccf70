"""Everything about one room of one sitting, read in a handful of queries, whatever the number of seats."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from itembank.models import PaperForm, Script
from proctor.domain.states import IncidentState
from proctor.models import IdentityCheck, Incident, RecordSignature, TwoPersonAct
from server.accounts.models import Account
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow, read_ledger
from server.delivery.domain.time_rules import ExamClock, read_exam_clock
from server.delivery.models import Attempt, JournalEntry, JournalImport, TimeEntry
from server.delivery.queries import row_of
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.models import AdmissionTicket, Candidate, ProctorAssignment, Room, Seat, Sitting, SittingRoom

#: a row that only notes what a page measured asks nobody for anything
SHOWN_STATUSES = frozenset({"proposed", "provisional", "confirmed", "awaiting_decision"})


@dataclass(frozen=True, slots=True)
class SeatedAttempt:
    """One candidate of the room, wherever in it he sits now."""

    attempt: Attempt
    ticket: AdmissionTicket
    total: int

    @property
    def state(self) -> AttemptState:
        return AttemptState(self.attempt.state)

    @property
    def is_here(self) -> bool:
        """Signed in at some time; whoever was voided without having come did not."""
        never_came = self.state in {AttemptState.EXPECTED, AttemptState.ABSENT, AttemptState.VOIDED}
        return self.attempt.signed_in_at is not None or not never_came


@dataclass(frozen=True, slots=True)
class Duty:
    """A proctor of the room."""

    account_id: str
    name: str
    duty: str
    reported_at: datetime | None


@dataclass
class RoomFacts:
    """What was read; pure functions make the board's parts of it."""

    now: datetime
    sitting: Sitting
    room: Room
    gates: SittingRoom
    profile: RuleProfile
    seats: list[Seat]
    seated: list[SeatedAttempt]
    duties: list[Duty]
    time_entries: list[TimeEntry]
    ledger: list[TimeRow]
    clock: ExamClock
    #: newest check by attempt and pass
    checks: dict[tuple[str, int], IdentityCheck]
    incidents: list[Incident]
    acts: list[TwoPersonAct]
    signatures: list[RecordSignature]
    #: attempt → newest answer of a page that had lost its turn
    superseded: dict[str, datetime]
    names: dict[str, str]
    #: the journal file that waits for its second person
    waiting_import: JournalImport | None = None

    @property
    def attempts(self) -> list[Attempt]:
        return [one.attempt for one in self.seated]


def read_room(session: Session, sitting_id: str, room_id: str, now: datetime) -> RoomFacts:
    """Read the room. The caller has checked the reach.

    Raises:
        sqlalchemy.exc.NoResultFound: no such room of that sitting.
    """
    sitting, gates, room = session.execute(
        select(Sitting, SittingRoom, Room)
        .join(SittingRoom, SittingRoom.sitting_id == Sitting.id)
        .join(Room, Room.id == SittingRoom.room_id)
        .where(Sitting.id == sitting_id, Room.id == room_id)
    ).one()
    profile = RuleProfile.from_document(sitting.profile)
    seats = list(session.scalars(select(Seat).where(Seat.room_id == room_id).order_by(Seat.row, Seat.column)))
    seated = [
        SeatedAttempt(attempt, ticket, total or 0)
        for attempt, ticket, total in session.execute(
            _seated_query().where(Attempt.sitting_id == sitting_id, Attempt.room_id == room_id)
        )
    ]
    attempt_ids = [one.attempt.id for one in seated]
    duties = [
        Duty(assignment.account_id, name, assignment.duty, assignment.reported_at)
        for assignment, name in session.execute(
            select(ProctorAssignment, Account.display_name)
            .join(Account, Account.id == ProctorAssignment.account_id)
            .where(ProctorAssignment.sitting_id == sitting_id, ProctorAssignment.room_id == room_id)
            .order_by(ProctorAssignment.duty, Account.display_name)
        )
    ]
    entries = list(
        session.scalars(
            select(TimeEntry).where(TimeEntry.sitting_id == sitting_id).order_by(TimeEntry.made_at, TimeEntry.id)
        )
    )
    ledger = [row_of(entry) for entry in entries]
    concerned = [
        entry
        for entry in entries
        if entry.status in SHOWN_STATUSES
        and (entry.scope == "sitting" or entry.room_id == room_id or entry.attempt_id in set(attempt_ids))
    ]
    incidents = list(
        session.scalars(
            select(Incident)
            .where(Incident.sitting_id == sitting_id, Incident.room_id == room_id)
            .order_by(Incident.raised_at, Incident.id)
        )
    )
    acts = list(
        session.scalars(
            select(TwoPersonAct)
            .where(TwoPersonAct.sitting_id == sitting_id, TwoPersonAct.room_id == room_id)
            .order_by(TwoPersonAct.first_at, TwoPersonAct.id)
        )
    )
    signatures = list(
        session.scalars(
            select(RecordSignature)
            .where(RecordSignature.sitting_id == sitting_id, RecordSignature.room_id == room_id)
            .order_by(RecordSignature.signed_at)
        )
    )
    facts = RoomFacts(
        now=now,
        sitting=sitting,
        room=room,
        gates=gates,
        profile=profile,
        seats=seats,
        seated=seated,
        duties=duties,
        time_entries=concerned,
        ledger=ledger,
        clock=_room_clock(sitting, profile, ledger, room_id, now),
        checks=newest_checks(session, attempt_ids),
        incidents=incidents,
        acts=acts,
        signatures=signatures,
        superseded=_superseded(session, attempt_ids),
        names={},
    )
    facts.names = _names(session, facts)
    importing = waiting_act(acts, "import_journal", now)
    if importing is not None:
        facts.waiting_import = session.get(JournalImport, importing.reason)
    return facts


def read_seated(session: Session, attempt_ids: list[str]) -> list[SeatedAttempt]:
    """These attempts with their tickets."""
    rows = session.execute(_seated_query().where(Attempt.id.in_(attempt_ids)))
    return [SeatedAttempt(attempt, ticket, total or 0) for attempt, ticket, total in rows]


def newest_checks(session: Session, attempt_ids: list[str]) -> dict[tuple[str, int], IdentityCheck]:
    """The newest five-point check by attempt and pass."""
    query = (
        select(IdentityCheck)
        .where(IdentityCheck.attempt_id.in_(attempt_ids))
        .order_by(IdentityCheck.checked_at, IdentityCheck.id)
    )
    return {(check.attempt_id, check.pass_number): check for check in session.scalars(query)}


def open_incident_counts(session: Session, attempt_ids: list[str]) -> dict[str, int]:
    """How many incidents of these attempts still wait for somebody."""
    query = (
        select(Incident.attempt_id, func.count())
        .where(Incident.attempt_id.in_(attempt_ids), Incident.state == IncidentState.OPEN.value)
        .group_by(Incident.attempt_id)
    )
    return {attempt_id: count for attempt_id, count in session.execute(query) if attempt_id is not None}


def attempt_clock(
    sitting: Sitting, profile: RuleProfile, ledger: list[TimeRow], one: SeatedAttempt, now: datetime
) -> ExamClock:
    """One candidate's clock, from rows already read."""
    duration = timedelta(seconds=sitting.duration_s)
    attempt = one.attempt
    reading = read_ledger(
        ledger,
        room_id=attempt.room_id,
        attempt_id=attempt.id,
        is_suspended=attempt.state == AttemptState.SUSPENDED,
    )
    return read_exam_clock(
        policy=profile,
        starts_at=sitting.starts_at,
        duration=duration,
        extra=duration * one.ticket.extra_time_percent / 100,
        room_interruptions=reading.room_interruptions,
        seat_interruptions=reading.seat_interruptions,
        grants=reading.grants,
        now=attempt.ended_at or now,
        awaiting_decision=reading.awaiting_decision,
        began_at=attempt.started_at,
    )


def read_candidates(session: Session, candidate_ids: list[str]) -> dict[str, Candidate]:
    """People by id; for snapshots and the room record only."""
    return {one.id: one for one in session.scalars(select(Candidate).where(Candidate.id.in_(candidate_ids)))}


def _seated_query() -> Select[Any]:
    # The number of items comes from the form, not from the script's long layout; content is not touched at all.
    return (
        select(Attempt, AdmissionTicket, func.json_array_length(PaperForm.items))
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .outerjoin(Script, Script.id == Attempt.script_id)
        .outerjoin(PaperForm, PaperForm.id == Script.form_id)
        .order_by(AdmissionTicket.number)
        .execution_options(populate_existing=True)
    )


def _room_clock(
    sitting: Sitting, profile: RuleProfile, ledger: list[TimeRow], room_id: str, now: datetime
) -> ExamClock:
    reading = read_ledger(ledger, room_id=room_id)
    return read_exam_clock(
        policy=profile,
        starts_at=sitting.starts_at,
        duration=timedelta(seconds=sitting.duration_s),
        room_interruptions=reading.room_interruptions,
        grants=reading.grants,
        now=now,
        awaiting_decision=reading.awaiting_decision,
    )


def _superseded(session: Session, attempt_ids: list[str]) -> dict[str, datetime]:
    query = (
        select(JournalEntry.attempt_id, func.max(JournalEntry.received_at))
        .where(JournalEntry.attempt_id.in_(attempt_ids), JournalEntry.standing == "superseded")
        .group_by(JournalEntry.attempt_id)
    )
    return dict(session.execute(query).all())


def _names(session: Session, facts: RoomFacts) -> dict[str, str]:
    ids: set[str | None] = {duty.account_id for duty in facts.duties}
    ids |= {act.first_by for act in facts.acts} | {act.second_by for act in facts.acts}
    ids |= {entry.made_by for entry in facts.time_entries} | {entry.approved_by for entry in facts.time_entries}
    ids |= {incident.raised_by for incident in facts.incidents}
    ids |= {signature.account_id for signature in facts.signatures}
    known = {duty.account_id: duty.name for duty in facts.duties}
    unknown = [one for one in ids if one and one not in known]
    if unknown:
        known |= dict(session.execute(select(Account.id, Account.display_name).where(Account.id.in_(unknown))).all())
    return {**known, "system": "系统"}


def group_by_attempt(incidents: list[Incident]) -> dict[str, list[Incident]]:
    """Incidents by attempt."""
    grouped: defaultdict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if incident.attempt_id is not None:
            grouped[incident.attempt_id].append(incident)
    return grouped


def waiting_act(acts: list[TwoPersonAct], act: str, now: datetime) -> TwoPersonAct | None:
    """The act that waits for its second person at `now`."""
    return next(
        (one for one in reversed(acts) if one.act == act and one.closed_at is None and now < one.expires_at), None
    )
