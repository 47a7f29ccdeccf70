"""Who is there: life signs gather in memory and are written every two seconds, coarse and cheap.

Nothing here decides about time or answers. What is lost when a node dies is at most the last two seconds of "seen at".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from server.core.events import AttemptChanged
from server.delivery.models import Attempt
from server.storage.unit_of_work import UnitOfWork, Work

log = logging.getLogger(__name__)
FLUSH_EVERY_S = 2.0


@dataclass(slots=True)
class Seen:
    """The newest life sign of one candidate."""

    at: datetime
    unsent: int
    sitting_id: str
    room_id: str


class Presence:
    """Gathers life signs of this node's candidates. `note_life_signs(work, {attempt_id: at})` keeps the long record."""

    def __init__(self, uow: UnitOfWork, note_life_signs: Callable[[Work, Mapping[str, datetime]], None]) -> None:
        self._uow = uow
        self._note_life_signs = note_life_signs
        self._fresh: dict[str, Seen] = {}

    def saw(self, attempt_id: str, seen: Seen) -> None:
        """A heartbeat, a message or a connection of this candidate."""
        self._fresh[attempt_id] = seen

    def flush(self) -> int:
        """Write what has gathered; returns how many candidates."""
        fresh, self._fresh = self._fresh, {}
        if not fresh:
            return 0
        with self._uow() as work:
            work.session.execute(
                update(Attempt),
                [
                    {"id": attempt_id, "last_seen_at": seen.at, "unsent": seen.unsent}
                    for attempt_id, seen in sorted(fresh.items())
                ],
            )
            self._note_life_signs(work, {attempt_id: seen.at for attempt_id, seen in sorted(fresh.items())})
            for attempt_id, seen in fresh.items():
                work.publish(
                    AttemptChanged(sitting_id=seen.sitting_id, room_id=seen.room_id, attempt_id=attempt_id, what="seen")
                )
        return len(fresh)
