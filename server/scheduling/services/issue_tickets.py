"""Issue admission tickets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.ids import new_id
from server.scheduling.domain.states import SittingState
from server.scheduling.domain.ticket_number import DEFAULT_PATTERN, check_pattern, ticket_number
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import AdmissionTicket, Candidate, Centre, Registration, Room, Seat, Sitting
from server.scheduling.queries import require_sitting
from server.scheduling.ticket_secrets import new_pin, pin_hmac
from server.storage.unit_of_work import UnitOfWork, Work


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """Everything a printed ticket shows (SZ-1 art.10). The PIN exists here and nowhere else: print it or lose it."""

    ticket_id: str
    number: str
    pin: str = field(repr=False)
    name: str
    id_type: str
    id_number: str = field(repr=False)
    organisation: str
    sitting_name: str
    occupation_code: str
    occupation_name: str
    level: int
    starts_at: datetime
    duration_s: int
    centre_name: str
    room_id: str
    room_name: str
    seat_id: str
    seat_number: int
    form_label: str


def issue_tickets(
    uow: UnitOfWork,
    vault: Vault,
    sitting_id: str,
    actor: Actor,
    pattern: str = DEFAULT_PATTERN,
    new_pins: bool = False,
    reason: str = "",
) -> list[IssuedTicket]:
    """A number and a PIN of six random digits for everyone on the roster, in order of ticket number.

    Args:
        new_pins: tickets exist already (a list was lost, say): keep the numbers, give everyone a new PIN.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `TICKETS_TOO_LATE` once doors are open, `SEATS_MISSING`, `TICKETS_ISSUED` when nobody is without one.
        InvalidInput: `TICKET_PATTERN_WRONG`, `TICKET_NUMBER_OVERFLOW`.
    """
    check_pattern(pattern)
    with uow() as work:
        sitting = require_sitting(work.session, sitting_id, lock=True)
        if sitting.state not in {SittingState.PLANNED, SittingState.PUBLISHED}:
            raise Conflict(
                "TICKETS_TOO_LATE",
                "已开始入场，不能再生成准考证。",
                "Doors are open; tickets cannot be issued any more.",
            )
        centre = work.session.get_one(Centre, sitting.centre_id)
        existing = {
            ticket.candidate_id: ticket
            for ticket in work.session.scalars(select(AdmissionTicket).where(AdmissionTicket.sitting_id == sitting_id))
        }
        issued = []
        for registration, candidate, room, seat in _seated(work, sitting_id):
            ticket = existing.get(candidate.id)
            if ticket is not None and not new_pins:
                continue
            pin = new_pin()
            if ticket is None:
                ticket = _new_ticket(sitting, registration, room, seat, pattern)
                work.session.add(ticket)
            ticket.pin_hmac = pin_hmac(vault, ticket.number, pin)
            issued.append(_printable(vault, sitting, centre, ticket, candidate, room, seat, pin))
        if not issued:
            raise Conflict(
                "TICKETS_ISSUED",
                "每位考生都已有准考证；密码只在生成时显示一次，如需重发请选择“重新生成密码”。",
                "Everyone has a ticket. PINs are shown once; to hand them out again ask for new PINs.",
            )
        record(work, actor, AuditAction.SCHEDULING_TICKETS_ISSUED, f"sitting:{sitting_id}",
               {"tickets": len(issued), "new_pins": new_pins}, reason)  # fmt: skip
    return sorted(issued, key=lambda ticket: ticket.number)


def _seated(work: Work, sitting_id: str) -> list[tuple[Registration, Candidate, Room, Seat]]:
    query = select(Registration, Candidate).join(Candidate, Candidate.id == Registration.candidate_id)
    found = work.session.execute(query.where(Registration.sitting_id == sitting_id)).all()
    without = sum(1 for registration, _ in found if registration.seat_id is None or registration.room_id is None)
    if without or not found:
        raise Conflict(
            "SEATS_MISSING",
            f"还有 {without} 名考生没有座位（名单共 {len(found)} 人），请先编排座位。",
            f"{without} of {len(found)} candidates have no seat. Assign seats first.",
            without=without,
        )
    return [
        (
            registration,
            candidate,
            work.session.get_one(Room, registration.room_id),
            work.session.get_one(Seat, registration.seat_id),
        )
        for registration, candidate in found
    ]


def _new_ticket(sitting: Sitting, registration: Registration, room: Room, seat: Seat, pattern: str) -> AdmissionTicket:
    number = ticket_number(
        pattern, plan=sitting.plan_number, session=sitting.session_number, room=room.number, seat=seat.number
    )
    return AdmissionTicket(
        id=new_id(),
        number=number,
        sitting_id=sitting.id,
        candidate_id=registration.candidate_id,
        room_id=room.id,
        seat_id=seat.id,
        form_label=registration.form_label or "",
        extra_time_percent=registration.extra_time_percent,
    )


def _printable(
    vault: Vault,
    sitting: Sitting,
    centre: Centre,
    ticket: AdmissionTicket,
    candidate: Candidate,
    room: Room,
    seat: Seat,
    pin: str,
) -> IssuedTicket:
    return IssuedTicket(
        ticket_id=ticket.id,
        number=ticket.number,
        pin=pin,
        name=candidate.name,
        id_type=candidate.id_type,
        id_number=open_id_number(vault, candidate.id, candidate.id_number_cipher),
        organisation=candidate.organisation,
        sitting_name=sitting.name,
        occupation_code=sitting.occupation_code,
        occupation_name=sitting.occupation_name,
        level=sitting.level,
        starts_at=sitting.starts_at,
        duration_s=sitting.duration_s,
        centre_name=centre.name,
        room_id=room.id,
        room_name=room.name,
        seat_id=seat.id,
        seat_number=seat.number,
        form_label=ticket.form_label,
    )
