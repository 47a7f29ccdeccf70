"""Reading sittings, rooms, seats, tickets and who proctors where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.permissions import ROLE_REACH, Reach
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.models import (
    AdmissionTicket,
    Candidate,
    ProctorAssignment,
    Room,
    Seat,
    Sitting,
    SittingRoom,
)


@dataclass(frozen=True, slots=True)
class SeatedCandidate:
    """One line of a room's list: who sits where with which ticket."""

    ticket: AdmissionTicket
    candidate: Candidate
    seat: Seat


@dataclass(frozen=True, slots=True)
class SittingOverview:
    """One line of the list of sittings."""

    sitting: Sitting
    rooms: int
    tickets: int


def require_sitting(session: Session, sitting_id: str, *, lock: bool = False) -> Sitting:
    """The sitting with this id; `lock` holds its row until the end of the transaction.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
    """
    sitting = session.get(Sitting, sitting_id, with_for_update=True if lock else None, populate_existing=lock)
    if sitting is None:
        raise NotFound("SITTING_NOT_FOUND", "没有找到这个场次。", "There is no such sitting.")
    return sitting


def sitting_profile(session: Session, sitting_id: str) -> RuleProfile:
    """The rules of this sitting: as frozen when it was published, as planned before that.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
    """
    return _profile_of(json.dumps(require_sitting(session, sitting_id).profile))


@lru_cache(maxsize=64)
def _profile_of(document: str) -> RuleProfile:
    # Asked several times a request, and the same for a whole sitting: the text is a third of the cost of reading it.
    return RuleProfile.from_document(json.loads(document))


def proctor_rooms(session: Session, account_id: str) -> list[tuple[str, str]]:
    """`(sitting_id, room_id)` of every assignment of this person, latest sitting first."""
    query = (
        select(ProctorAssignment.sitting_id, ProctorAssignment.room_id)
        .join(Sitting, Sitting.id == ProctorAssignment.sitting_id)
        .where(ProctorAssignment.account_id == account_id)
        .order_by(Sitting.starts_at.desc(), ProctorAssignment.room_id)
    )
    return [(sitting_id, room_id) for sitting_id, room_id in session.execute(query)]


def require_room(session: Session, actor: Actor, sitting_id: str, room_id: str) -> SittingRoom:
    """The room of this sitting, when it is within the actor's reach.

    Roles whose reach is the site see every room; proctors see only the rooms they are assigned to; candidates none.

    Raises:
        NotFound: `ROOM_NOT_FOUND`, the same for a room that does not exist and for one out of reach.
    """
    sitting_room = session.get(SittingRoom, (sitting_id, room_id))
    reach = ROLE_REACH[actor.role]
    is_within = reach is Reach.SITE or (
        reach is Reach.ROOM and session.get(ProctorAssignment, (sitting_id, room_id, actor.id)) is not None
    )
    if sitting_room is None or not is_within:
        raise NotFound("ROOM_NOT_FOUND", "没有找到这个考场。", "There is no such room.")
    return sitting_room


def rooms_of_sitting(session: Session, sitting_id: str) -> list[Room]:
    """Rooms of a sitting by number."""
    query = select(Room).join(SittingRoom, SittingRoom.room_id == Room.id).where(SittingRoom.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(Room.number)))


def seats_of_room(session: Session, room_id: str) -> list[Seat]:
    """All seats of a room, spare ones too, by number."""
    return list(session.scalars(select(Seat).where(Seat.room_id == room_id).order_by(Seat.number)))


def seated_candidates(session: Session, sitting_id: str, room_id: str | None = None) -> list[SeatedCandidate]:
    """Tickets with candidate and planned seat, in order of ticket number (SZ-7.4(3)); of one room or of all."""
    query = (
        select(AdmissionTicket, Candidate, Seat)
        .join(Candidate, Candidate.id == AdmissionTicket.candidate_id)
        .join(Seat, Seat.id == AdmissionTicket.seat_id)
        .where(AdmissionTicket.sitting_id == sitting_id)
        .order_by(AdmissionTicket.number)
    )
    if room_id is not None:
        query = query.where(AdmissionTicket.room_id == room_id)
    return [SeatedCandidate(ticket, candidate, seat) for ticket, candidate, seat in session.execute(query)]


def find_ticket(session: Session, number: str) -> AdmissionTicket | None:
    """The ticket with this number."""
    return session.scalars(select(AdmissionTicket).where(AdmissionTicket.number == number)).one_or_none()


def assignments_of_room(session: Session, sitting_id: str, room_id: str) -> list[ProctorAssignment]:
    """Proctors of one room, the chief first."""
    query = select(ProctorAssignment).where(
        ProctorAssignment.sitting_id == sitting_id, ProctorAssignment.room_id == room_id
    )
    return list(session.scalars(query.order_by(ProctorAssignment.duty, ProctorAssignment.account_id)))


def list_sittings(session: Session) -> list[SittingOverview]:
    """All sittings, latest first, with how many rooms and tickets they have."""
    rooms = dict(session.execute(select(SittingRoom.sitting_id, func.count()).group_by(SittingRoom.sitting_id)).all())
    tickets = dict(
        session.execute(select(AdmissionTicket.sitting_id, func.count()).group_by(AdmissionTicket.sitting_id)).all()
    )
    sittings = session.scalars(select(Sitting).order_by(Sitting.starts_at.desc(), Sitting.plan_number, Sitting.id))
    return [SittingOverview(one, rooms.get(one.id, 0), tickets.get(one.id, 0)) for one in sittings]
