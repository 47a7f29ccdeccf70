"""From marks to the published score, and where the line is (SZ-1 art. 25: 60 in each part)."""

from __future__ import annotations

from fractions import Fraction

from scoring.domain.rounding import Rounding, round_by

#: The scale results are published on: 100 points, in 1/100 point.
PUBLISHED_FULL_SCORE = 100_00


def published_score(score: int, full_score: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """The score on the scale of 100, in whole 1/100 point, rounded exactly once.

    Rational arithmetic up to that one rounding: 59.994 becomes 59.99 and 59.995 becomes 60.00.

    Raises:
        ValueError: a form without points.
    """
    if full_score <= 0:
        raise ValueError("a form has points")
    return round_by(Fraction(score * PUBLISHED_FULL_SCORE, full_score), rounding)


def is_pass(published: int, pass_mark: int) -> bool:
    """Decided on the value that is published, both in 1/100 point; the line itself passes."""
    return published >= pass_mark
