"""Names for the arrays that statistics pass around, and the one way to leave NumPy without a NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
SmallInts = npt.NDArray[np.int16]
States = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[Any]


def or_none(value: float) -> float | None:
    """A plain float, or None for what is not a number or not finite."""
    number = float(value)
    return number if math.isfinite(number) else None


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Element by element; NaN where the denominator is not positive (to be turned into None at the edge)."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
