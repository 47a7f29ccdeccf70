"""States of a sitting and how it gets from one to the next."""

from __future__ import annotations

from enum import StrEnum


class SittingState(StrEnum):
    """Where a sitting stands."""

    PLANNED = "planned"  #: rooms, candidates, proctors may still change
    PUBLISHED = "published"  #: seats, tickets and the rule profile are fixed
    ADMITTING = "admitting"  #: doors are open
    RUNNING = "running"  #: the start has passed in at least one room
    CLOSED = "closed"  #: every attempt has ended
    SEALED = "sealed"  #: no journal entry is accepted any more

    @property
    def is_open_for_planning(self) -> bool:
        """Rooms, roster, seats, tickets and proctors may change."""
        return self is SittingState.PLANNED

    @property
    def is_over(self) -> bool:
        """Nobody answers any more."""
        return self in {SittingState.CLOSED, SittingState.SEALED}


class SittingAction(StrEnum):
    """What can be done with a sitting."""

    PUBLISH = "publish"
    OPEN_ADMISSION = "open_admission"
    START = "start"
    CLOSE = "close"
    SEAL = "seal"


_S, _A = SittingState, SittingAction

SITTING_TRANSITIONS: dict[tuple[SittingState, SittingAction], SittingState] = {
    (_S.PLANNED, _A.PUBLISH): _S.PUBLISHED,
    (_S.PUBLISHED, _A.OPEN_ADMISSION): _S.ADMITTING,
    (_S.ADMITTING, _A.START): _S.RUNNING,
    (_S.RUNNING, _A.CLOSE): _S.CLOSED,
    (_S.CLOSED, _A.SEAL): _S.SEALED,
}


class ProctorDuty(StrEnum):
    """A proctor's part in a room."""

    CHIEF = "chief"  # 主监考
    DEPUTY = "deputy"  # 副监考
