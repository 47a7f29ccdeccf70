"""Indices of pairs: against enumeration of everything that could have happened."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scoring.domain.statistics.response_matrix import matrix_of_codes
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers, coded_answers, rank_normal
from scoring.domain.statistics.similarity.content_match import ContentMatch, cumulants, normal_score
from scoring.domain.statistics.similarity.indices import m4_index, pair_indices, trinomial_extreme
from scoring.domain.statistics.similarity.option_models import OptionModel, nominal_model, smoothed_shares
from scoring.domain.statistics.tails import poisson_binomial_mass, upper_from_mass
from tests.scoring.statistics.simulated_hall import make_hall


def small(seed: int, n: int = 12, j: int = 5, k: int = 3) -> tuple[CodedAnswers, OptionModel]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, k, (n, j)).astype(np.int16)
    codes[0, 0] = -1
    key = random.integers(0, k, j)
    answers = coded_answers(matrix_of_codes(codes, key, k))
    model = nominal_model(answers, random.normal(size=n), random.normal(size=(j, k)), random.normal(size=(j, k)))
    return answers, model


@pytest.mark.parametrize("seed", range(4))
def test_gbt_is_the_share_of_all_outcomes_with_as_many_matches(seed: int) -> None:
    answers, model = small(seed)
    pairs = np.array([[0, 1], [2, 3], [4, 0]])
    found = pair_indices(answers, model, pairs)
    for number, (a, b) in enumerate(pairs.tolist()):
        items = [item for item in range(5) if min(answers.codes[a, item], answers.codes[b, item]) >= 0]
        p, q = model.probabilities(np.array([a]))[0], model.probabilities(np.array([b]))[0]
        total = 0.0
        for outcome in itertools.product(range(9), repeat=len(items)):
            chance = math.prod(
                p[item, each // 3] * q[item, each % 3] for item, each in zip(items, outcome, strict=True)
            )
            if sum(each // 3 == each % 3 for each in outcome) >= found.identical[number]:
                total += chance
        assert found.gbt_p[number] == pytest.approx(total, rel=1e-9)
        assert found.common[number] == len(items)


@pytest.mark.parametrize("seed", range(4))
def test_omega_compares_the_matches_with_the_copiers_own_chances(seed: int) -> None:
    answers, model = small(seed)
    found = pair_indices(answers, model, np.array([[5, 6]]))
    chance = [model.exact[5, item, answers.codes[6, item]] for item in range(5)]  # type: ignore[index]
    matches = int((answers.codes[5] == answers.codes[6]).sum())
    omega = (matches - sum(chance)) / math.sqrt(sum(each * (1 - each) for each in chance))
    assert found.omega_a_copies_b[0] == pytest.approx(omega)
    assert found.omega_a_copies_b_p[0] == pytest.approx(stats.norm.sf(omega))


@pytest.mark.parametrize("seed", range(4))
def test_k_is_the_binomial_tail_at_the_rate_of_candidates_like_the_copier(seed: int) -> None:
    answers, model = small(seed, n=40)
    found = pair_indices(answers, model, np.array([[5, 6]]))
    wrong = answers.wrong
    source, copier = 6, 5
    like = [row for row in range(40) if wrong[row].sum() == wrong[copier].sum()]
    same = [(wrong[source] & (answers.codes[row] == answers.codes[source])).sum() for row in like]
    trials = int(wrong[source].sum())
    if trials == 0:
        assert np.isnan(found.k_a_copies_b_p[0])
        return
    rate = np.mean(same) / trials
    both = int((wrong[source] & (answers.codes[copier] == answers.codes[source])).sum())
    assert found.k_a_copies_b_p[0] == pytest.approx(stats.binom.sf(both - 1, trials, rate))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0.01, 0.45)), min_size=1, max_size=6), st.data())
def test_m4_adds_up_the_outcomes_that_are_as_extreme(chances: list[tuple[float, float]], data: st.DataObject) -> None:
    right, wrong = np.array([r for r, _ in chances]), np.array([w for _, w in chances])
    n = len(chances)
    r = data.draw(st.integers(0, n))
    w = data.draw(st.integers(0, n - r))
    mass: dict[tuple[int, int], float] = {}
    for outcome in itertools.product(range(3), repeat=n):
        chance = math.prod((right[i], wrong[i], 1 - right[i] - wrong[i])[each] for i, each in enumerate(outcome))
        cell = (outcome.count(0), outcome.count(1))
        mass[cell] = mass.get(cell, 0.0) + chance
    upper = {cell: sum(p for other, p in mass.items() if other[0] >= cell[0] and other[1] >= cell[1]) for cell in mass}
    expected = sum(p for cell, p in mass.items() if upper[cell] <= upper[r, w] * (1 + 1e-9))
    assert trinomial_extreme(right, wrong, r, w) == pytest.approx(min(expected, 1.0), rel=1e-6)


def test_indices_do_not_depend_on_the_names_of_options_or_the_order_of_items() -> None:
    hall = make_hall(60, 40, 1)
    answers, pairs = coded_answers(hall.matrix), np.array([[0, 1], [2, 9], [30, 31]])
    model = smoothed_shares(answers)
    random = np.random.default_rng(2)
    turn = np.array([random.permutation(4) for _ in range(40)])
    order = random.permutation(40)
    codes = np.take_along_axis(turn[None].repeat(60, 0), hall.codes[:, :, None].astype(int), axis=2)[:, :, 0]
    key = turn[np.arange(40), hall.key]
    turned = coded_answers(matrix_of_codes(codes[:, order].astype(np.int16), key[order], 4))
    one = pair_indices(answers, model, pairs)
    other = pair_indices(turned, smoothed_shares(turned), pairs)
    for name in ("identical", "identical_wrong", "gbt_p", "omega_a_copies_b", "k_a_copies_b_p"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-9)
    np.testing.assert_allclose(
        m4_index(turned, smoothed_shares(turned), pairs), m4_index(answers, model, pairs), rtol=1e-6
    )


def test_a_pair_is_the_same_in_both_directions() -> None:
    answers = coded_answers(make_hall(60, 40, 3).matrix)
    model = smoothed_shares(answers)
    found = pair_indices(answers, model, np.array([[4, 9], [9, 4]]))
    assert found.gbt_p[0] == pytest.approx(found.gbt_p[1])
    assert found.omega_a_copies_b[0] == pytest.approx(found.omega_b_copies_a[1])


def test_shares_are_probabilities_and_follow_ability() -> None:
    hall = make_hall(2000, 40, 4)
    answers = coded_answers(hall.matrix)
    model = smoothed_shares(answers)
    np.testing.assert_allclose(model.shares.sum(axis=2), 1.0)
    right = model.shares[:, np.arange(40), answers.key.astype(int)].mean(axis=1)
    # the outermost bins hold hardly anybody and lean on everybody's shares
    assert np.all(np.diff(right[2:28]) > 0)
    own = [answers.right[model.bins == each].mean() for each in range(8, 24) if (model.bins == each).sum() > 20]
    used = [each for each in range(8, 24) if (model.bins == each).sum() > 20]
    np.testing.assert_allclose(right[used], own, atol=0.05)


def test_normal_scores_follow_the_exact_tail_far_out() -> None:
    random = np.random.default_rng(5)
    for level, spread in ((0.15, 0.1), (0.3, 0.1), (0.5, 0.3), (0.8, 0.1), (0.7, 0.3)):
        p = np.clip(random.normal(level, spread, 100), 0.02, 0.98)
        tail = upper_from_mass(poisson_binomial_mass(p))
        k = cumulants(p)
        for m in range(101):
            if 1e-8 < tail[m] < 0.3:
                score = normal_score(np.array([m - 0.5]), *(np.array([each]) for each in k))[0]
                # a little too small far out where chances differ widely: why thresholds beyond 1e-6 are divided by 3
                assert (0.6 if tail[m] > 1e-6 else 0.3) < stats.norm.sf(score) / tail[m] < 1.01


def test_ranks_become_normal_scores_with_ties_averaged() -> None:
    z = rank_normal(np.array([1.0, 2.0, 2.0, 3.0]))
    assert z[1] == z[2] == pytest.approx(0)
    assert z[3] == pytest.approx(-z[0])
    assert rank_normal(np.array([5.0, 5.0])).tolist() == [0, 0]


def test_the_limit_of_each_bin_pair_is_the_fewest_matches_that_reach_the_score() -> None:
    answers = coded_answers(make_hall(300, 60, 6).matrix)
    match = ContentMatch(answers, smoothed_shares(answers))
    everything = np.ones(60, dtype=bool)
    limits = match.limits([(place, everything) for place in range(31)], np.full((31, 31), 4.0), 30)
    model = smoothed_shares(answers)
    for x, y in ((0, 0), (3, 20), (15, 15), (30, 2), (30, 30)):
        p = np.einsum("jk,jk->j", model.shares[x], model.shares[y])
        k = cumulants(p)
        reached = [
            m for m in range(61) if normal_score(np.array([m - 0.5]), *(np.array([each]) for each in k))[0] >= 4.0
        ]
        assert limits[x, y] == (min(reached) if reached else 32767)
