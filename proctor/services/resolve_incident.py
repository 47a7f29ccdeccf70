"""What was done about an incident."""

from __future__ import annotations

from proctor.domain.states import INCIDENT_TRANSITIONS, IncidentAction, IncidentState
from proctor.room_work import enter_room
from proctor.wire import CommandDone
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.events import BoardChanged
from server.core.state_machine import advance
from server.storage.unit_of_work import UnitOfWork


def resolve_incident(
    uow: UnitOfWork, sitting_id: str, room_id: str, incident_id: str, action_taken: str, actor: Actor
) -> CommandDone:
    """Close it with words.

    Raises:
        NotFound: room or incident out of reach. Conflict: `TRANSITION_REFUSED`: closed already.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        incident = next((one for one in facts.incidents if one.id == incident_id), None)
        if incident is None:
            raise NotFound("INCIDENT_NOT_FOUND", "本考场没有这条记录。", "There is no such incident in this room.")
        incident.state = advance(INCIDENT_TRANSITIONS, IncidentState(incident.state), IncidentAction.RESOLVE).value
        incident.action_taken = action_taken
        incident.closed_by, incident.closed_at = actor.id, facts.now
        detail = {"incident": incident.id, "kind": incident.kind, "sitting": sitting_id}
        record(work, actor, AuditAction.PROCTOR_INCIDENT_RESOLVED, f"room:{room_id}", detail, action_taken)
        work.publish(BoardChanged(sitting_id=sitting_id, room_id=room_id, what="incident_resolved"))
    return CommandDone(done=1, words_zh="已处理并记录。", words_en="Resolved and recorded.")
