"""What makes forms parallel: equal expected scores at three abilities and an equal sum of loadings.

Each item has a logistic curve P(θ) with slope 1 whose place comes from the expert's difficulty step until observed data
draw it away (`measured_difficulty.py`) (assembly-and-scoring.md 1.6). Expected scores at three abilities around the cut fix the mean and the pass
rate of a form, the sum of loadings λ = ∫ θ P(θ) φ(θ) dθ fixes the spread of its scores.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itembank.domain.blueprint import BankItem, largest_remainder
from itembank.domain.paper_plan import WHOLE, PaperPlan

#: Abilities in standard deviations of the candidates.
ABILITIES = (-1.0, 0.0, 1.0)
#: Probability correct of an average candidate, by the expert's step 1 (easy) … 5 (hard).
STEP_P = {1: 0.88, 2: 0.77, 3: 0.65, 4: 0.52, 5: 0.38}
#: no item is certain: beyond these a curve's place would run away
LEAST_P, MOST_P = 0.03, 0.97
_NODES = np.linspace(-4.0, 4.0, 41)
_DENSITY = np.exp(-(_NODES**2) / 2)
_DENSITY /= _DENSITY.sum()


def probability(p: float, abilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(correct) at each ability of an item that an average candidate gets right with probability `p`."""
    p = min(max(p, LEAST_P), MOST_P)
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(abilities + math.log(p / (1 - p)))))
    return result


def item_row(p: float) -> NDArray[np.float64]:
    """Three probabilities at `ABILITIES` and the loading: what an item of one point adds to a form."""
    loading = float((_NODES * probability(p, _NODES) * _DENSITY).sum())
    return np.append(probability(p, np.array(ABILITIES)), loading)


def step_row(step: int) -> NDArray[np.float64]:
    """The row of an item of which only the expert's step is known."""
    return item_row(STEP_P[min(max(step, 1), 5)])


def nearest_step(item: BankItem) -> int:
    """The step an item counts as in the mix of difficulties: the expert's, or the one its measured share lies nearest to."""
    if item.p is None:
        return min(max(item.difficulty, 1), 5)
    measured = item.p
    return min(STEP_P, key=lambda step: (abs(STEP_P[step] - measured), step))


_ROWS = np.stack([step_row(step) for step in sorted(STEP_P)])


def contributions(items: Sequence[BankItem], plan: PaperPlan) -> NDArray[np.float64]:
    """Items × 4: what each adds to the form's expected scores and sum of loadings, in points."""
    points = plan.kind_points
    steps = np.array([min(max(item.difficulty, 1), 5) - 1 for item in items], dtype=np.intp)
    rows = _ROWS[steps]
    for place, item in enumerate(items):
        if item.p is not None:
            rows[place] = item_row(item.p)
    weights = np.array([points[item.kind] / 100 for item in items])
    result: NDArray[np.float64] = rows * weights[:, None]
    return result


@dataclass(frozen=True, slots=True)
class Target:
    """The common aim: expected scores at `ABILITIES` and sum of loadings, in points."""

    values: tuple[float, float, float, float]


def common_target(items: Sequence[BankItem], plan: PaperPlan, weights: Sequence[float], forms: int) -> Target:
    """The aim for all forms, reachable with whole items.

    For each section the bank's own mix of difficulty steps (`weights`: how likely an item is drawn) is tilted until the
    paper's expected share is the plan's `target_share` (if any), then rounded to whole items. Where the bank does not
    hold such items for `forms` disjoint forms, the tilt is taken back as far as needed (0: it is never taken back).
    """
    mixes: dict[str, NDArray[np.float64]] = {}
    held = Counter((item.kind, nearest_step(item)) for item in items)
    for section in plan.sections:
        mix: Counter[int] = Counter()
        for item, weight in zip(items, weights, strict=True):
            if item.kind == section.kind:
                mix[nearest_step(item)] += weight  # type: ignore[assignment]
        mixes[section.kind] = np.array([float(mix[step]) for step in sorted(STEP_P)])
    tilt = _find_tilt(plan, mixes)
    parts = (tilt * part / 10 for part in range(10, -1, -1))
    rounded = (_rounded(plan, mixes, part) for part in parts)
    counts = next((each for each in rounded if _is_held(each, held, forms)), _rounded(plan, mixes, 0.0))
    values = np.zeros(4)
    for section in plan.sections:
        values += (np.array(counts[section.kind])[:, None] * _ROWS).sum(axis=0) * section.points_each / 100
    return Target((float(values[0]), float(values[1]), float(values[2]), float(values[3])))


def _rounded(plan: PaperPlan, mixes: dict[str, NDArray[np.float64]], tilt: float) -> dict[str, list[int]]:
    shares = {section.kind: _tilted(mixes[section.kind], tilt) for section in plan.sections}
    return {
        section.kind: largest_remainder(section.count, [round(share * 1_000_000) for share in shares[section.kind]])
        for section in plan.sections
    }


def _is_held(counts: dict[str, list[int]], held: Counter[tuple[str, int]], forms: int) -> bool:
    return all(count * forms <= held[kind, n + 1] for kind, row in counts.items() for n, count in enumerate(row))


def _tilted(mix: NDArray[np.float64], tilt: float) -> NDArray[np.float64]:
    weighted = mix * np.exp(tilt * _ROWS[:, 1])
    result: NDArray[np.float64] = weighted / weighted.sum()
    return result


def _find_tilt(plan: PaperPlan, mixes: dict[str, NDArray[np.float64]]) -> float:
    if plan.target_share is None:
        return 0.0
    wanted = plan.target_share / WHOLE * plan.total
    low, high = -60.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = sum(float(_tilted(mixes[s.kind], middle) @ _ROWS[:, 1]) * s.points for s in plan.sections)
        low, high = (middle, high) if reached < wanted else (low, middle)
    return (low + high) / 2
