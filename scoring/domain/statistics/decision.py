"""How often the decision pass/fail would repeat, and how often it is right.

Without calibration: Livingston & Lewis (1995) with a two-parameter beta for true scores. With calibrated items:
the score distribution at each ability by Lord–Wingersky, integrated over abilities (`calibrated_decision`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats
from scoring.domain.statistics.tails import binomial_upper_table

#: nodes of the true-score integral
NODES = 400


@dataclass(frozen=True)
class Decision:
    """At one cut score.

    consistency: share of candidates who would get the same decision on a parallel form; kappa: the same beyond chance;
    accuracy: share whose decision fits their true score; false_pass, false_fail: the two ways of being wrong.
    """

    method: str
    cut: float
    consistency: float
    kappa: float | None
    accuracy: float
    false_pass: float
    false_fail: float


def effective_length(mean: float, variance: float, low: float, high: float, reliability: float) -> int:
    """Number of independent right–wrong items that give this reliability (Livingston & Lewis 1995, formula 5)."""
    length = ((mean - low) * (high - mean) - reliability * variance) / (variance * (1 - reliability))
    return max(1, round(length))


def livingston_lewis(totals: Floats, low: float, high: float, cut: float, reliability: float) -> Decision | None:
    """None when the distribution leaves no beta of true scores (all alike, or more spread than possible)."""
    mean, variance = float(totals.mean()), float(totals.var(ddof=1)) if len(totals) > 1 else 0.0
    if not 0 < reliability < 1 or variance <= 0 or not low < mean < high:
        return None
    length = effective_length(mean, variance, low, high, reliability)
    centre = (mean - low) / (high - low)
    true_variance = reliability * variance / (high - low) ** 2
    common = centre * (1 - centre) / true_variance - 1
    if common <= 0:
        return None
    edges = np.linspace(0.0, 1.0, NODES + 1)
    p = (edges[1:] + edges[:-1]) / 2
    log_density = (centre * common - 1) * np.log(p) + ((1 - centre) * common - 1) * np.log1p(-p)
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    share = (cut - low) / (high - low)
    needed = math.ceil(share * length - 1e-9)
    passing = np.array([binomial_upper_table(length, float(each))[needed] for each in p])
    return decide("Livingston–Lewis", cut, weights, passing, p >= share)


def decide(method: str, cut: float, weights: Floats, passing: Floats, truly: Floats | np.ndarray) -> Decision:
    """From P(pass) at each true level, the weight of the level, and whether the level truly passes."""
    passed = float(weights @ passing)
    consistency = float(weights @ (passing**2 + (1 - passing) ** 2))
    chance = passed**2 + (1 - passed) ** 2
    false_pass = float(weights @ np.where(truly, 0.0, passing))
    false_fail = float(weights @ np.where(truly, 1 - passing, 0.0))
    return Decision(
        method=method,
        cut=cut,
        consistency=consistency,
        kappa=(consistency - chance) / (1 - chance) if chance < 1 - 1e-12 else None,
        accuracy=1 - false_pass - false_fail,
        false_pass=false_pass,
        false_fail=false_fail,
    )
