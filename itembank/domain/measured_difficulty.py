"""An item's difficulty for assembly: what was measured, drawn toward the expert's step where answers are few.

Empirical Bayes: given the step, true difficulties scatter around the step's p₀ with variance τ²; the share right among n answers
scatters around the true one with p₀(1 − p₀)/n. So the measurement weighs w = n/(n + k), k = p₀(1 − p₀)/τ², and the estimate is
w·p + (1 − w)·p₀ (Lindley's shrinkage; assembly-and-scoring reference 1.6: within-step SD 0.05–0.11 for coded items).
"""

from __future__ import annotations

from dataclasses import dataclass

from itembank.domain.targets import STEP_P

#: τ: standard deviation of true difficulties within a step, the middle of what was found
WITHIN_STEP_SD = 0.08


@dataclass(frozen=True, slots=True)
class Difficulty:
    """`weight`: of the measurement, 0 … 1; `p`: share right of an average candidate, what assembly takes."""

    expert_p: float
    measured_p: float | None
    n: int
    weight: float
    p: float


def shrunk_difficulty(step: int, measured_p: float | None, n: int) -> Difficulty:
    """The expert's step 1 … 5 and the measured share right of n answers (None or 0 answers: the step alone)."""
    expert = STEP_P[min(max(step, 1), 5)]
    if measured_p is None or n <= 0:
        return Difficulty(expert, None, 0, 0.0, expert)
    k = expert * (1 - expert) / WITHIN_STEP_SD**2
    weight = n / (n + k)
    return Difficulty(expert, measured_p, n, weight, weight * measured_p + (1 - weight) * expert)
