"""Publish a sitting."""

from __future__ import annotations

from sqlalchemy import func, select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.state_machine import advance
from server.scheduling.domain.proctor_rules import check_proctors
from server.scheduling.domain.rule_profile import RuleProfile, document_digest
from server.scheduling.domain.states import SITTING_TRANSITIONS, SittingAction, SittingState
from server.scheduling.models import AdmissionTicket, Registration, RuleProfileVersion, Sitting
from server.scheduling.queries import assignments_of_room, require_sitting, rooms_of_sitting
from server.scheduling.services.assign_proctors import seated_in
from server.storage.unit_of_work import UnitOfWork, Work


def publish_sitting(uow: UnitOfWork, sitting_id: str, actor: Actor) -> Sitting:
    """Fix roster, seats, tickets and rules: from now on the profile's document is the sitting's own (frozen).

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `TRANSITION_REFUSED`, `ROSTER_MISSING`, `TICKETS_MISSING`, `PROCTORS_TOO_FEW` and the like (data `clause`).
    """
    with uow() as work:
        sitting = require_sitting(work.session, sitting_id, lock=True)
        state = advance(SITTING_TRANSITIONS, SittingState(sitting.state), SittingAction.PUBLISH)
        kept = work.session.get(RuleProfileVersion, (sitting.profile_name, sitting.profile_version))
        document = kept.document if kept else sitting.profile
        profile = RuleProfile.from_document(document)
        tickets = _check_tickets(work, sitting_id)
        for room in rooms_of_sitting(work.session, sitting_id):
            candidates = seated_in(work, sitting_id, room.id)
            if candidates:
                proctors = len(assignments_of_room(work.session, sitting_id, room.id))
                check_proctors(profile, candidates, proctors, room.name)
        sitting.profile, sitting.state = document, state.value
        record(work, actor, AuditAction.SCHEDULING_SITTING_PUBLISHED, f"sitting:{sitting_id}",
               {"tickets": tickets, "profile": f"{profile.name}/{profile.version}", "digest": document_digest(document)})  # fmt: skip
    return sitting


def _check_tickets(work: Work, sitting_id: str) -> int:
    registered = work.session.scalar(
        select(func.count()).select_from(Registration).where(Registration.sitting_id == sitting_id)
    )
    tickets = work.session.scalar(
        select(func.count()).select_from(AdmissionTicket).where(AdmissionTicket.sitting_id == sitting_id)
    )
    if not registered:
        raise Conflict("ROSTER_MISSING", "名单为空，请先导入考生名单。", "The roster is empty. Import it first.")
    if tickets != registered:
        raise Conflict(
            "TICKETS_MISSING",
            f"名单 {registered} 人，准考证 {tickets} 张；请先为每位考生生成准考证。",
            f"{registered} registered, {tickets} tickets. Issue a ticket for everyone first.",
            registered=registered,
            tickets=tickets,
        )
    return tickets or 0
