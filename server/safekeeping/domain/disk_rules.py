"""How much room a disk must have (security-and-reliability.md 4: alarms at 15 % and at 5 % free)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Room(StrEnum):
    """What the free space of a volume means; worse ones come later."""

    OK = "ok"
    #: amber: call support
    LOW = "low"
    #: red: what is not an answer waits
    FULL = "full"
    #: the volume does not answer
    GONE = "gone"

    @property
    def rank(self) -> int:
        """0 is best."""
        return list(Room).index(self)


@dataclass(frozen=True, slots=True)
class Volume:
    """One watched volume as last read. `use`: data | second_journal | backup; sizes in bytes."""

    use: str
    place: str
    free: int
    total: int
    room: Room

    @property
    def free_percent(self) -> float:
        """What an ordinary process may still use, in percent of the whole."""
        return 100 * self.free / self.total if self.total else 0.0


def judge_room(free: int, total: int, *, warn_percent: float, stop_percent: float) -> Room:
    """What so many free bytes of so many mean."""
    if total <= 0:
        return Room.GONE
    percent = 100 * free / total
    if percent < stop_percent:
        return Room.FULL
    return Room.LOW if percent < warn_percent else Room.OK
