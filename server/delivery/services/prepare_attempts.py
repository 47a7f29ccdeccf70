"""Make the attempts of a sitting: one for every ticket, each with a script from its room's bag."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.models import Script
from itembank.queries import take_script
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.ids import new_id
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.models import AdmissionTicket, SittingRoom
from server.storage.unit_of_work import UnitOfWork


def prepare_attempts(uow: UnitOfWork, sitting_id: str, actor: Actor) -> int:
    """Create what is missing and return how many were made; repeating it is harmless.

    A room without a bag yet gets attempts without scripts; call again when the bag is there. Where the office replaced a
    bag before it was fetched, candidates who have not come yet hand back the old bag's scripts and get one of the new.

    Raises:
        Conflict: `FORM_MISMATCH`: the bag holds no script of a seat's form any more.
    """
    with uow() as work:
        session = work.session
        bags = {
            room.room_id: room.package_id
            for room in session.scalars(select(SittingRoom).where(SittingRoom.sitting_id == sitting_id))
        }
        _hand_back_lapsed_scripts(session, sitting_id)
        existing = {a.ticket_id: a for a in session.scalars(select(Attempt).where(Attempt.sitting_id == sitting_id))}
        made = 0
        tickets = session.scalars(
            select(AdmissionTicket).where(AdmissionTicket.sitting_id == sitting_id).order_by(AdmissionTicket.number)
        )
        for ticket in tickets:
            attempt = existing.get(ticket.id)
            if attempt is None:
                attempt = Attempt(
                    id=new_id(),
                    ticket_id=ticket.id,
                    sitting_id=sitting_id,
                    room_id=ticket.room_id,
                    seat_id=ticket.seat_id,
                    state=AttemptState.EXPECTED.value,
                    preferences={},
                )
                session.add(attempt)
                session.flush()
                made += 1
            package_id = bags.get(ticket.room_id)
            if attempt.script_id is None and package_id is not None:
                attempt.script_id = take_script(session, package_id, ticket.form_label, attempt.id).id
        session.flush()
        refresh_deadlines(work, sitting_id)
        record(work, actor, AuditAction.DELIVERY_ATTEMPTS_PREPARED, f"sitting:{sitting_id}", {"made": made})
    return made


def _hand_back_lapsed_scripts(session: Session, sitting_id: str) -> None:
    query = (
        select(Attempt, Script)
        .join(Script, Script.id == Attempt.script_id)
        .join(SittingRoom, (SittingRoom.sitting_id == Attempt.sitting_id) & (SittingRoom.room_id == Attempt.room_id))
        .where(
            Attempt.sitting_id == sitting_id,
            Attempt.state == AttemptState.EXPECTED.value,
            SittingRoom.fetched_at.is_(None),
            SittingRoom.package_id.is_not(None),
            SittingRoom.package_id != Script.package_id,
        )
    )
    for attempt, script in session.execute(query):
        attempt.script_id = script.taken_by = None
    session.flush()
