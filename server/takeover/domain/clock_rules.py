"""Which clock a process starts with, and when a clock is wrong (security-and-reliability.md 2.6).

Across processes the database's clock decides; from then on every process carries it by its machine's running clock, which
nobody can set. So a step of a wall clock, or of the database's, moves no deadline: it is told, not followed.

While somebody sits an exam a process that is started again goes on with the time its machine has carried since the last
beat (`continued`): what anybody did to the wall clock meanwhile does not count. Without that (the machine itself was
started anew) only the wall is left; time then never goes back behind the last thing that was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: Clocks may differ by so much before somebody is told, or a start is refused.
CLOCK_TOLERANCE = timedelta(seconds=2)


class ClockProblem(StrEnum):
    """Why a process must not start."""

    #: This machine and the database disagree.
    DATABASE_DIFFERS = "database_differs"
    #: Another living node of another machine disagrees.
    NODE_DIFFERS = "node_differs"


@dataclass(frozen=True, slots=True)
class ClockEvidence:
    """What is known when a process starts. Moments are what each clock says *now*.

    Attributes:
        database: None where the database is a file on this machine.
        continued: the last beat written on this machine, carried on by its running clock; None after a new start of it.
        last_beat_at: the newest beat of any node.
        living: what the clock of a node that beats on another machine says; None when there is none.
        is_exam_open: somebody has signed in and not ended.
    """

    wall: datetime
    database: datetime | None = None
    continued: datetime | None = None
    last_beat_at: datetime | None = None
    living: datetime | None = None
    is_exam_open: bool = False


@dataclass(frozen=True, slots=True)
class StartClock:
    """The moment to start with; `wall_ahead` and `database_ahead`: how far the others are from it."""

    moment: datetime
    wall_ahead: timedelta
    database_ahead: timedelta
    problem: ClockProblem | None = None

    @property
    def is_apart(self) -> bool:
        """Somebody must be told."""
        return max(abs(self.wall_ahead), abs(self.database_ahead)) > CLOCK_TOLERANCE


def choose_start(seen: ClockEvidence) -> StartClock:
    """The clock of a process that starts."""
    moment = seen.database or seen.wall
    is_carried = seen.is_exam_open and seen.continued is not None
    if seen.is_exam_open and seen.continued is not None:
        moment = seen.continued
    elif seen.is_exam_open and seen.last_beat_at is not None and seen.living is None:
        moment = max(moment, seen.last_beat_at)
    problem = None
    if seen.living is not None and is_apart(seen.living, moment):
        problem = ClockProblem.NODE_DIFFERS
    elif seen.database is not None and is_apart(seen.wall, seen.database) and not is_carried:
        problem = ClockProblem.DATABASE_DIFFERS
    return StartClock(moment, seen.wall - moment, (seen.database or moment) - moment, problem)


def is_apart(one: datetime, other: datetime) -> bool:
    """Two clocks differ by more than is tolerated."""
    return abs(one - other) > CLOCK_TOLERANCE
