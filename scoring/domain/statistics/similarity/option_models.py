"""How likely a candidate of some ability is to choose each option: from given nominal parameters, or from the data.

From the data: option shares smoothed over ability with a normal kernel, 31 bins of the rank-normal score, bandwidth 0.35.
Shares are among those who answered, so that pairs are compared on what both answered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers, rank_normal
from server.core.errors import InvalidInput

BINS = 31
BANDWIDTH = 0.35
REACH = 2.6
#: added to each option's weight, so that no answer is impossible
FLOOR = 0.5


@dataclass(frozen=True, eq=False)
class OptionModel:
    """Abilities in bins and option probabilities of each bin; exact probabilities of each candidate where known.

    Attributes:
        bins: (N,) bin of each candidate, 0…B−1, rising with ability.
        shares: (B, J, K) P(option | bin); 0 beyond an item's options.
        exact: (N, J, K) when parameters were given, else None: then a candidate's probabilities are the bin's.
        name: for the report.
    """

    bins: Ints
    shares: Floats
    exact: Floats | None
    name: str

    def probabilities(self, rows: Ints) -> Floats:
        """(len(rows), J, K)."""
        return np.asarray(self.shares[self.bins[rows]] if self.exact is None else self.exact[rows])

    def columns(self, keep: Ints) -> OptionModel:
        """The same candidates with these items only."""
        return OptionModel(
            self.bins, self.shares[:, keep], None if self.exact is None else self.exact[:, keep], self.name
        )


def smoothed_shares(answers: CodedAnswers) -> OptionModel:
    """Own fit: kernel-smoothed option shares over the rank-normal score of the share of right answers."""
    answered = np.maximum(answers.answered.sum(axis=1), 1)
    score = rank_normal(answers.right.sum(axis=1) / answered)
    centres = np.linspace(-REACH, REACH, BINS)
    bins = np.clip(np.round((score + REACH) / (2 * REACH) * (BINS - 1)), 0, BINS - 1).astype(np.int64)
    levels, inverse = np.unique(score, return_inverse=True)
    most = int(answers.option_counts.max())
    kernel = np.exp(-0.5 * ((centres[:, None] - levels[None, :]) / BANDWIDTH) ** 2)
    # far bins of a small group still weigh their nearest candidates
    kernel += 1e-12 * np.exp(-np.abs(centres[:, None] - levels[None, :]))
    shares = np.zeros((BINS, answers.item_count, most))
    for item in range(answers.item_count):
        column, options = answers.codes[:, item], int(answers.option_counts[item])
        use = column >= 0
        table = np.bincount(inverse[use] * options + column[use], minlength=len(levels) * options).reshape(-1, options)
        weight = kernel @ table
        total = weight.sum(axis=1, keepdims=True)
        overall = (table.sum(axis=0) + FLOOR) / (table.sum() + FLOOR * options)
        smooth = (weight + FLOOR * overall) / (total + FLOOR)
        shares[:, item, :options] = smooth
    return OptionModel(bins, shares, None, f"kernel-smoothed option shares, {BINS} bins, bandwidth {BANDWIDTH}")


def nominal_model(answers: CodedAnswers, theta: Floats, slopes: Floats, intercepts: Floats) -> OptionModel:
    """Bock's nominal model: P(k) = exp(ζ_k + λ_k θ)/Σ; parameters (J, K) in the order of the option numbers, NaN = no such option.

    Raises:
        InvalidInput: `NOMINAL_MODEL_SHAPE`, `THETA_NOT_FINITE`.
    """
    most = int(answers.option_counts.max())
    if slopes.shape != intercepts.shape or slopes.shape[0] != answers.item_count or slopes.shape[1] < most:
        raise InvalidInput("NOMINAL_MODEL_SHAPE", "选项参数与试题不符。", "Option parameters do not fit the items.")
    if theta.shape != (answers.count,) or not np.all(np.isfinite(theta)):
        raise InvalidInput("THETA_NOT_FINITE", "有考生缺少能力值。", "A candidate has no ability.")
    order = rank_normal(theta)
    bins = np.clip(np.round((order + REACH) / (2 * REACH) * (BINS - 1)), 0, BINS - 1).astype(np.int64)
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, weights=theta, minlength=BINS)
    known = counts > 0
    centres = np.interp(np.arange(BINS), np.flatnonzero(known), sums[known] / counts[known])
    return OptionModel(
        bins,
        _nominal(centres, slopes, intercepts),
        _nominal(theta, slopes, intercepts),
        "given nominal model",
    )


def _nominal(theta: Floats, slopes: Floats, intercepts: Floats) -> Floats:
    z = slopes[None] * theta[:, None, None] + intercepts[None]
    z = np.where(np.isfinite(z), z, -np.inf)
    z -= z.max(axis=2, keepdims=True)
    e = np.exp(z)
    return np.asarray(e / e.sum(axis=2, keepdims=True))
