"""Ticket numbers: one pattern, unique and sortable numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.errors import InvalidInput
from server.scheduling.domain.ticket_number import DEFAULT_PATTERN, check_pattern, ticket_number


def test_the_recommended_pattern_has_13_digits() -> None:
    assert ticket_number(DEFAULT_PATTERN, plan="260516", session=1, room=2, seat=7) == "2605160100207"


@given(
    a=st.tuples(st.integers(1, 99), st.integers(1, 999), st.integers(1, 99)),
    b=st.tuples(st.integers(1, 99), st.integers(1, 999), st.integers(1, 99)),
)
def test_different_seats_have_different_numbers_in_the_same_order(
    a: tuple[int, int, int], b: tuple[int, int, int]
) -> None:
    first, second = (ticket_number(DEFAULT_PATTERN, plan="260516", session=s, room=r, seat=n) for s, r, n in (a, b))
    assert (first < second) == (a < b)
    assert (first == second) == (a == b)


def test_a_part_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        ticket_number(DEFAULT_PATTERN, plan="260516", session=1, room=2, seat=100)
    assert refused.value.code == "TICKET_NUMBER_OVERFLOW"


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "{plan:6}",
        "{plan:6}{session:2}{room:3}",
        "{plan:6}{session:2}{room:3}{seat:2}{seat:2}",
        "{plan:9}{session:9}{room:9}{seat:9}",
        DEFAULT_PATTERN + "{x}",
    ],
)
def test_a_pattern_that_cannot_tell_seats_apart_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_pattern(pattern)
    assert refused.value.code == "TICKET_PATTERN_WRONG"
