"""Does an item follow its curve? S-X² (Orlando & Thissen 2000) on complete forms, binned residuals otherwise.

S-X² compares, at each total score k, the share of right answers with what the calibrated curves predict:
E_jk = ∫ P_j f_{-j}(k−1|θ) φ / ∫ f(k|θ) φ, f the score distributions by Lord–Wingersky. Neighbouring scores are put together
until both expected counts reach 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats
from scoring.domain.statistics.decision import Decision, decide
from scoring.domain.statistics.irt_model import (
    FINE_NODES,
    Abilities,
    Calibration,
    curve,
    normal_quadrature,
)
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.tails import chi_square_upper, poisson_binomial_mass, upper_from_mass

LEAST_EXPECTED = 5.0
BINS = 10
#: leave-one-out score distributions cost J² × Q × J operations
MOST_ITEMS_SX2 = 250


@dataclass(frozen=True)
class ItemFit:
    """`p` small: the curve does not describe the item. None where too few scores remain."""

    item: str
    method: str
    chi2: float | None
    df: int
    p: float | None
    rmsd: float | None


def judge_fit(matrix: ResponseMatrix, calibration: Calibration, abilities: Abilities) -> tuple[ItemFit, ...]:
    """Fit of each calibrated item, in order."""
    columns = np.flatnonzero(calibration.known)
    complete = bool(matrix.on_form[:, columns].all()) and len(columns) <= MOST_ITEMS_SX2
    parameters = 3 if calibration.model == "3pl" else 1 if calibration.model == "rasch" else 2
    if complete:
        return _s_x2(matrix, calibration, columns, parameters)
    return _binned(matrix, calibration, columns, abilities, parameters)


def _nodes(calibration: Calibration) -> tuple[Floats, Floats]:
    quadrature = normal_quadrature(FINE_NODES)
    return quadrature.nodes * calibration.latent_sd, quadrature.weights


def leave_one_out(p: Floats) -> Floats:
    """Score distributions without each item: p (J, Q) → (J, J, Q), entry [j, k, q] = P(k right of the others | q)."""
    j, q = p.shape
    mass = np.zeros((j, j, q))
    mass[:, 0] = 1.0
    for item in range(j):
        others = np.arange(j) != item
        hit = p[item][None, None, :]
        part = mass[others]
        moved = part[:, :-1] * hit
        part *= 1 - hit
        part[:, 1:] += moved
        mass[others] = part
    return mass


def _s_x2(
    matrix: ResponseMatrix, calibration: Calibration, columns: np.ndarray, parameters: int
) -> tuple[ItemFit, ...]:
    theta, weights = _nodes(calibration)
    p = curve(theta, calibration.a[columns], calibration.b[columns], calibration.c[columns])
    right = matrix.right[:, columns]
    totals = right.sum(axis=1)
    j = len(columns)
    group = np.bincount(totals, minlength=j + 1).astype(float)
    whole = poisson_binomial_mass(p.T).T @ weights
    without = leave_one_out(p)
    fits = []
    for place, column in enumerate(columns):
        numerator = (without[place] * p[place]) @ weights
        expected = np.divide(numerator, whole[1:], out=np.zeros(j), where=whole[1:] > 0)[: j - 1]
        hits = np.bincount(totals[right[:, place]], minlength=j + 1)[1:j].astype(float)
        fits.append(_judge(matrix.items[column], "S-X2", group[1:j], hits, expected, parameters))
    return tuple(fits)


def _binned(
    matrix: ResponseMatrix, calibration: Calibration, columns: np.ndarray, abilities: Abilities, parameters: int
) -> tuple[ItemFit, ...]:
    fits = []
    for column in columns:
        rows = np.flatnonzero(matrix.on_form[:, column])
        order = rows[np.argsort(abilities.eap[rows], kind="stable")]
        bins = [part for part in np.array_split(order, BINS) if len(part)]
        one = slice(column, column + 1)
        expected = np.array(
            [
                curve(abilities.eap[part], calibration.a[one], calibration.b[one], calibration.c[one]).mean()
                for part in bins
            ]
        )
        group = np.array([float(len(part)) for part in bins])
        hits = np.array([float(matrix.right[part, column].sum()) for part in bins])
        fits.append(_judge(matrix.items[column], "binned residuals", group, hits, expected, parameters))
    return tuple(fits)


def _judge(item: str, method: str, group: Floats, hits: Floats, expected: Floats, parameters: int) -> ItemFit:
    cells: list[tuple[float, float, float]] = []
    size = right = predicted = 0.0
    for n, hit, share in zip(group.tolist(), hits.tolist(), expected.tolist(), strict=True):
        size, right, predicted = size + n, right + hit, predicted + n * share
        if min(predicted, size - predicted) >= LEAST_EXPECTED:
            cells.append((size, right, predicted))
            size = right = predicted = 0.0
    if cells and size > 0:
        last = cells.pop()
        cells.append((last[0] + size, last[1] + right, last[2] + predicted))
    df = len(cells) - parameters
    if df < 1:
        return ItemFit(item, method, None, max(df, 0), None, None)
    chi2 = sum((o - e) ** 2 * n / (e * (n - e)) for n, o, e in cells)
    total = sum(n for n, _, _ in cells)
    rmsd = (sum(n * ((o - e) / n) ** 2 for n, o, e in cells) / total) ** 0.5
    return ItemFit(item, method, chi2, df, chi_square_upper(chi2, df), rmsd)


def calibrated_decision(matrix: ResponseMatrix, calibration: Calibration, cut_share: float) -> Decision | None:
    """Decision consistency and accuracy at the cut, by Lord–Wingersky over the calibrated items of one complete form.

    None when an item has no parameters or marks differ in a way that is no whole multiple of one unit.
    """
    if not bool(calibration.known.all()) or not bool(matrix.on_form.all()):
        return None
    scaled = marks_in_units(matrix.marks)
    if scaled is None:
        return None
    theta, weights = _nodes(calibration)
    p = curve(theta, calibration.a, calibration.b, calibration.c)
    units = int(scaled.sum())
    cut = int(np.ceil(cut_share * units - 1e-9))
    mass = score_distribution(p.T, scaled)
    passing = upper_from_mass(mass)[:, cut]
    truly = p.T @ scaled >= cut_share * units
    return decide("Lord–Wingersky", cut_share * float(matrix.marks.sum()), weights, passing, truly)


def conditional_errors(matrix: ResponseMatrix, calibration: Calibration) -> list[tuple[float, float, float]]:
    """(θ, expected marks, standard error of the marks) along the ability scale, from the calibrated items."""
    columns = np.flatnonzero(calibration.known)
    theta = np.linspace(-3, 3, 25)
    p = curve(theta, calibration.a[columns], calibration.b[columns], calibration.c[columns])
    marks = matrix.marks[columns]
    expected, variance = marks @ p, marks**2 @ (p * (1 - p))
    return [(float(t), float(e), float(v) ** 0.5) for t, e, v in zip(theta, expected, variance, strict=True)]


def marks_in_units(marks: Floats) -> np.ndarray | None:
    """Marks as whole multiples of their greatest common measure (0.01 at the finest); None beyond 5,000 units."""
    hundredths = np.round(marks * 100).astype(np.int64)
    if np.any(np.abs(marks * 100 - hundredths) > 1e-6):
        return None
    units = hundredths // np.gcd.reduce(hundredths)
    return units if units.sum() <= 5000 else None


def score_distribution(p: Floats, units: np.ndarray) -> Floats:
    """Distribution of Σ units·right, p of shape (Q, J); returns (Q, Σ units + 1)."""
    mass = np.zeros((p.shape[0], int(units.sum()) + 1))
    mass[:, 0] = 1.0
    top = 0
    for item, unit in enumerate(units.tolist()):
        hit = p[:, item, None]
        moved = mass[:, : top + 1] * hit
        mass[:, : top + 1] *= 1 - hit
        mass[:, unit : top + unit + 1] += moved
        top += unit
    return mass
