"""How candidates answered: times, changes, rapid guesses, pairs in lock-step, items that leak."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scoring.domain.statistics.behaviour import (
    Change,
    count_changes,
    item_drift,
    lock_step_pairs,
    rapid_guessing,
    rapid_limits,
    time_per_item,
)
from scoring.domain.statistics.response_matrix import NOT_ON_FORM, matrix_of_scores
from tests.scoring.statistics.simulated_hall import make_hall


def test_times_are_described_right_and_wrong_apart() -> None:
    scores = np.array([[1.0, 0], [1, 1], [0, 1], [0, 0]])
    seconds = np.array([[10.0, np.nan], [20, 5], [40, 0], [60, 7]])
    first, second = time_per_item(matrix_of_scores(scores), seconds)
    assert (first.n, first.median_s, first.median_right_s, first.median_wrong_s) == (4, 30, 15, 50)
    assert first.quartiles_s == (17.5, 45)
    assert (second.n, second.median_s) == (2, 6)
    nothing = time_per_item(matrix_of_scores(scores), np.full((4, 2), np.nan))[0]
    assert (nothing.n, nothing.median_s, nothing.rapid) == (0, None, None)


def test_rapid_guesses_are_below_a_tenth_of_the_median_and_never_above_ten_seconds() -> None:
    seconds = np.array([[30.0, 300.0], [30, 300], [30, 300]])
    assert rapid_limits(seconds).tolist() == [3.0, 10.0]


def test_candidates_who_guess_rapidly_are_named_and_others_are_not() -> None:
    random = np.random.default_rng(1)
    seconds = random.lognormal(3.5, 0.4, (50, 40))
    seconds[7, 20:] = 1.0
    matrix = matrix_of_scores((random.random((50, 40)) < 0.5).astype(float))
    (found,) = rapid_guessing(matrix, seconds)
    assert (found.person, found.effort, found.rapid) == ("P00008", 0.5, 20)
    assert found.rapid_right == pytest.approx(matrix.scores[7, 20:].mean())


def test_changes_are_counted_by_where_they_lead() -> None:
    changes = [Change(0, 0, 1, 0)] * 6 + [
        Change(1, 0, 0, 2),
        Change(1, 1, 1, 2),
        Change(2, 1, 1, 0),
        Change(2, 0, 3, 3),
    ]
    changes += [Change(2, 0, -1, 1)]
    people, items = count_changes(changes, np.array([0, 0]), ["甲", "乙", "丙"], ["Q1", "Q2"])
    assert [(each.name, each.wrong_to_right, each.right_to_wrong, each.wrong_to_wrong) for each in people] == [
        ("甲", 6, 0, 0),
        ("丙", 1, 0, 0),
        ("乙", 0, 1, 1),
    ]
    assert people[0].p_to_right == pytest.approx(stats.binom.sf(5, 6, 7 / 8))
    assert [(each.name, each.wrong_to_right) for each in items] == [("Q1", 6), ("Q2", 1)]


def test_pairs_in_lock_step_are_found_among_neighbours_only_when_there_are_any() -> None:
    hall = make_hall(300, 60, 2)
    random = np.random.default_rng(3)
    seconds = random.lognormal(random.normal(3, 0.4, 60), 0.5, (300, 60)) * random.lognormal(0, 0.3, (300, 1))
    names = hall.matrix.persons
    assert len(lock_step_pairs(names, seconds, hall.seating)) <= 1
    seconds[31] = seconds[30] * random.lognormal(0, 0.15, 60) * 1.4
    found = lock_step_pairs(names, seconds, hall.seating)
    assert (found[0].a, found[0].b, found[0].family) == (names[30], names[31], "neighbour")
    assert found[0].r > 0.8
    assert len(found) <= 2


def test_an_item_that_leaks_becomes_easier_over_sittings_and_honest_ones_do_not() -> None:
    random = np.random.default_rng(4)
    sitting = np.repeat([0, 1, 2], 600)
    theta = random.normal(size=1800) + 0.3 * sitting
    b = random.normal(size=25)
    shift = np.zeros((1800, 25))
    shift[:, 6] = 0.5 * sitting
    right = random.random((1800, 25)) < 1 / (1 + np.exp(-(theta[:, None] + shift - b)))
    matrix = matrix_of_scores(right.astype(float))
    found = item_drift(matrix, sitting, matrix.totals)
    assert [each.item for each in found if each.suspected] == ["I007"]
    assert found[6].z is not None
    assert found[6].z > 5
    assert len(found[6].p_by_sitting) == 3


def test_an_item_used_in_one_sitting_has_no_drift() -> None:
    state = np.zeros((200, 3), dtype=np.int8)
    state[:100, 0] = NOT_ON_FORM
    scores = (np.random.default_rng(5).random((200, 3)) < 0.5).astype(float)
    found = item_drift(matrix_of_scores(scores, state=state), np.repeat([0, 1], 100), scores.sum(axis=1))
    assert (found[0].z, found[0].p_by_sitting[0]) == (None, None)
