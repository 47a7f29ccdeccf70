"""Tail probabilities equal an independent library's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scoring.domain.statistics.tails import (
    binomial_upper_all,
    binomial_upper_table,
    chi_square_upper,
    normal_quantile,
    normal_upper,
    poisson_binomial_mass,
    upper_from_mass,
)


@given(st.floats(-8, 30))
def test_normal_tail_and_its_inverse(z: float) -> None:
    assert normal_upper(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)
    if -5 < z < 30:
        assert normal_quantile(normal_upper(z)) == pytest.approx(z, abs=1e-6)


@given(st.floats(0, 400), st.integers(1, 120))
def test_chi_square_tail(value: float, df: int) -> None:
    assert chi_square_upper(value, df) == pytest.approx(stats.chi2.sf(value, df), rel=1e-8, abs=1e-300)


@given(st.integers(0, 200), st.floats(0, 1))
def test_binomial_tail(n: int, p: float) -> None:
    ours = binomial_upper_table(n, p)
    theirs = stats.binom.sf(np.arange(n + 1) - 1, n, p)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-280)


def test_binomial_tails_of_many_pairs_at_once() -> None:
    m, n, p = np.array([3, 0, 9]), np.array([10, 4, 8]), np.array([0.2, 0.5, 0.9])
    np.testing.assert_allclose(binomial_upper_all(m, n, p), [stats.binom.sf(2, 10, 0.2), 1.0, 0.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_poisson_binomial_is_a_distribution_with_the_right_mean(p: list[float]) -> None:
    mass = poisson_binomial_mass(np.array(p))
    assert mass.sum() == pytest.approx(1)
    assert mass @ np.arange(len(p) + 1) == pytest.approx(sum(p), abs=1e-9)
    assert upper_from_mass(mass)[0] == pytest.approx(1)


def test_poisson_binomial_with_equal_chances_is_binomial() -> None:
    mass = poisson_binomial_mass(np.full((2, 40), 0.3))
    np.testing.assert_allclose(mass[1], stats.binom.pmf(np.arange(41), 40, 0.3), rtol=1e-9)


def test_far_tails_keep_their_digits() -> None:
    tail = upper_from_mass(poisson_binomial_mass(np.full(100, 0.25)))
    assert tail[90] == pytest.approx(stats.binom.sf(89, 100, 0.25), rel=1e-9)
