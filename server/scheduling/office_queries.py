"""What the exam office's page shows: sittings with what they lack, one sitting in full, bags, and what can be chosen.

ID numbers are masked and PINs do not exist here. Plain dictionaries: they go to the page as they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.models import Package, SpecTable
from server.accounts.queries import list_accounts, roles_of
from server.core.permissions import Role
from server.scheduling.domain.preparation import Progress, may_publish, preparation
from server.scheduling.domain.proctor_rules import proctors_needed
from server.scheduling.domain.rule_profile import SHIPPED_PROFILES, RuleProfile, load_profile
from server.scheduling.domain.states import SittingState
from server.scheduling.models import (
    AdmissionTicket,
    Candidate,
    Centre,
    ProctorAssignment,
    Registration,
    Room,
    Seat,
    Sitting,
    SittingRoom,
)
from server.scheduling.queries import require_sitting, rooms_of_sitting, seats_of_room
from server.scheduling.services.seal_room_package import forms_needed, paper_of

SITTINGS_SHOWN = 200


def sittings_in_preparation(session: Session) -> list[dict[str, Any]]:
    """All sittings, latest start first, each with its six steps."""
    query = select(Sitting).order_by(Sitting.starts_at.desc(), Sitting.plan_number, Sitting.id).limit(SITTINGS_SHOWN)
    return [_head(session, sitting) for sitting in session.scalars(query)]


def sitting_in_full(session: Session, sitting_id: str) -> dict[str, Any]:
    """One sitting: steps, rooms with seats, who sits where, proctors, bags; and who has no seat yet.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
    """
    sitting = require_sitting(session, sitting_id)
    profile = RuleProfile.from_document(sitting.profile)
    tickets = {
        ticket.candidate_id: ticket
        for ticket in session.scalars(select(AdmissionTicket).where(AdmissionTicket.sitting_id == sitting_id))
    }
    by_seat: dict[str, dict[str, Any]] = {}
    unseated = []
    query = (
        select(Registration, Candidate)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Registration.sitting_id == sitting_id)
        .order_by(Registration.import_row, Candidate.id)
    )
    for registration, candidate in session.execute(query):
        ticket = tickets.get(candidate.id)
        person = {
            "name": candidate.name,
            "id_number_masked": candidate.id_number_masked,
            "organisation": candidate.organisation,
            "class_name": candidate.class_name,
            "extra_time_percent": registration.extra_time_percent,
            "form_label": registration.form_label,
            "ticket_number": ticket.number if ticket else None,
        }
        if registration.seat_id is None:
            unseated.append(person)
        else:
            by_seat[registration.seat_id] = person
    gates = {row.room_id: row for row in _rooms(session, [sitting_id])}
    proctors = _proctors(session, sitting_id)
    rooms = []
    for room in rooms_of_sitting(session, sitting_id):
        seats = [_seat(seat, by_seat.get(seat.id)) for seat in seats_of_room(session, room.id)]
        seated = sum(1 for seat in seats if seat["person"])
        rooms.append(
            {
                **_room(room),
                "seats": seats,
                "seated": seated,
                "proctors_needed": proctors_needed(profile, seated),
                "proctors": proctors[room.id],
                "bag": _bag(session, gates[room.id].package_id),
                "is_admitting": gates[room.id].admission_opened_at is not None,
            }
        )
    return {**_head(session, sitting), "rooms": rooms, "unseated": unseated}


def bags_wanted(session: Session) -> list[dict[str, Any]]:
    """For whoever seals: sittings to come with tickets, how many scripts of each form every room needs. No names."""
    open_states = [SittingState.PLANNED.value, SittingState.PUBLISHED.value]
    query = select(Sitting).where(Sitting.state.in_(open_states)).order_by(Sitting.starts_at, Sitting.id)
    found = []
    for sitting in session.scalars(query):
        gates = {row.room_id: row for row in _rooms(session, [sitting.id])}
        rooms = [
            {
                "id": room.id,
                "name": room.name,
                "forms": forms_needed(session, sitting.id, room.id),
                "bag": _bag(session, gates[room.id].package_id),
            }
            for room in rooms_of_sitting(session, sitting.id)
        ]
        used = [room for room in rooms if room["forms"]]
        if used:
            found.append({**_facts(session, sitting), "paper_id": paper_of(session, sitting), "rooms": used})
    return found


def choices(session: Session) -> dict[str, Any]:
    """What a sitting is planned from: places, rule profiles, occupations of the bank, people who proctor."""
    rooms = defaultdict(list)
    seats = Counter(session.scalars(select(Seat.room_id).where(Seat.is_spare.is_(False))))
    for room in session.scalars(select(Room).order_by(Room.number)):
        rooms[room.centre_id].append({**_room(room), "seats": seats[room.id]})
    tables = session.scalars(select(SpecTable).order_by(SpecTable.created_at.desc()))
    occupations = {(table.occupation_code, table.level): table.occupation_name for table in tables}
    return {
        "centres": [
            {"id": centre.id, "name": centre.name, "rooms": rooms[centre.id]}
            for centre in session.scalars(select(Centre).order_by(Centre.name))
        ],
        "profiles": [_profile(name) for name in SHIPPED_PROFILES],
        "occupations": [
            {"code": code, "level": level, "name": name} for (code, level), name in sorted(occupations.items())
        ],
        "proctors": [
            {"id": account.id, "display_name": account.display_name, "login_name": account.login_name}
            for account in list_accounts(session)
            if account.is_active and Role.PROCTOR in roles_of(account)
        ],
    }


def _profile(name: str) -> dict[str, Any]:
    profile = load_profile(name)
    return {
        "name": name,
        "version": profile.version,
        "shortest_minutes": round(profile.shortest_duration.total_seconds() / 60),
    }


def _head(session: Session, sitting: Sitting) -> dict[str, Any]:
    progress = _progress(session, sitting)
    state = SittingState(sitting.state)
    return {
        **_facts(session, sitting),
        "steps": [asdict(reading) for reading in preparation(progress, state)],
        "progress": asdict(progress),
        "may_publish": may_publish(progress, state),
    }


def _facts(session: Session, sitting: Sitting) -> dict[str, Any]:
    return {
        "id": sitting.id,
        "name": sitting.name,
        "state": sitting.state,
        "centre_name": session.get_one(Centre, sitting.centre_id).name,
        "occupation_code": sitting.occupation_code,
        "occupation_name": sitting.occupation_name,
        "level": sitting.level,
        "starts_at": sitting.starts_at.isoformat(),
        "duration_minutes": round(sitting.duration_s / 60),
        "profile_name": sitting.profile_name,
        "profile_version": sitting.profile_version,
        "is_rehearsal": sitting.is_rehearsal,
    }


def _progress(session: Session, sitting: Sitting) -> Progress:
    registered = session.scalars(select(Registration.room_id).where(Registration.sitting_id == sitting.id)).all()
    tickets = session.scalars(select(AdmissionTicket.id).where(AdmissionTicket.sitting_id == sitting.id)).all()
    seated = Counter(room_id for room_id in registered if room_id is not None)
    of_sitting = select(ProctorAssignment.room_id).where(ProctorAssignment.sitting_id == sitting.id)
    staff = Counter(session.scalars(of_sitting))
    profile = RuleProfile.from_document(sitting.profile)
    bagged = {row.room_id for row in _rooms(session, [sitting.id]) if row.package_id is not None}
    return Progress(
        registered=len(registered),
        seated=seated.total(),
        tickets=len(tickets),
        rooms_used=len(seated),
        rooms_staffed=sum(staff[room] >= proctors_needed(profile, count) for room, count in seated.items()),
        rooms_bagged=len(bagged & set(seated)),
    )


def _rooms(session: Session, sitting_ids: Iterable[str]) -> list[SittingRoom]:
    return list(session.scalars(select(SittingRoom).where(SittingRoom.sitting_id.in_(list(sitting_ids)))))


def _proctors(session: Session, sitting_id: str) -> dict[str, list[dict[str, str]]]:
    """Room id → its proctors, the chief first."""
    names = {account.id: account.display_name for account in list_accounts(session)}
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    query = (
        select(ProctorAssignment)
        .where(ProctorAssignment.sitting_id == sitting_id)
        .order_by(ProctorAssignment.duty, ProctorAssignment.account_id)
    )
    for one in session.scalars(query):
        name = names.get(one.account_id, "")
        found[one.room_id].append({"account_id": one.account_id, "display_name": name, "duty": one.duty})
    return found


def _bag(session: Session, package_id: str | None) -> dict[str, Any] | None:
    package = session.get(Package, package_id) if package_id else None
    if package is None:
        return None
    return {
        "package_id": package.id,
        "state": package.state,
        "script_count": package.script_count,
        "digest": package.digest,
        "sealed_at": package.sealed_at.isoformat(),
    }


def _room(room: Room) -> dict[str, Any]:
    return {
        "id": room.id,
        "name": room.name,
        "number": room.number,
        "rows": room.rows,
        "columns": room.columns,
        "aisles_after": list(room.aisles_after),
    }


def _seat(seat: Seat, person: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": seat.id,
        "number": seat.number,
        "row": seat.row,
        "column": seat.column,
        "is_spare": seat.is_spare,
        "person": person,
    }
