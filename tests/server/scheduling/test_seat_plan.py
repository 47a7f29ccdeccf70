"""Who sits where: one seat each, classes apart, neighbours with different forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.errors import Conflict
from server.scheduling.domain.form_tiling import form_at
from server.scheduling.domain.seat_plan import PlanPerson, PlanSeat, neighbours, plan_seats

sizes = st.integers(min_value=1, max_value=12)


def a_grid(rows: int, columns: int, room_id: str = "r") -> list[PlanSeat]:
    return [
        PlanSeat(f"{room_id}-{row}-{column}", room_id, row, column)
        for row in range(1, rows + 1)
        for column in range(1, columns + 1)
    ]


def people(*groups: int) -> list[PlanPerson]:
    return [PlanPerson(f"{group}-{n}", f"g{group}") for group, size in enumerate(groups) for n in range(size)]


@given(row=st.integers(1, 60), column=st.integers(1, 60))
def test_all_eight_neighbours_have_another_form(row: int, column: int) -> None:
    mine = form_at(row, column, "ABCD")
    assert all(form_at(*place, "ABCD") != mine for place in neighbours(row, column))


@given(row=st.integers(1, 60), column=st.integers(1, 60), forms=st.sampled_from(["AB", "ABC"]))
def test_left_and_right_differ_with_two_or_three_forms(row: int, column: int, forms: str) -> None:
    assert form_at(row, column, forms) != form_at(row, column + 1, forms)


def test_one_form_lies_everywhere() -> None:
    assert {form_at(row, column, "A") for row in range(1, 5) for column in range(1, 5)} == {"A"}


def test_no_form_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="form"):
        form_at(1, 1, "")


@given(rows=sizes, columns=sizes, sizes_of=st.lists(st.integers(1, 15), max_size=6), seed=st.integers(0, 2**31))
def test_everybody_gets_exactly_one_seat(rows: int, columns: int, sizes_of: list[int], seed: int) -> None:
    rooms = [a_grid(rows, columns, "r1"), a_grid(rows, columns, "r2")]
    everyone = people(*sizes_of)
    if len(everyone) > 2 * rows * columns:
        with pytest.raises(Conflict) as refused:
            plan_seats(everyone, rooms, "ABCD", seed)
        assert refused.value.code == "SEATS_NOT_ENOUGH"
        assert refused.value.data == {"candidates": len(everyone), "seats": 2 * rows * columns}
        return
    placements = plan_seats(everyone, rooms, "ABCD", seed)
    assert sorted(one.person_id for one in placements) == sorted(person.id for person in everyone)
    assert len({one.seat.id for one in placements}) == len(everyone)


@given(seed=st.integers(0, 2**31))
def test_four_classes_of_one_size_never_sit_side_by_side(seed: int) -> None:
    everyone = people(8, 8, 8, 6)
    group_of = {person.id: person.group for person in everyone}
    placements = plan_seats(everyone, [a_grid(5, 6)], "ABCD", seed)
    at = {(one.seat.row, one.seat.column): group_of[one.person_id] for one in placements}
    beside = sum(at.get((row, column + 1)) == group for (row, column), group in at.items())
    assert beside == 0


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    rooms = [a_grid(5, 6)]
    once, again, other = (plan_seats(people(10, 10, 10), rooms, "ABCD", seed) for seed in (7, 7, 8))
    assert once == again
    assert once != other


def test_people_without_a_group_are_seated_too() -> None:
    assert len(plan_seats([PlanPerson("a"), PlanPerson("b")], [a_grid(1, 2)], "ABCD", 1)) == 2
