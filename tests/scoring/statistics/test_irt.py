"""Calibration: parameters come back, orders do not matter, too little data is refused, scales are linked."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.domain.statistics.irt_2pl import calibrate_2pl
from scoring.domain.statistics.irt_3pl import calibrate_3pl
from scoring.domain.statistics.irt_model import curve, estimate_abilities
from scoring.domain.statistics.item_fit import (
    calibrated_decision,
    judge_fit,
    leave_one_out,
    marks_in_units,
    score_distribution,
)
from scoring.domain.statistics.linking import Parameters, link_calibration
from scoring.domain.statistics.response_matrix import NOT_ON_FORM, ResponseMatrix, matrix_of_scores
from scoring.domain.statistics.tails import poisson_binomial_mass
from server.core.errors import InvalidInput

THETA = np.linspace(-3, 3, 61)
WEIGHT = np.exp(-(THETA**2) / 2) / np.exp(-(THETA**2) / 2).sum()


def answers(
    n: int, j: int, seed: int, guessing: float = 0.0
) -> tuple[ResponseMatrix, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    theta, a, b = random.normal(size=n), random.lognormal(0, 0.3, j), random.normal(size=j)
    p = guessing + (1 - guessing) / (1 + np.exp(-a * (theta[:, None] - b)))
    return matrix_of_scores((random.random((n, j)) < p).astype(float)), theta, a, b


def curve_error(a: np.ndarray, b: np.ndarray, c: np.ndarray | float, true: np.ndarray) -> float:
    return float(np.sqrt((((curve(THETA, a, b, c) - true) ** 2) @ WEIGHT).mean()))


def test_2pl_parameters_come_back_within_their_standard_errors() -> None:
    matrix, theta, a, b = answers(3000, 30, 1)
    found = calibrate_2pl(matrix)
    assert found.converged
    z = np.concatenate([(found.a - a) / found.se_a, (found.b - b) / found.se_b])
    assert 0.75 < z.std() < 1.25
    assert curve_error(found.a, found.b, 0.0, curve(THETA, a, b)) < 0.015
    known = estimate_abilities(matrix, found)
    assert np.std((known.eap - theta) / known.se) == pytest.approx(1, abs=0.05)


def test_no_step_improves_the_likelihood_found() -> None:
    matrix, *_ = answers(500, 8, 2)
    found = calibrate_2pl(matrix)
    right = matrix.right.astype(float)
    nodes = np.linspace(-6, 6, 61)
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()

    def loglik(a: np.ndarray, b: np.ndarray) -> float:
        p = curve(nodes, a, b)
        each = np.exp(right @ np.log(p) + (1 - right) @ np.log(1 - p))
        return float(np.log(each @ weights).sum())

    best = loglik(found.a, found.b)
    assert found.loglik == pytest.approx(best, abs=1e-6)
    for item in range(8):
        for parameter in (0, 1):
            for step in (-0.01, 0.01):
                values = [found.a.copy(), found.b.copy()]
                values[parameter][item] += step
                assert loglik(*values) < best


def test_the_order_of_candidates_and_items_changes_nothing() -> None:
    matrix, *_ = answers(600, 10, 3)
    random = np.random.default_rng(0)
    rows, columns = random.permutation(600), random.permutation(10)
    one, other = calibrate_2pl(matrix), calibrate_2pl(matrix.take(rows, columns))
    np.testing.assert_allclose(other.a, one.a[columns], atol=2e-4)
    np.testing.assert_allclose(other.b, one.b[columns], atol=2e-4)


def test_items_not_on_a_form_are_masked() -> None:
    matrix, _, a, b = answers(1800, 30, 4)
    state = np.zeros((1800, 30), dtype=np.int8)
    state[:1200, :8] = NOT_ON_FORM
    state[1200:, 22:] = NOT_ON_FORM
    found = calibrate_2pl(matrix_of_scores(matrix.scores, state=state))
    assert found.converged
    assert curve_error(found.a, found.b, 0.0, curve(THETA, a, b)) < 0.025


def test_individual_forms_of_a_large_bank_are_calibrated() -> None:
    random = np.random.default_rng(5)
    matrix, _, _, b = answers(3000, 200, 5)
    state = np.full((3000, 200), NOT_ON_FORM, dtype=np.int8)
    for row in range(3000):
        state[row, random.choice(200, 60, replace=False)] = 0
    found = calibrate_2pl(matrix_of_scores(matrix.scores, state=state))
    assert found.converged
    assert np.corrcoef(found.b, b)[0, 1] > 0.98
    assert np.isfinite(found.se_b).all()


def test_3pl_curves_come_back_and_guessing_is_pulled_toward_its_prior() -> None:
    matrix, _, a, b = answers(4000, 25, 6, guessing=0.2)
    found = calibrate_3pl(matrix)
    assert found.converged
    assert curve_error(found.a, found.b, found.c, curve(THETA, a, b, 0.2)) < 0.015
    assert np.abs(found.c - 0.2).mean() < 0.06
    assert np.isfinite(found.se_c).all()


@pytest.mark.parametrize(
    ("n", "j", "code"), [(50, 10, "TOO_FEW_CANDIDATES"), (1, 10, "TOO_FEW_CANDIDATES"), (500, 2, "TOO_FEW_ITEMS")]
)
def test_too_little_data_is_refused(n: int, j: int, code: str) -> None:
    matrix, *_ = answers(n, j, 7)
    with pytest.raises(InvalidInput) as refusal:
        calibrate_2pl(matrix)
    assert refusal.value.code == code


def test_3pl_is_refused_below_three_thousand_answers_an_item() -> None:
    matrix, *_ = answers(2999, 10, 8)
    with pytest.raises(InvalidInput) as refusal:
        calibrate_3pl(matrix)
    assert refusal.value.code == "TOO_FEW_ITEMS"
    assert refusal.value.data["left_out"]["I001"] == "TOO_FEW_ANSWERS:2999<3000"


def test_part_marks_are_refused() -> None:
    scores = np.random.default_rng(9).integers(0, 3, (400, 5)) / 2
    with pytest.raises(InvalidInput) as refusal:
        calibrate_2pl(matrix_of_scores(scores))
    assert refusal.value.code == "PARTIAL_MARKS"


def test_constant_items_are_left_out_with_a_reason() -> None:
    matrix, *_ = answers(400, 6, 10)
    scores = matrix.scores.copy()
    scores[:, 2] = 1
    found = calibrate_2pl(matrix_of_scores(scores))
    assert found.left_out == {"I003": "CONSTANT_ITEM"}
    assert np.isnan(found.a[2])
    assert np.isfinite(np.delete(found.a, 2)).all()


def test_an_item_that_discriminates_backwards_stops_at_the_bound_and_says_so() -> None:
    matrix, *_ = answers(800, 10, 11)
    scores = matrix.scores.copy()
    scores[:, 4] = 1 - scores[:, 4]
    found = calibrate_2pl(matrix_of_scores(scores))
    assert found.at_bound == ("I005",)
    assert found.a[4] == pytest.approx(0.05)


@pytest.mark.parametrize("method", ["mean-sigma", "stocking-lord"])
def test_linking_finds_the_scale_and_sets_drifted_items_aside(method: str) -> None:
    matrix, _, a, b = answers(4000, 30, 12)
    found = calibrate_2pl(matrix)
    old = {item: Parameters(a[k] / 1.2, 1.2 * b[k] + 0.5) for k, item in enumerate(matrix.items[:20])}
    old["I004"] = Parameters(old["I004"].a, old["I004"].b + 1.0)
    linked, link = link_calibration(found, old, method)
    assert [each.item for each in link.common if each.dropped] == ["I004"]
    assert link.slope == pytest.approx(1.2, abs=0.06)
    assert link.shift == pytest.approx(0.5, abs=0.06)
    assert link.enough
    np.testing.assert_allclose(linked.a * link.slope, found.a)


def test_linking_onto_itself_changes_nothing() -> None:
    matrix, *_ = answers(1000, 12, 13)
    found = calibrate_2pl(matrix)
    own = {item: Parameters(found.a[k], found.b[k]) for k, item in enumerate(found.items)}
    _, link = link_calibration(found, own)
    assert (link.slope, link.shift) == (pytest.approx(1, abs=1e-6), pytest.approx(0, abs=1e-6))


def test_too_few_common_items_are_refused() -> None:
    matrix, *_ = answers(300, 6, 14)
    with pytest.raises(InvalidInput) as refusal:
        link_calibration(calibrate_2pl(matrix), {"I001": Parameters(1, 0)})
    assert refusal.value.code == "TOO_FEW_COMMON_ITEMS"


def test_score_distributions_without_one_item_are_those_of_the_others() -> None:
    p = np.random.default_rng(15).random((6, 3))
    without = leave_one_out(p)
    for item in range(6):
        np.testing.assert_allclose(without[item].T, poisson_binomial_mass(np.delete(p, item, axis=0).T))


def test_fit_holds_its_level_and_finds_a_curve_that_goes_back_down() -> None:
    matrix, theta, *_ = answers(2500, 20, 16)
    scores = matrix.scores.copy()
    random = np.random.default_rng(17)
    scores[:, 3] = random.random(2500) < np.where(np.abs(theta) < 0.8, 0.8, 0.3)
    bent = matrix_of_scores(scores)
    found = calibrate_2pl(bent)
    fit = judge_fit(bent, found, estimate_abilities(bent, found))
    assert fit[3].p is not None
    assert fit[3].p < 1e-6
    good = calibrate_2pl(matrix)
    values = [each.p for each in judge_fit(matrix, good, estimate_abilities(matrix, good))]
    assert sum(value < 0.05 for value in values if value is not None) <= 4


def test_marks_become_whole_units() -> None:
    assert marks_in_units(np.array([0.5, 1.0, 2.5])).tolist() == [1, 2, 5]  # type: ignore[union-attr]
    assert marks_in_units(np.array([1 / 3, 1.0])) is None
    mass = score_distribution(np.array([[0.5, 0.2]]), np.array([1, 3]))
    np.testing.assert_allclose(mass, [[0.4, 0.4, 0, 0.1, 0.1]])


def test_decisions_from_calibrated_items_repeat_as_often_as_parallel_forms_say() -> None:
    matrix, theta, a, b = answers(5000, 30, 18)
    decision = calibrated_decision(matrix, calibrate_2pl(matrix), 0.6)
    assert decision is not None
    p = 1 / (1 + np.exp(-a * (theta[:, None] - b)))
    again = np.random.default_rng(19).random(p.shape) < p
    agree = ((matrix.totals >= 18) == (again.sum(axis=1) >= 18)).mean()
    assert decision.consistency == pytest.approx(agree, abs=0.02)
    true = p.sum(axis=1) >= 18
    assert decision.accuracy == pytest.approx(((matrix.totals >= 18) == true).mean(), abs=0.02)
