"""Sittings for tests: rows made directly, parents on demand, no service needed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from server.adapters.vault import Vault
from server.core.ids import new_id
from server.core.permissions import Role
from server.scheduling.domain.form_tiling import form_at
from server.scheduling.domain.rule_profile import RuleProfile, load_profile
from server.scheduling.domain.states import SittingState
from server.scheduling.id_numbers import id_number_hash, seal_id_number
from server.scheduling.models import (
    AdmissionTicket,
    Candidate,
    Centre,
    ProctorAssignment,
    Room,
    Seat,
    Sitting,
    SittingRoom,
)
from server.scheduling.ticket_secrets import pin_hmac
from tests.factories.accounts import an_account

#: 2026-05-16 09:00 in China.
STARTS_AT = datetime(2026, 5, 16, 1, 0, tzinfo=UTC)
DURATION = timedelta(minutes=90)
PIN = "428193"
_numbers = itertools.count(1)


def a_vault() -> Vault:
    """A vault with a fixed key."""
    return Vault(b"\x07" * 32)


def id_number(sequence: int) -> str:
    """A made-up citizen ID with the right check character, different for every `sequence` below a million."""
    body = (
        f"320106{1970 + sequence % 30}{1 + sequence % 12:02d}{1 + sequence // 12 % 28:02d}{sequence // 336 % 1000:03d}"
    )
    total = sum(
        int(digit) * weight
        for digit, weight in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    return body + "10X98765432"[total % 11]


@dataclass
class FurnishedRoom:
    """One room of a sitting with everything in it."""

    room: Room
    seats: list[Seat]
    chief_id: str
    deputy_id: str
    tickets: list[AdmissionTicket] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.room.id


@dataclass
class FurnishedSitting:
    """A sitting ready for its day; every ticket's PIN is `PIN`."""

    sitting: Sitting
    rooms: list[FurnishedRoom]
    pin: str = PIN

    @property
    def id(self) -> str:
        return self.sitting.id

    @property
    def tickets(self) -> list[AdmissionTicket]:
        return [ticket for room in self.rooms for ticket in room.tickets]


def a_centre(session: Session, name: str = "") -> Centre:
    centre = Centre(id=new_id(), name=name or f"考点{next(_numbers)}")
    session.add(centre)
    session.flush()
    return centre


def a_room(
    session: Session,
    centre: Centre | None = None,
    rows: int = 5,
    columns: int = 6,
    spare: int = 0,
    number: int | None = None,
) -> tuple[Room, list[Seat]]:
    """A room with a seat at every place of its grid; the last `spare` ones are spare."""
    centre = centre or a_centre(session)
    number = number or next(_numbers) % 90 + 1
    room = Room(
        id=new_id(),
        centre_id=centre.id,
        name=f"第{number}考场",
        number=number,
        rows=rows,
        columns=columns,
        aisles_after=[],
    )
    session.add(room)
    session.flush()
    seats = [
        Seat(
            id=new_id(),
            room_id=room.id,
            number=n + 1,
            row=n // columns + 1,
            column=n % columns + 1,
            is_spare=n >= rows * columns - spare,
        )
        for n in range(rows * columns)
    ]
    session.add_all(seats)
    session.flush()
    return room, seats


def a_sitting(
    session: Session,
    centre: Centre | None = None,
    profile: RuleProfile | None = None,
    state: SittingState = SittingState.PUBLISHED,
    starts_at: datetime = STARTS_AT,
    duration: timedelta = DURATION,
    paper_id: str | None = None,
    is_rehearsal: bool = False,
) -> Sitting:
    """A sitting without rooms; its rules are the `default` profile's unless another is given."""
    profile = profile or load_profile("default")
    centre = centre or a_centre(session)
    sitting = Sitting(
        id=new_id(),
        centre_id=centre.id,
        name="电工四级理论知识考试",
        plan_number=f"{260000 + next(_numbers):06d}",
        session_number=1,
        occupation_code="6-31-01-03",
        occupation_name="电工",
        level=4,
        state=state.value,
        starts_at=starts_at,
        duration_s=round(duration.total_seconds()),
        profile_name=profile.name,
        profile_version=profile.version,
        profile=profile.to_document(),
        paper_id=paper_id,
        is_rehearsal=is_rehearsal,
        created_at=starts_at - timedelta(days=30),
    )
    session.add(sitting)
    session.flush()
    return sitting


def a_candidate(session: Session, vault: Vault, name: str = "陈小明", organisation: str = "第一机械厂") -> Candidate:
    candidate_id = new_id()
    number = id_number(next(_numbers))
    candidate = Candidate(
        id=candidate_id,
        name=name,
        name_pinyin="cxm chenxiaoming",
        id_type="resident_id",
        id_number_cipher=seal_id_number(vault, candidate_id, number),
        id_number_hmac=id_number_hash(vault, "resident_id", number),
        id_number_masked=f"{number[:4]}**********{number[-4:]}",
        organisation=organisation,
    )
    session.add(candidate)
    session.flush()
    return candidate


def a_ticket(
    session: Session,
    vault: Vault,
    sitting: Sitting,
    seat: Seat,
    room: Room,
    candidate: Candidate | None = None,
    pin: str = PIN,
    extra_time_percent: int = 0,
) -> AdmissionTicket:
    """A ticket for this seat; its form follows the 2 x 2 tiling."""
    candidate = candidate or a_candidate(session, vault)
    number = f"{sitting.plan_number}{sitting.session_number:02d}{room.number:03d}{seat.number:02d}"
    ticket = AdmissionTicket(
        id=new_id(),
        number=number,
        sitting_id=sitting.id,
        candidate_id=candidate.id,
        room_id=room.id,
        seat_id=seat.id,
        form_label=form_at(seat.row, seat.column, "ABCD"),
        pin_hmac=pin_hmac(vault, number, pin),
        extra_time_percent=extra_time_percent,
    )
    session.add(ticket)
    session.flush()
    return ticket


def a_furnished_sitting(
    session: Session,
    vault: Vault,
    rooms: int = 2,
    candidates_per_room: int = 4,
    rows: int = 3,
    columns: int = 4,
    spare: int = 2,
    profile: RuleProfile | None = None,
    state: SittingState = SittingState.PUBLISHED,
    starts_at: datetime = STARTS_AT,
    duration: timedelta = DURATION,
    paper_id: str | None = None,
) -> FurnishedSitting:
    """A sitting with rooms, seats, candidates, tickets (PIN `PIN`), a chief and a deputy in every room."""
    centre = a_centre(session)
    sitting = a_sitting(session, centre, profile, state, starts_at, duration, paper_id)
    furnished = []
    for number in range(1, rooms + 1):
        room, seats = a_room(session, centre, rows, columns, spare, number)
        session.add(SittingRoom(sitting_id=sitting.id, room_id=room.id))
        session.flush()
        proctors = [an_account(session, [Role.PROCTOR]) for _ in range(2)]
        for account, duty in zip(proctors, ("chief", "deputy"), strict=True):
            session.add(ProctorAssignment(sitting_id=sitting.id, room_id=room.id, account_id=account.id, duty=duty))
        session.flush()
        one = FurnishedRoom(room, seats, proctors[0].id, proctors[1].id)
        for seat in seats[:candidates_per_room]:
            candidate = a_candidate(session, vault, name=f"考生{number}-{seat.number}")
            one.candidates.append(candidate)
            one.tickets.append(a_ticket(session, vault, sitting, seat, room, candidate))
        furnished.append(one)
    return FurnishedSitting(sitting, furnished)
