"""Writing an incident inside somebody's transaction."""

from __future__ import annotations

from sqlalchemy import select

from proctor.domain.states import IncidentKind, IncidentState
from proctor.models import Incident
from proctor.room_facts import RoomFacts
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.events import AlarmRaised
from server.core.ids import new_id
from server.storage.unit_of_work import Work


def raise_incident(
    work: Work,
    facts: RoomFacts,
    kind: IncidentKind,
    actor: Actor,
    words: str,
    *,
    attempt_id: str | None = None,
    tier: int | None = None,
    action_taken: str = "",
    once: bool = False,
    tell: bool = True,
) -> Incident:
    """Add an incident to the room (locked by the caller); closed at once when it says what was done.

    Args:
        once: an open one of the same kind for the same candidate is returned instead.
        tell: publish the alarm; a reaction to that very alarm does not.
    """
    if once:
        query = select(Incident).where(
            Incident.sitting_id == facts.sitting.id,
            Incident.room_id == facts.room.id,
            Incident.attempt_id == attempt_id,
            Incident.kind == kind.value,
            Incident.state == IncidentState.OPEN.value,
        )
        found = work.session.scalars(query).first()
        if found is not None:
            return found
    now = work.clock.now()
    incident = Incident(
        id=new_id(),
        sitting_id=facts.sitting.id,
        room_id=facts.room.id,
        attempt_id=attempt_id,
        kind=kind.value,
        tier=tier,
        state=(IncidentState.CLOSED if action_taken else IncidentState.OPEN).value,
        words=words,
        action_taken=action_taken,
        raised_by=actor.id,
        raised_at=now,
        closed_by=actor.id[:32] if action_taken else None,
        closed_at=now if action_taken else None,
    )
    work.session.add(incident)
    work.session.flush()
    detail = {"incident": incident.id, "kind": kind.value, "tier": tier, "sitting": facts.sitting.id}
    subject = f"attempt:{attempt_id}" if attempt_id else f"room:{facts.room.id}"
    record(work, actor, AuditAction.PROCTOR_INCIDENT_RECORDED, subject, detail, words)
    if tell:
        work.publish(
            AlarmRaised(sitting_id=facts.sitting.id, room_id=facts.room.id, kind=kind.value, attempt_id=attempt_id)
        )
    return incident
