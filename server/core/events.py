"""Every event: something that happened and was committed. Frozen, ids and counts only.

Events carry no answer content, no key, no ID number (checklist D5). Losing one may make a screen late,
never wrong for long: whoever misses a number reads the snapshot again.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events; `sitting_id` and `room_id` say whose screens are concerned."""

    sitting_id: str
    room_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptChanged(Event):
    """Anything a board or the candidate's own page shows about one attempt changed; read it again."""

    attempt_id: str
    what: (
        str  # admitted, started, suspended, resumed, submitted, collected, absent, voided, moved, time, flags, answers
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersRecorded(Event):
    """Answers of one attempt were committed. `answered` of `total` items have a response now."""

    attempt_id: str
    answered: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChanged(Event):
    """A time ledger row touched this room (or one attempt of it): clocks must be read again."""

    attempt_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomChanged(Event):
    """The room's own gates or state changed (admission, paper opened, started, ended, signed)."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardChanged(Event):
    """Something that only the proctors' board shows changed; candidates' pages are not concerned."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Event):
    """A proctor wrote to one attempt, or (None) to the room."""

    message_id: str
    attempt_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised(Event):
    """Something asks for a person's attention in the room."""

    kind: str
    attempt_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """The attempt reached a final state; scoring may look."""

    attempt_id: str
    how: str


EVENT_TYPES: dict[str, type[Event]] = {
    cls.__name__: cls
    for cls in (
        AttemptChanged,
        AnswersRecorded,
        ClockChanged,
        RoomChanged,
        BoardChanged,
        MessageSent,
        AlarmRaised,
        AttemptEnded,
    )
}


def to_wire(event: Event) -> dict[str, Any]:
    """JSON form for the bus between nodes."""
    return {"type": type(event).__name__, **dataclasses.asdict(event)}


def from_wire(data: dict[str, Any]) -> Event:
    """Inverse of `to_wire`.

    Raises:
        KeyError, TypeError: an unknown event or field; the sender runs another version.
    """
    fields = dict(data)
    return EVENT_TYPES[fields.pop("type")](**fields)
