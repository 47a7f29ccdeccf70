"""Give every registered candidate of a sitting a seat and a form."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.domain.seat_plan import PlanPerson, PlanSeat, plan_seats
from server.scheduling.models import Candidate, Registration, Sitting
from server.scheduling.planning import require_no_tickets, require_planned
from server.scheduling.queries import require_sitting, rooms_of_sitting, seats_of_room
from server.storage.unit_of_work import UnitOfWork, Work

DEFAULT_FORMS = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class SeatsAssigned:
    """How many candidates sit in each room, by room id; `seed` makes the same plan again."""

    seated: int
    by_room: dict[str, int]
    seed: int


def assign_seats(
    uow: UnitOfWork, sitting_id: str, actor: Actor, forms: Sequence[str] = DEFAULT_FORMS, seed: int | None = None
) -> SeatsAssigned:
    """Plan all seats anew. Spare seats stay free, a room takes no more people than its proctors may watch.

    Args:
        forms: labels of the paper's parallel forms; with four, all eight neighbours differ.
        seed: for the same plan again; None: chance.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `SITTING_NOT_PLANNED`, `ROSTER_MISSING`, `TICKETS_ISSUED`, `SEATS_NOT_ENOUGH`.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    with uow() as work:
        sitting = require_sitting(work.session, sitting_id, lock=True)
        require_planned(sitting)
        require_no_tickets(work.session, sitting_id)
        people = [
            PlanPerson(candidate.id, f"{candidate.organisation}/{candidate.class_name}".strip("/"))
            for candidate in work.session.scalars(
                select(Candidate)
                .join(Registration, Registration.candidate_id == Candidate.id)
                .where(Registration.sitting_id == sitting_id)
                .order_by(Candidate.id_number_hmac)
            )
        ]
        if not people:
            raise Conflict("ROSTER_MISSING", "名单为空，请先导入考生名单。", "The roster is empty. Import it first.")
        placements = plan_seats(people, _usable_seats(work, sitting), forms, seed)
        everyone = Registration.sitting_id == sitting_id
        # All seats are freed first: otherwise two people would hold one seat for a moment, which the database refuses.
        work.session.execute(update(Registration).where(everyone).values(room_id=None, seat_id=None, form_label=None))
        fresh = select(Registration).where(everyone).execution_options(populate_existing=True)
        registrations = {registration.candidate_id: registration for registration in work.session.scalars(fresh)}
        by_room: dict[str, int] = {}
        for placement in placements:
            registration = registrations[placement.person_id]
            registration.room_id, registration.seat_id = placement.seat.room_id, placement.seat.id
            registration.form_label = placement.form_label
            by_room[placement.seat.room_id] = by_room.get(placement.seat.room_id, 0) + 1
        record(work, actor, AuditAction.SCHEDULING_SEATS_ASSIGNED, f"sitting:{sitting_id}",
               {"seated": len(placements), "rooms": len(by_room), "forms": list(forms), "seed": seed})  # fmt: skip
    return SeatsAssigned(len(placements), by_room, seed)


def _usable_seats(work: Work, sitting: Sitting) -> list[list[PlanSeat]]:
    profile = RuleProfile.from_document(sitting.profile)
    most = profile.proctors_per_room_max * profile.candidates_per_proctor
    rooms = [seats_of_room(work.session, room.id) for room in rooms_of_sitting(work.session, sitting.id)]
    return [
        [PlanSeat(seat.id, seat.room_id, seat.row, seat.column) for seat in seats if not seat.is_spare][:most]
        for seats in rooms
    ]
