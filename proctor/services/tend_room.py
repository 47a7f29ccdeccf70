"""What the clock alone changes about a room: lapsed confirmations are closed, the sitting is running from T on."""

from __future__ import annotations

from datetime import datetime

from proctor.room_facts import RoomFacts
from proctor.room_work import advance_sitting, close_act, enter_room
from server.core.actor import SYSTEM
from server.core.events import BoardChanged
from server.scheduling.domain.states import SittingState
from server.storage.unit_of_work import UnitOfWork


def needs_tending(facts: RoomFacts, now: datetime) -> bool:
    """Whether `tend_room` would change anything; asked of every full reading, so that it rarely writes."""
    has_lapsed = any(act.closed_at is None and act.expires_at <= now for act in facts.acts)
    is_due = facts.sitting.state == SittingState.ADMITTING and now >= facts.sitting.starts_at
    return has_lapsed or (is_due and facts.gates.paper_opened_at is not None)


def tend_room(uow: UnitOfWork, sitting_id: str, room_id: str) -> None:
    """Clear secrets kept for a second person who did not come; take the sitting to `running`. Harmless to repeat."""
    with uow() as work:
        facts = enter_room(work, SYSTEM, sitting_id, room_id)
        for act in facts.acts:
            if act.closed_at is None and act.expires_at <= facts.now:
                close_act(work, act)
                work.publish(BoardChanged(sitting_id=sitting_id, room_id=room_id, what=f"{act.act}_lapsed"))
        advance_sitting(work, SYSTEM, sitting_id)
