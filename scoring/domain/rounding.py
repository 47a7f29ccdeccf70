"""Rounding, once and always the same way. Everything before it is exact."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction


class Rounding(StrEnum):
    """How a rule profile rounds the published score (`marking.rounding`)."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"


def round_half_up(value: Fraction) -> int:
    """The nearest whole number; a half goes away from zero (2.5 → 3, −2.5 → −3)."""
    whole = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return whole if value >= 0 else -whole


def round_by(value: Fraction, rounding: Rounding) -> int:
    """A whole number, as the profile says."""
    if rounding is Rounding.HALF_EVEN:
        return round(value)
    if rounding is Rounding.DOWN:
        return value.numerator // value.denominator
    return round_half_up(value)
