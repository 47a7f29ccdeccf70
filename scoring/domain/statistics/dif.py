"""Differential item functioning: Mantel–Haenszel at equal total scores, purified once, with ETS classes.

In stratum k: A, B right and wrong in the reference group, C, D in the focal group. α = Σ(AD/N)/Σ(BC/N);
χ² = (|ΣA − ΣE| − ½)²/ΣV, the ½ only when the difference is at least ½ (as R's mantelhaen.test); Δ = −2.35 ln α, so a negative Δ
is a disadvantage of the focal group. Standard error of ln α: Robins, Breslow & Greenland (1986). Classes: Zieky (1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, or_none
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.tails import chi_square_upper
from server.core.errors import InvalidInput

LEAST_GROUP, LEAST_OTHER_GROUP = 100, 200
DELTA = -2.35
PURIFY_FROM = 1.0
CLASS_B, CLASS_C = 1.0, 1.5
SIGNIFICANT = 0.05
ONE_SIDED_5 = 1.6448536269514722


@dataclass(frozen=True)
class MantelHaenszel:
    """One item between two groups; None with a reason where the figure does not exist."""

    alpha_mh: float | None
    chi2: float | None
    p: float | None
    delta_mh: float | None
    se_delta: float | None
    ets_class: str | None
    reason: str = ""


@dataclass(frozen=True)
class ItemDif:
    """Before and after purification; `purged`: left out of the matching score (but for this item's own test)."""

    item: str
    final: MantelHaenszel
    unpurified: MantelHaenszel
    purged: bool


@dataclass(frozen=True)
class DifComparison:
    """A focal group against the reference group."""

    reference: str
    focal: str
    n_reference: int
    n_focal: int
    items: tuple[ItemDif, ...]


def compare_groups(
    matrix: ResponseMatrix, groups: list[str], reference: str | None = None, purify: bool = True
) -> tuple[tuple[DifComparison, ...], dict[str, int]]:
    """Every group against the reference group (default: the largest).

    Args:
        groups: N labels; an empty one leaves the candidate out.

    Returns:
        The comparisons, by name of the focal group, and the groups that were too small.

    Raises:
        InvalidInput: `DIF_ONE_GROUP`, `DIF_GROUP_UNKNOWN`, `DIF_GROUPS_TOO_SMALL`, `DIF_SEVERAL_FORMS`, `PARTIAL_MARKS`.
    """
    if not matrix.is_dichotomous:
        raise InvalidInput(
            "PARTIAL_MARKS",
            "有部分得分的试题，Mantel–Haenszel 只用于对错计分的试题。",
            "Some items give part marks; Mantel–Haenszel is for right–wrong items.",
        )
    if not bool(matrix.on_form.all()):
        raise InvalidInput(
            "DIF_SEVERAL_FORMS",
            "各人试题不同，总分不能直接匹配；请按试卷分别分析。",
            "Candidates had different items, so totals do not match them; analyse form by form.",
        )
    labels = np.array(groups)
    names, counts = np.unique(labels[labels != ""], return_counts=True)
    sizes = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    if len(sizes) < 2:
        raise InvalidInput(
            "DIF_ONE_GROUP", "分组列里只有一个组，无法比较。", "The column holds one group only.", groups=sizes
        )
    base = reference if reference is not None else max(sorted(sizes), key=lambda name: sizes[name])
    if base not in sizes:
        raise InvalidInput("DIF_GROUP_UNKNOWN", f"没有“{base}”这个组。", f"There is no group '{base}'.", groups=sizes)
    small = {
        name: size
        for name, size in sizes.items()
        if name != base and (min(size, sizes[base]) < LEAST_GROUP or max(size, sizes[base]) < LEAST_OTHER_GROUP)
    }
    focal = [name for name in sorted(sizes) if name != base and name not in small]
    if not focal:
        raise InvalidInput(
            "DIF_GROUPS_TOO_SMALL",
            f"人数不足：较小的组至少 {LEAST_GROUP} 人，较大的组至少 {LEAST_OTHER_GROUP} 人。",
            f"Too few: the smaller group needs {LEAST_GROUP}, the larger {LEAST_OTHER_GROUP} candidates.",
            groups=sizes,
        )
    right = matrix.right
    comparisons = []
    for name in focal:
        use = (labels == base) | (labels == name)
        comparisons.append(
            DifComparison(
                base, name, sizes[base], sizes[name], _compare(matrix.items, right[use], labels[use] == name, purify)
            )
        )
    return tuple(comparisons), small


def _compare(items: tuple[str, ...], right: Bools, focal: Bools, purify: bool) -> tuple[ItemDif, ...]:
    x = right.astype(np.float64)
    first = mantel_haenszel(x, x.sum(axis=1).astype(np.int64), focal)
    purged = np.array([each.delta_mh is not None and abs(each.delta_mh) >= PURIFY_FROM for each in first], dtype=bool)
    if not purify or not purged.any() or purged.all():
        return tuple(ItemDif(item, one, one, False) for item, one in zip(items, first, strict=True))
    anchor = x[:, ~purged].sum(axis=1).astype(np.int64)
    kept = iter(mantel_haenszel(x[:, ~purged], anchor, focal))
    second = []
    for column, is_purged in enumerate(purged.tolist()):
        # the studied item always belongs to its own matching score (Holland & Thayer 1988)
        second.append(mantel_haenszel(x[:, [column]], anchor + right[:, column], focal)[0] if is_purged else next(kept))
    return tuple(
        ItemDif(item, last, one, bool(drop)) for item, last, one, drop in zip(items, second, first, purged, strict=True)
    )


def mantel_haenszel(x: Floats, score: Ints, focal: Bools) -> list[MantelHaenszel]:
    """Each column of x (N, J; 0/1) between the groups at equal scores; strata with one group only do not count."""
    strata = int(score.max()) + 1
    here = np.zeros((strata, len(score)), dtype=np.float64)
    here[score, np.arange(len(score))] = 1.0
    n_reference, n_focal = here @ ~focal, here @ focal
    both = (n_reference > 0) & (n_focal > 0)
    here, n_reference, n_focal = here[both], n_reference[both][:, None], n_focal[both][:, None]
    a, c = (here * ~focal) @ x, (here * focal) @ x
    b, d, n = n_reference - a, n_focal - c, n_reference + n_focal
    m1, m0 = a + c, b + d
    expected = n_reference * m1 / n
    variance = (n_reference * n_focal * m1 * m0 / (n**2 * np.maximum(n - 1, 1))).sum(axis=0)
    r, s = a * d / n, b * c / n
    big_r, big_s = r.sum(axis=0), s.sum(axis=0)
    p_k, q_k = (a + d) / n, (b + c) / n
    terms = (p_k * r).sum(axis=0), (p_k * s + q_k * r).sum(axis=0), (q_k * s).sum(axis=0)
    gap = np.abs((a - expected).sum(axis=0))
    return [
        _one(
            float(big_r[column]),
            float(big_s[column]),
            float(gap[column]),
            float(variance[column]),
            (float(terms[0][column]), float(terms[1][column]), float(terms[2][column])),
        )
        for column in range(x.shape[1])
    ]


def _one(r: float, s: float, gap: float, variance: float, terms: tuple[float, float, float]) -> MantelHaenszel:
    if variance <= 0:
        return MantelHaenszel(None, None, None, None, None, None, "CONSTANT_WITHIN_STRATA")
    chi2 = (gap - 0.5) ** 2 / variance if gap >= 0.5 else gap**2 / variance
    p = chi_square_upper(chi2, 1)
    if r <= 0 or s <= 0:
        return MantelHaenszel(None, chi2, p, None, None, None, "ODDS_RATIO_NOT_FINITE")
    alpha = r / s
    delta = DELTA * math.log(alpha)
    log_variance = terms[0] / (2 * r**2) + terms[1] / (2 * r * s) + terms[2] / (2 * s**2)
    se = abs(DELTA) * math.sqrt(log_variance)
    return MantelHaenszel(alpha, chi2, p, delta, or_none(se), ets_class(delta, se, p))


def ets_class(delta: float, se: float, p: float) -> str:
    """A: |Δ| < 1 or not significant; C: |Δ| ≥ 1.5 and significantly above 1 (one-sided 5 %); B otherwise."""
    size = abs(delta)
    if size < CLASS_B or p >= SIGNIFICANT:
        return "A"
    if size >= CLASS_C and (size - CLASS_B) / se > ONE_SIDED_5:
        return "C"
    return "B"
