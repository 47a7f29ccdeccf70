"""Tail probabilities: normal, χ² with whole degrees of freedom, binomial and Poisson-binomial (exact).

Upper tails are summed from the far end, so that 1e-12 is 1e-12 and not a rounding error of 1.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints

_NORMAL = NormalDist()


def normal_upper(z: float) -> float:
    """P(Z ≥ z)."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def normal_upper_all(z: Floats) -> Floats:
    """P(Z ≥ z) for each element."""
    flat = np.fromiter((normal_upper(value) for value in z.ravel().tolist()), dtype=np.float64, count=z.size)
    return flat.reshape(z.shape)


def normal_quantile(upper: float) -> float:
    """The z with P(Z ≥ z) = upper; `upper` strictly between 0 and 1."""
    return -_NORMAL.inv_cdf(upper)


def chi_square_upper(value: float, df: int) -> float:
    """P(χ²_df ≥ value), by the finite sums that exist for whole degrees of freedom (Abramowitz & Stegun 26.4.4–5)."""
    if df < 1:
        raise ValueError("degrees of freedom begin at 1")
    if value <= 0:
        return 1.0
    half = value / 2.0
    if df % 2:
        total = math.erfc(math.sqrt(half))
        term = math.exp(-half) * math.sqrt(half) / math.gamma(1.5)
        start = 1.5
    else:
        total, term, start = 0.0, math.exp(-half), 1.0
    steps = df // 2
    for step in range(steps):
        total += term
        term *= half / (start + step)
    return min(total, 1.0)


def binomial_upper_table(n: int, p: float) -> Floats:
    """P(X ≥ m) for m = 0..n, X ~ Binomial(n, p). Shape (n + 1,)."""
    if n == 0 or p <= 0:
        return np.concatenate([[1.0], np.zeros(n)])
    if p >= 1:
        return np.ones(n + 1)
    k = np.arange(n + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    log_mass = factorials[n] - factorials - factorials[::-1] + k * math.log(p) + (n - k) * math.log1p(-p)
    upper = np.cumsum(np.exp(log_mass)[::-1])[::-1]
    return np.asarray(np.minimum(upper, 1.0), dtype=np.float64)


def binomial_upper_all(m: Ints, n: Ints, p: Floats) -> Floats:
    """P(X ≥ m) for each triple; equal pairs (n, p) share one table."""
    out = np.empty(len(m))
    tables: dict[tuple[int, float], Floats] = {}
    for place, (hits, trials, share) in enumerate(zip(m.tolist(), n.tolist(), p.tolist(), strict=True)):
        table = tables.get((trials, share))
        if table is None:
            table = tables[trials, share] = binomial_upper_table(trials, share)
        out[place] = table[hits] if hits <= trials else 0.0
    return out


def poisson_binomial_mass(p: Floats) -> Floats:
    """Distribution of the number of successes of independent trials, by the Lord–Wingersky recursion.

    Args:
        p: success probabilities, shape (..., n).

    Returns:
        Shape (..., n + 1): P(X = 0..n).
    """
    n = p.shape[-1]
    mass = np.zeros((*p.shape[:-1], n + 1))
    mass[..., 0] = 1.0
    for trial in range(n):
        hit = p[..., trial, None]
        moved = mass[..., : trial + 1] * hit
        mass[..., : trial + 1] *= 1.0 - hit
        mass[..., 1 : trial + 2] += moved
    return mass


def upper_from_mass(mass: Floats) -> Floats:
    """P(X ≥ m) from P(X = m), along the last axis."""
    return np.asarray(np.minimum(np.cumsum(mass[..., ::-1], axis=-1)[..., ::-1], 1.0), dtype=np.float64)
