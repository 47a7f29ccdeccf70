"""The freeze (security-and-reliability.md 2, rule 12): while a sitting is open, nothing about the system changes.

Open means: from the first room's admission (or the opening of its paper) until every room has ended. A sitting that
somebody forgot to end stops freezing a day after it should have been over; the readiness page says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FORGOTTEN_AFTER = timedelta(hours=24)
#: so long two people lift the freeze for
OVERRIDE_LASTS = timedelta(minutes=30)
LEAST_REASON = 4


@dataclass(frozen=True, slots=True)
class SittingTimes:
    """What decides whether a sitting is open; `state` as in `server.scheduling.domain.states.SittingState`."""

    id: str
    name: str
    state: str
    starts_at: datetime
    duration: timedelta
    #: some room's doors or paper have been opened
    has_begun: bool
    #: every room that began has ended
    has_ended: bool


class Standing(StrEnum):
    """Where a sitting stands for the freeze."""

    CLOSED = "closed"
    OPEN = "open"
    #: open by its rows, but long past its time
    FORGOTTEN = "forgotten"


def judge_sitting(sitting: SittingTimes, now: datetime) -> Standing:
    """Whether this sitting freezes the system at `now`."""
    is_open = sitting.state in {"admitting", "running"} or (
        sitting.state == "published" and sitting.has_begun and not sitting.has_ended
    )
    if not is_open or (sitting.has_begun and sitting.has_ended):
        return Standing.CLOSED
    if now > sitting.starts_at + sitting.duration + FORGOTTEN_AFTER:
        return Standing.FORGOTTEN
    return Standing.OPEN


@dataclass(frozen=True, slots=True)
class Build:
    """What must not change while a sitting is open: the program, the schema, the settings that are no addresses."""

    version: str
    revision: str
    settings_digest: str


def find_changes(mine: Build, served: Iterable[tuple[str, Build]], node_name: str) -> list[str]:
    """Which of `version`, `revision`, `settings` differ from what the open sittings are served with.

    Args:
        served: (node name, its build) for every node and open sitting. Settings are compared with the same node only.
    """
    changes = set()
    for name, build in served:
        if build.version != mine.version:
            changes.add("version")
        if build.revision != mine.revision:
            changes.add("revision")
        if name == node_name and build.settings_digest != mine.settings_digest:
            changes.add("settings")
    return sorted(changes)
