"""Exact indices for chosen pairs: GBT, ω, K, M4 (formulas in deploy/docs/statistics.md).

M identical answers, W identical wrong answers; only items that both answered count.
GBT: van der Linden & Sotaridona (2006); ω: Wollack (1997); K: Holland (1996); M4: Maynes (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints, ratio
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers
from scoring.domain.statistics.similarity.option_models import OptionModel
from scoring.domain.statistics.tails import (
    binomial_upper_all,
    normal_upper_all,
    poisson_binomial_mass,
    upper_from_mass,
)

CHUNK_CELLS = 2_000_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class PairIndices:
    """For P pairs (a, b). NaN where an index does not exist (K of a source without a wrong answer)."""

    common: Ints
    identical: Ints
    identical_right: Ints
    identical_wrong: Ints
    both_wrong: Ints
    gbt_p: Floats
    omega_a_copies_b: Floats
    omega_b_copies_a: Floats
    omega_a_copies_b_p: Floats
    omega_b_copies_a_p: Floats
    k_a_copies_b_p: Floats
    k_b_copies_a_p: Floats


def pair_indices(
    answers: CodedAnswers, model: OptionModel, pairs: Ints, progress: Progress | None = None
) -> PairIndices:
    """Indices of the pairs, shape (P, 2) of row numbers."""
    size = max(1, CHUNK_CELLS // (answers.item_count * max(model.shares.shape[2], 8)))
    parts = []
    for start in range(0, len(pairs), size):
        parts.append(_chunk(answers, model, pairs[start : start + size]))
        if progress is not None:
            progress(min(start + size, len(pairs)), len(pairs))
    columns = [np.concatenate([part[place] for part in parts]) if parts else np.zeros(0) for place in range(8)]
    common, identical, right, wrong, both_wrong = (column.astype(np.int64) for column in columns[:5])
    gbt, omega_ab, omega_ba = columns[5:]
    k_ab, k_ba = _k_index(answers, pairs, wrong)
    return PairIndices(
        common,
        identical,
        right,
        wrong,
        both_wrong,
        gbt,
        omega_ab,
        omega_ba,
        _upper(omega_ab),
        _upper(omega_ba),
        k_ab,
        k_ba,
    )


def _upper(z: Floats) -> Floats:
    return np.where(np.isfinite(z), normal_upper_all(np.nan_to_num(z)), np.nan)


def _chunk(answers: CodedAnswers, model: OptionModel, pairs: Ints) -> tuple[np.ndarray, ...]:
    rows, others = pairs[:, 0], pairs[:, 1]
    a, b = answers.codes[rows], answers.codes[others]
    both = (a >= 0) & (b >= 0)
    same = both & (a == b)
    right = same & (a == answers.key)
    both_wrong = both & (a != answers.key) & (b != answers.key)
    p_a, p_b = model.probabilities(rows), model.probabilities(others)
    hit = np.einsum("pjk,pjk->pj", p_a, p_b) * both
    identical = same.sum(axis=1)
    gbt = np.take_along_axis(upper_from_mass(poisson_binomial_mass(hit)), identical[:, None], axis=1)[:, 0]
    return (
        both.sum(axis=1),
        identical,
        right.sum(axis=1),
        identical - right.sum(axis=1),
        both_wrong.sum(axis=1),
        gbt,
        _omega(p_a, b, both, identical),
        _omega(p_b, a, both, identical),
    )


def _omega(copier: Floats, source: np.ndarray, both: np.ndarray, identical: Ints) -> Floats:
    share = np.take_along_axis(copier, np.maximum(source, 0)[:, :, None].astype(np.int64), axis=2)[:, :, 0] * both
    spread = np.sqrt((share * (1 - share)).sum(axis=1))
    return ratio(identical - share.sum(axis=1), spread)


def _k_index(answers: CodedAnswers, pairs: Ints, identical_wrong: Ints) -> tuple[Floats, Floats]:
    """Binomial tails P(X ≥ W), X ~ B(wrong answers of the source, p̂).

    p̂: mean share of the source's wrong answers also given by candidates with as many wrong answers as the copier.
    """
    wrong = answers.wrong
    wrong_count = wrong.sum(axis=1)
    levels, level_of = np.unique(wrong_count, return_inverse=True)
    members = np.bincount(level_of).astype(float)
    sources = np.unique(pairs)
    place_of = np.full(answers.count, -1)
    place_of[sources] = np.arange(len(sources))
    mean_share = np.zeros((len(sources), len(levels)))
    wrong_codes = np.where(wrong, answers.codes, -1)
    level_table = _level_tables(wrong_codes, level_of, len(levels), int(answers.option_counts.max()))
    for place, source in enumerate(sources):
        items = np.flatnonzero(wrong[source])
        if len(items):
            hits = level_table[items, wrong_codes[source, items]].sum(axis=0)
            mean_share[place] = hits / members / len(items)

    def tails(copiers: Ints, origins: Ints) -> Floats:
        trials = wrong_count[origins]
        share = mean_share[place_of[origins], level_of[copiers]]
        out = np.full(len(origins), np.nan)
        known = trials > 0
        out[known] = binomial_upper_all(identical_wrong[known], trials[known], np.clip(share[known], 0.0, 1.0))
        return out

    return tails(pairs[:, 0], pairs[:, 1]), tails(pairs[:, 1], pairs[:, 0])


def _level_tables(wrong_codes: np.ndarray, level_of: Ints, levels: int, options: int) -> Floats:
    """(J, K, L): how many candidates of each number of wrong answers gave each wrong answer."""
    items = wrong_codes.shape[1]
    table = np.zeros((items, options, levels))
    for item in range(items):
        column = wrong_codes[:, item]
        use = column >= 0
        flat = column[use].astype(np.int64) * levels + level_of[use]
        table[item] = np.bincount(flat, minlength=options * levels).reshape(options, levels)
    return table


def m4_index(answers: CodedAnswers, model: OptionModel, pairs: Ints) -> Floats:
    """M4 for each pair: total probability of the outcomes (identical right, identical wrong) at least as extreme.

    An outcome is as extreme when its upper tail P(R ≥ r, W ≥ w) is not larger than that of the outcome observed.
    """
    out = np.empty(len(pairs))
    for place, (row, other) in enumerate(pairs.tolist()):
        a, b = answers.codes[row], answers.codes[other]
        use = np.flatnonzero((a >= 0) & (b >= 0))
        joint = model.probabilities(np.array([row]))[0, use] * model.probabilities(np.array([other]))[0, use]
        key = answers.key[use].astype(np.int64)
        right = joint[np.arange(len(use)), key]
        wrong = joint.sum(axis=1) - right
        same = a[use] == b[use]
        r = int((same & (a[use] == key)).sum())
        w = int(same.sum()) - r
        out[place] = trinomial_extreme(right, wrong, r, w)
    return out


def trinomial_extreme(right: Floats, wrong: Floats, r: int, w: int) -> float:
    """The M4 probability from each item's chances of an identical right and an identical wrong answer."""
    n = len(right)
    mass = np.zeros((n + 1, n + 1))
    mass[0, 0] = 1.0
    for step in range(n):
        here = mass[: step + 1, : step + 1].copy()
        mass[: step + 1, : step + 1] *= 1 - right[step] - wrong[step]
        mass[1 : step + 2, : step + 1] += right[step] * here
        mass[: step + 1, 1 : step + 2] += wrong[step] * here
    upper = np.flip(np.flip(mass).cumsum(axis=0).cumsum(axis=1))
    return float(min(mass[upper <= upper[r, w] * (1 + 1e-9)].sum(), 1.0))
