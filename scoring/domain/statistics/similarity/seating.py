"""Where candidates sat: which pairs could have seen each other, and which cannot have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints, or_none

#: a "room" that gives more pairs than this is no room
MOST_ROOM_PAIRS = 6_000_000


class Family(IntEnum):
    """A family of pairs with an error budget of its own."""

    #: different rooms, or no rooms known
    OTHER = 0
    SAME_ROOM = 1
    #: seats side by side, in front, behind, or diagonal
    NEIGHBOUR = 2


@dataclass(frozen=True, eq=False)
class Seating:
    """Rooms, seats, classes, machines of N candidates; -1 or NaN where unknown."""

    room: Ints
    row: Floats
    column: Floats
    school_class: Ints
    machine: tuple[str, ...]
    room_names: tuple[str, ...]
    diagonal: bool = True

    def distance(self, a: int, b: int) -> float | None:
        """Seats between, as the crow flies (Chebyshev); None in different rooms or without seats."""
        if self.room[a] < 0 or self.room[a] != self.room[b]:
            return None
        gaps = abs(float(self.row[a] - self.row[b])), abs(float(self.column[a] - self.column[b]))
        return or_none(max(gaps))

    def families(self, pairs: Ints) -> Ints:
        """Family of each pair, shape (P,)."""
        a, b = pairs[:, 0], pairs[:, 1]
        same = (self.room[a] == self.room[b]) & (self.room[a] >= 0)
        down, across = np.abs(self.row[a] - self.row[b]), np.abs(self.column[a] - self.column[b])
        with np.errstate(invalid="ignore"):
            near = np.maximum(down, across) <= 1 if self.diagonal else down + across <= 1
        return np.asarray(np.where(same & near, Family.NEIGHBOUR, np.where(same, Family.SAME_ROOM, Family.OTHER)))

    def room_pairs(self) -> Ints:
        """All pairs (a < b) that sat in one room, shape (P, 2)."""
        order = np.argsort(self.room, kind="stable")
        order = order[self.room[order] >= 0]
        _, counts = np.unique(self.room[order], return_counts=True)
        found = []
        start = 0
        for size in counts.tolist():
            members = np.sort(order[start : start + size])
            first, second = np.triu_indices(size, 1)
            found.append(np.stack([members[first], members[second]], axis=1))
            start += size
        return np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)

    def room_pair_count(self) -> int:
        """How many pairs `room_pairs` would give."""
        counts = np.bincount(self.room[self.room >= 0]) if np.any(self.room >= 0) else np.zeros(1, dtype=np.int64)
        return int((counts * (counts - 1) // 2).sum())


def seating_of(
    rooms: Sequence[str],
    rows: Sequence[float | None] = (),
    columns: Sequence[float | None] = (),
    classes: Sequence[str] = (),
    machines: Sequence[str] = (),
    diagonal: bool = True,
) -> Seating:
    """From names; an empty name or None is unknown, a missing list is unknown for everybody."""
    n = len(rooms)

    def numbers(values: Sequence[float | None]) -> Floats:
        return np.array([np.nan if value is None else value for value in values] or [np.nan] * n, dtype=np.float64)

    room, names = _numbered(rooms)
    return Seating(
        room,
        numbers(rows),
        numbers(columns),
        _numbered(classes)[0] if classes else np.full(n, -1),
        tuple(machines) or ("",) * n,
        names,
        diagonal,
    )


def _numbered(names: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    different = sorted({name for name in names if name})
    number = {name: place for place, name in enumerate(different)}
    return np.array([number.get(name, -1) for name in names], dtype=np.int64), tuple(different)
