"""Rounding once, and the line at 60."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.domain.cut_score import is_pass, published_score
from scoring.domain.rounding import Rounding, round_half_up


@pytest.mark.parametrize(
    ("score", "full", "published", "passes"),
    [
        (59_994, 100_000, 59_99, False),  # 59.994
        (59_995, 100_000, 60_00, True),  # 59.995: decided on the published value
        (60_000, 100_000, 60_00, True),
        (59_99, 100_00, 59_99, False),
        (60_00, 100_00, 60_00, True),
        (90_00, 150_00, 60_00, True),
        (0, 100_00, 0, False),
    ],
)
def test_the_pass_decision_is_taken_on_the_published_value(score, full, published, passes):
    assert published_score(score, full) == published
    assert is_pass(published, 60_00) is passes


@pytest.mark.parametrize(
    ("rounding", "of_59_995", "of_59_985", "of_59_999"),
    [
        (Rounding.HALF_UP, 60_00, 59_99, 60_00),
        (Rounding.HALF_EVEN, 60_00, 59_98, 60_00),
        (Rounding.DOWN, 59_99, 59_98, 59_99),
    ],
)
def test_the_profile_says_what_becomes_of_fractions(rounding, of_59_995, of_59_985, of_59_999):
    assert published_score(59_995, 100_000, rounding) == of_59_995
    assert published_score(59_985, 100_000, rounding) == of_59_985
    assert published_score(59_999, 100_000, rounding) == of_59_999


def test_a_form_without_points_has_no_score():
    with pytest.raises(ValueError, match="points"):
        published_score(0, 0)


def test_halves_go_away_from_zero():
    assert [round_half_up(Fraction(n, 2)) for n in (1, 3, 5, -1, -5)] == [1, 2, 3, -1, -3]


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_published_score_is_never_further_than_half_a_step_from_the_exact_one(score, full):
    exact = Fraction(score * 100_00, full)
    assert abs(published_score(score, full) - exact) <= Fraction(1, 2)
