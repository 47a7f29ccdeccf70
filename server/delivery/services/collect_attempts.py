"""A proctor collects papers: single seats, or everybody at the end of the room."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from server.core.actor import Actor
from server.delivery.domain.states import AttemptState
from server.delivery.ending import EndHow, end_attempt
from server.delivery.models import Attempt
from server.storage.unit_of_work import Work


def collect_attempts(
    work: Work, sitting_id: str, room_id: str, attempt_ids: Sequence[str] | None, actor: Actor, reason: str
) -> int:
    """End the named attempts of the room (None: all that signed in); returns how many this call ended."""
    query = (
        select(Attempt)
        .where(Attempt.sitting_id == sitting_id, Attempt.room_id == room_id)
        .order_by(Attempt.id)
        .with_for_update()
    )
    if attempt_ids is not None:
        query = query.where(Attempt.id.in_(attempt_ids))
    attempts = [a for a in work.session.scalars(query) if AttemptState(a.state) is not AttemptState.EXPECTED]
    return sum(end_attempt(work, attempt, EndHow.COLLECT, actor, reason) for attempt in attempts)
