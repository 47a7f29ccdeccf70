"""A form as a whole: distribution, reliability, errors of measurement, how often the decision at the cut would repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats, or_none
from scoring.domain.statistics.decision import Decision, livingston_lewis
from scoring.domain.statistics.response_matrix import ResponseMatrix

CUT_SHARE = 0.6


@dataclass(frozen=True)
class ConditionalError:
    """Standard error of measurement at one score, in marks."""

    score: float
    sem: float


@dataclass(frozen=True)
class TestStatistics:
    """One form. sd divides by n − 1; KR-21 uses the variance that divides by n, as its formula does.

    `conditional_sem`: Lord's binomial errors rescaled so that their mean square is the SEM² of α (Keats 1957; exact for
    α = KR-21, and stated in marks of the whole form). `decision`: Livingston & Lewis (1995) at the cut.
    """

    n: int
    k: int
    full_mark: float
    mean: float | None
    sd: float | None
    minimum: float | None
    maximum: float | None
    median: float | None
    skew: float | None
    kurtosis: float | None
    alpha: float | None
    alpha_stratified: float | None
    kr20: float | None
    kr21: float | None
    split_half_r: float | None
    spearman_brown: float | None
    sem: float | None
    conditional_sem: tuple[ConditionalError, ...]
    sem_at_cut: float | None
    decision: Decision | None
    pass_rate: float | None
    reasons: tuple[str, ...]

    __test__ = False  # not a class of tests, whatever its name begins with


def cronbach_alpha(item_variances: Floats, total_variance: float) -> float | None:
    """α = J/(J−1) · (1 − Σσ_j²/σ_T²); None for one item or totals that are all the same."""
    j = len(item_variances)
    if j < 2 or total_variance <= 0:
        return None
    return float(j / (j - 1) * (1 - item_variances.sum() / total_variance))


def describe_test(matrix: ResponseMatrix, cut_share: float = CUT_SHARE) -> TestStatistics:
    """Statistics of one complete form (every candidate had every item)."""
    x, totals = matrix.scores, matrix.totals
    n, j = matrix.count, matrix.item_count
    full = float(matrix.marks.sum())
    reasons: list[str] = []
    mean = float(totals.mean())
    deviation = totals - mean
    variance = float(deviation @ deviation / (n - 1)) if n > 1 else 0.0
    if n > 1 and totals.max() == totals.min():
        variance = 0.0
    item_variances = x.var(axis=0, ddof=1) if n > 1 else np.zeros(j)
    if n < 2:
        reasons.append("ONE_CANDIDATE")
    elif variance == 0:
        reasons.append("ALL_TOTALS_EQUAL")
    if j < 2:
        reasons.append("ONE_ITEM")
    alpha = cronbach_alpha(item_variances, variance)
    equal_marks = bool(np.all(matrix.marks == matrix.marks[0]))
    dichotomous = matrix.is_dichotomous
    if not (dichotomous and equal_marks):
        reasons.append("KR_NEEDS_EQUAL_RIGHT_WRONG_MARKS")
    kr20 = alpha if dichotomous and equal_marks else None
    kr21 = _kr21(totals / matrix.marks[0], j) if dichotomous and equal_marks and variance > 0 and j > 1 else None
    half_r = _split_half(x)
    sem = math.sqrt(variance * max(1 - alpha, 0.0)) if alpha is not None else None
    curve = _conditional_errors(n, j, full, mean, variance, alpha)
    cut = cut_share * full
    decision: Decision | None = None
    if alpha is None or alpha <= 0:
        reasons.append("RELIABILITY_NOT_POSITIVE")
    else:
        decision = livingston_lewis(totals, 0.0, full, cut, alpha)
    return TestStatistics(
        n=n,
        k=j,
        full_mark=full,
        mean=mean,
        sd=math.sqrt(variance) if n > 1 else None,
        minimum=float(totals.min()),
        maximum=float(totals.max()),
        median=float(np.median(totals)),
        skew=_moment(deviation, 3) if variance > 0 else None,
        kurtosis=_moment(deviation, 4) if variance > 0 else None,
        alpha=alpha,
        alpha_stratified=_stratified_alpha(matrix, variance),
        kr20=kr20,
        kr21=kr21,
        split_half_r=half_r,
        spearman_brown=2 * half_r / (1 + half_r) if half_r is not None and half_r > -1 else None,
        sem=sem,
        conditional_sem=curve,
        sem_at_cut=min(curve, key=lambda each: abs(each.score - cut)).sem if curve else None,
        decision=decision,
        pass_rate=float((totals >= cut - 1e-9).mean()),
        reasons=tuple(reasons),
    )


def pool_tests(matrix: ResponseMatrix, tests: Sequence[TestStatistics]) -> TestStatistics:
    """Several forms as one line: shares of the full mark over everybody, reliabilities weighted by candidates."""
    full = matrix.on_form @ matrix.marks
    share = np.where(full > 0, matrix.totals / np.maximum(full, 1e-12), 0.0) * 100
    deviation = share - share.mean()
    n = matrix.count
    variance = float(deviation @ deviation / (n - 1)) if n > 1 else 0.0

    def weighted(name: str) -> float | None:
        known = [(each.n, getattr(each, name)) for each in tests if getattr(each, name) is not None]
        return float(sum(size * value for size, value in known) / sum(size for size, _ in known)) if known else None

    return TestStatistics(
        n=n,
        k=matrix.item_count,
        full_mark=100.0,
        mean=float(share.mean()),
        sd=math.sqrt(variance) if n > 1 else None,
        minimum=float(share.min()),
        maximum=float(share.max()),
        median=float(np.median(share)),
        skew=_moment(deviation, 3) if variance > 0 else None,
        kurtosis=_moment(deviation, 4) if variance > 0 else None,
        alpha=weighted("alpha"),
        alpha_stratified=weighted("alpha_stratified"),
        kr20=weighted("kr20"),
        kr21=weighted("kr21"),
        split_half_r=None,
        spearman_brown=None,
        sem=None,
        conditional_sem=(),
        sem_at_cut=None,
        decision=None,
        pass_rate=float((share >= CUT_SHARE * 100 - 1e-9).mean()),
        reasons=("SEVERAL_FORMS_IN_PERCENT",),
    )


def _moment(deviation: Floats, order: int) -> float | None:
    second = float((deviation**2).mean())
    value = float((deviation**order).mean()) / second ** (order / 2)
    return or_none(value - 3 if order == 4 else value)


def _kr21(rights: Floats, j: int) -> float | None:
    mean, variance = float(rights.mean()), float(rights.var())
    return j / (j - 1) * (1 - mean * (j - mean) / (j * variance))


def _split_half(x: Floats) -> float | None:
    odd, even = x[:, 0::2].sum(axis=1), x[:, 1::2].sum(axis=1)
    if x.shape[1] < 2 or len(x) < 2 or np.ptp(odd) == 0 or np.ptp(even) == 0:
        return None
    return or_none(np.corrcoef(odd, even)[0, 1])


def _stratified_alpha(matrix: ResponseMatrix, variance: float) -> float | None:
    """1 − Σ σ_s²(1 − α_s)/σ_T² over item types (Cronbach, Schönemann & McKie 1965); a type with one item counts as error."""
    kinds = sorted(set(matrix.kinds))
    if len(kinds) < 2 or variance <= 0 or matrix.count < 2:
        return None
    error = 0.0
    for kind in kinds:
        part = matrix.scores[:, [place for place, each in enumerate(matrix.kinds) if each == kind]]
        part_variance = float(part.sum(axis=1).var(ddof=1))
        alpha = cronbach_alpha(part.var(axis=0, ddof=1), part_variance)
        error += part_variance * (1 - (alpha or 0.0))
    return 1 - error / variance


def _conditional_errors(
    n: int, j: int, full: float, mean: float, variance: float, alpha: float | None
) -> tuple[ConditionalError, ...]:
    if n < 2 or j < 2 or variance <= 0 or alpha is None or not 0 < alpha < 1:
        return ()
    unit = full / j
    biased = variance * (n - 1) / n / unit**2
    m = mean / unit
    kr21 = j / (j - 1) * (1 - m * (j - m) / (j * biased))
    if kr21 >= 1:
        return ()
    rescale = math.sqrt((1 - alpha) / (1 - kr21))
    return tuple(
        ConditionalError(score * unit, rescale * unit * math.sqrt(score * (j - score) / (j - 1)))
        for score in range(j + 1)
    )
