"""From marks to the published score, and where the line is (SZ-1 art. 25: 60 in each part)."""

from __future__ import annotations

from fractions import Fraction

from scoring.domain.rounding import round_half_up

#: The scale results are published on: 100 points, in 1/100 point.
PUBLISHED_FULL_SCORE = 100_00


def published_score(score: int, full_score: int, decimals: int) -> int:
    """The score on the scale of 100, in 1/100 point, rounded half up to `decimals` (0, 1 or 2) exactly once.

    Exact rational arithmetic up to the one rounding, so that 59.994 becomes 59.99 and 59.995 becomes 60.00.

    Raises:
        ValueError: a form without points, or decimals finer than 1/100 point.
    """
    if full_score <= 0:
        raise ValueError("a form has points")
    if decimals not in (0, 1, 2):
        raise ValueError("results are published with 0, 1 or 2 decimals")
    step = (100, 10, 1)[decimals]
    return round_half_up(Fraction(score * PUBLISHED_FULL_SCORE, full_score * step)) * step


def is_pass(published: int, pass_mark: int) -> bool:
    """Decided on the value that is published, both in 1/100 point; the line itself passes."""
    return published >= pass_mark
