"""Mantel–Haenszel: against a loop over 2 × 2 tables, purified, classed, for several groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scoring.domain.statistics.dif import compare_groups, ets_class, mantel_haenszel
from scoring.domain.statistics.response_matrix import NOT_ON_FORM, ResponseMatrix, matrix_of_scores
from server.core.errors import InvalidInput


def answers(n: int, j: int, seed: int, harder: dict[int, float]) -> tuple[ResponseMatrix, np.ndarray]:
    random = np.random.default_rng(seed)
    theta, a, b = random.normal(size=n), random.lognormal(0, 0.2, j), random.normal(size=j)
    focal = random.random(n) < 0.4
    shift = np.array([harder.get(item, 0.0) for item in range(j)])
    p = 1 / (1 + np.exp(-a * (theta[:, None] - b - focal[:, None] * shift)))
    return matrix_of_scores((random.random((n, j)) < p).astype(float)), focal


def names(focal: np.ndarray) -> list[str]:
    return ["F" if each else "R" for each in focal]


def by_hand(x: np.ndarray, score: np.ndarray, focal: np.ndarray) -> tuple[float, float, float]:
    """α, χ² and the variance of ln α, table by table."""
    r = s = gap = variance = first = second = third = 0.0
    for level in np.unique(score):
        here = score == level
        a, b = float(x[here & ~focal].sum()), float((1 - x[here & ~focal]).sum())
        c, d = float(x[here & focal].sum()), float((1 - x[here & focal]).sum())
        n = a + b + c + d
        if a + b == 0 or c + d == 0:
            continue
        r, s = r + a * d / n, s + b * c / n
        gap += a - (a + b) * (a + c) / n
        variance += (a + b) * (c + d) * (a + c) * (b + d) / (n * n * (n - 1)) if n > 1 else 0.0
        p, q = (a + d) / n, (b + c) / n
        first, second, third = first + p * a * d / n, second + (p * b * c + q * a * d) / n, third + q * b * c / n
    correction = 0.5 if abs(gap) >= 0.5 else 0.0
    log_variance = first / (2 * r * r) + second / (2 * r * s) + third / (2 * s * s)
    return r / s, (abs(gap) - correction) ** 2 / variance, log_variance


def test_figures_are_those_of_a_loop_over_the_tables() -> None:
    matrix, focal = answers(900, 12, 1, {3: 0.7})
    x, score = matrix.scores, matrix.totals.astype(np.int64)
    for column, found in enumerate(mantel_haenszel(x, score, focal)):
        alpha, chi2, log_variance = by_hand(x[:, column], score, focal)
        assert found.alpha_mh == pytest.approx(alpha, rel=1e-9)
        assert found.chi2 == pytest.approx(chi2, rel=1e-9)
        assert found.p == pytest.approx(stats.chi2.sf(chi2, 1), rel=1e-9)
        assert found.delta_mh == pytest.approx(-2.35 * math.log(alpha), rel=1e-9)
        assert found.se_delta == pytest.approx(2.35 * math.sqrt(log_variance), rel=1e-9)


def test_biased_items_are_found_and_purification_spares_the_others() -> None:
    before, after, hits = [], [], []
    for seed in range(4):
        matrix, focal = answers(5000, 60, 10 + seed, dict.fromkeys(range(5), 1.0))
        (comparison,), small = compare_groups(matrix, names(focal))
        assert small == {}
        hits += [item.final.ets_class for item in comparison.items[:5]]
        before += [item.unpurified.p < 0.05 for item in comparison.items[5:] if item.unpurified.p is not None]
        after += [item.final.p < 0.05 for item in comparison.items[5:] if item.final.p is not None]
        assert all((item.final.delta_mh or 0) < 0 for item in comparison.items[:5]), "harder for the focal group"
    assert hits.count("C") >= 14
    assert np.mean(after) < 0.075
    assert np.mean(after) < np.mean(before)


def test_the_order_of_items_and_candidates_changes_nothing() -> None:
    matrix, focal = answers(800, 15, 2, {0: 1.2})
    random = np.random.default_rng(0)
    rows, columns = random.permutation(800), random.permutation(15)
    (one,), _ = compare_groups(matrix, names(focal))
    (other,), _ = compare_groups(matrix.take(rows, columns), names(focal[rows]))
    again = {item.item: item for item in other.items}
    for item in one.items:
        assert again[item.item].final.alpha_mh == pytest.approx(item.final.alpha_mh)
        assert again[item.item].purged == item.purged


def test_swapping_the_groups_turns_the_sign() -> None:
    matrix, focal = answers(800, 15, 3, {})
    (one,), _ = compare_groups(matrix, names(focal), reference="R")
    (other,), _ = compare_groups(matrix, names(focal), reference="F")
    for first, second in zip(one.items, other.items, strict=True):
        assert first.unpurified.delta_mh == pytest.approx(-(second.unpurified.delta_mh or 0.0))


def test_several_groups_are_each_compared_with_the_largest() -> None:
    matrix, _ = answers(1200, 10, 4, {})
    groups = ["甲"] * 600 + ["乙"] * 300 + ["丙"] * 250 + ["丁"] * 40 + [""] * 10
    comparisons, small = compare_groups(matrix, groups)
    assert [(each.reference, each.focal) for each in comparisons] == [("甲", "丙"), ("甲", "乙")]
    assert small == {"丁": 40}


@pytest.mark.parametrize(
    ("delta", "se", "p", "expected"),
    [
        (0.9, 0.1, 0.001, "A"),
        (1.2, 0.1, 0.2, "A"),
        (-1.2, 0.1, 0.001, "B"),
        (1.6, 0.5, 0.001, "B"),
        (-1.6, 0.2, 0.001, "C"),
        (1.5, 0.3, 0.001, "C"),
    ],
)
def test_ets_classes(delta: float, se: float, p: float, expected: str) -> None:
    assert ets_class(delta, se, p) == expected


def test_items_everybody_has_right_have_a_reason_and_no_figure() -> None:
    matrix, focal = answers(500, 8, 5, {})
    scores = matrix.scores.copy()
    scores[:, 0] = 1
    (comparison,), _ = compare_groups(matrix_of_scores(scores), names(focal))
    found = comparison.items[0].final
    assert (found.alpha_mh, found.p, found.ets_class) == (None, None, None)
    assert found.reason == "CONSTANT_WITHIN_STRATA"


def test_what_cannot_be_compared_is_refused() -> None:
    matrix, focal = answers(300, 8, 6, {})
    for groups, code in (
        (["R"] * 300, "DIF_ONE_GROUP"),
        (["R"] * 250 + ["F"] * 50, "DIF_GROUPS_TOO_SMALL"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            compare_groups(matrix, groups)
        assert refusal.value.code == code
    with pytest.raises(InvalidInput) as refusal:
        compare_groups(matrix, names(focal), reference="X")
    assert refusal.value.code == "DIF_GROUP_UNKNOWN"
    state = np.zeros((300, 8), dtype=np.int8)
    state[0, 0] = NOT_ON_FORM
    with pytest.raises(InvalidInput) as refusal:
        compare_groups(matrix_of_scores(matrix.scores, state=state), names(focal))
    assert refusal.value.code == "DIF_SEVERAL_FORMS"
