"""Who sits where 编场: everyone one seat, people of one class apart, parallel forms apart."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from server.core.errors import Conflict
from server.scheduling.domain.form_tiling import form_at


@dataclass(frozen=True, slots=True)
class PlanSeat:
    """A seat that may be used; `row` and `column` count from 1."""

    id: str
    room_id: str
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class PlanPerson:
    """Somebody to be seated; people of the same non-empty `group` (organisation and class) are kept apart."""

    id: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """One person on one seat with one form."""

    person_id: str
    seat: PlanSeat
    form_label: str


def plan_seats(
    people: Sequence[PlanPerson], rooms: Sequence[Sequence[PlanSeat]], forms: Sequence[str], seed: int
) -> list[Placement]:
    """Fill the rooms in the order given, seat by seat, each with somebody whose neighbours are of other groups.

    The largest remaining group goes first, so that it does not end up alone at the end; within a group chance decides
    (`seed` makes it repeatable). Where only one group is left its members sit side by side: forms still differ.

    Args:
        rooms: for each room its usable seats (spare ones left out), in the order in which they are filled.
        forms: labels of the parallel forms.

    Raises:
        Conflict: `SEATS_NOT_ENOUGH`; nobody is left over silently (SZ-1 art.9).
    """
    capacity = sum(len(seats) for seats in rooms)
    if len(people) > capacity:
        raise Conflict(
            "SEATS_NOT_ENOUGH",
            f"考生 {len(people)} 人，可用座位只有 {capacity} 个（备用机位不计）；请增加考场或减少名单。",
            f"{len(people)} candidates, but only {capacity} seats (spare ones not counted). Add rooms.",
            candidates=len(people),
            seats=capacity,
        )
    waiting = _shuffled_groups(people, seed)
    placements: list[Placement] = []
    for seats in rooms:
        taken: dict[tuple[int, int], str] = {}
        for seat in seats:
            if not waiting:
                return placements
            group = _best_group(waiting, taken, seat)
            person = waiting[group].pop()
            if not waiting[group]:
                del waiting[group]
            taken[seat.row, seat.column] = person.group
            placements.append(Placement(person.id, seat, form_at(seat.row, seat.column, forms)))
    return placements


def neighbours(row: int, column: int) -> list[tuple[int, int]]:
    """The eight places around one."""
    return [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


def _shuffled_groups(people: Sequence[PlanPerson], seed: int) -> dict[str, list[PlanPerson]]:
    groups: defaultdict[str, list[PlanPerson]] = defaultdict(list)
    for person in people:
        groups[person.group].append(person)
    # Not a secret: the seed is on record so that a plan can be made again.
    chance = random.Random(seed)  # noqa: S311
    for members in groups.values():
        chance.shuffle(members)
    names = sorted(groups)
    chance.shuffle(names)
    return {name: groups[name] for name in names}


def _best_group(waiting: dict[str, list[PlanPerson]], taken: dict[tuple[int, int], str], seat: PlanSeat) -> str:
    around = [taken.get(place, "") for place in neighbours(seat.row, seat.column)]

    def rank(group: str) -> tuple[int, int]:
        same = around.count(group) if group else 0
        return same, -len(waiting[group])

    return min(waiting, key=rank)
