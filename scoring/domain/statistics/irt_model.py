"""What all calibrations share: quadrature, curves, abilities.

Metric D = 1: P = c + (1 − c)/(1 + exp(−a(θ − b))). Inside, d = −a·b (slope–intercept), outside a and b.
Abilities are N(0, 1) unless a calibration was linked to another scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats, ratio
from scoring.domain.statistics.response_matrix import ResponseMatrix
from server.core.errors import InvalidInput

#: 61 equally spaced nodes for reference runs; 41 from this many cells on
NODE_RANGE = 6.0
FINE_NODES, COARSE_NODES = 61, 41
COARSE_FROM_CELLS = 500_000
SLOPE_BOUNDS = (0.05, 6.0)
INTERCEPT_BOUND = 30.0
#: below these a calibration is refused
LEAST_CANDIDATES = 200
LEAST_ANSWERS = 100
LEAST_ITEMS = 3
LEAST_ANSWERS_3PL = 3000


@dataclass(frozen=True, eq=False)
class Quadrature:
    """Nodes and their standard normal weights (sum 1), shape (Q,)."""

    nodes: Floats
    weights: Floats


def normal_quadrature(count: int) -> Quadrature:
    """Equally spaced nodes from −6 to 6."""
    nodes = np.linspace(-NODE_RANGE, NODE_RANGE, count)
    weights = np.exp(-0.5 * nodes**2)
    return Quadrature(nodes, weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Calibration:
    """Item parameters with their standard errors (NaN where none could be computed).

    Attributes:
        model: `2pl`, `3pl` or `rasch` (common slope; reported as a = 1 with `latent_sd`).
        a, b, c, se_a, se_b, se_c: shape (J,); NaN for items left out.
        latent_sd: standard deviation of abilities on the reported scale.
        loglik: marginal log-likelihood (without priors).
        left_out: item → why it has no parameters.
        at_bound: items whose slope lies on the guard [0.05, 6].
    """

    model: str
    items: tuple[str, ...]
    a: Floats
    b: Floats
    c: Floats
    se_a: Floats
    se_b: Floats
    se_c: Floats
    loglik: float
    iterations: int
    converged: bool
    nodes: int
    latent_sd: float
    left_out: dict[str, str]
    at_bound: tuple[str, ...]

    @property
    def known(self) -> np.ndarray:
        """(J,) items with parameters."""
        return np.isfinite(self.a) & np.isfinite(self.b)


@dataclass(frozen=True, eq=False)
class CellData:
    """Right answers and answered cells as 0/1 floats, (N, J); `mask` is None when everything was presented."""

    right: Floats
    mask: Floats | None

    @property
    def shape(self) -> tuple[int, int]:
        return self.right.shape[0], self.right.shape[1]


def cells_of(matrix: ResponseMatrix, columns: np.ndarray | None = None) -> CellData:
    """Items right or wrong; no answer counts as wrong; items not on the form are masked."""
    right = matrix.right if columns is None else matrix.right[:, columns]
    on = matrix.on_form if columns is None else matrix.on_form[:, columns]
    return CellData(right.astype(np.float64), None if bool(on.all()) else on.astype(np.float64))


def curve(theta: Floats, a: Floats, b: Floats, c: Floats | float = 0.0) -> Floats:
    """P of each item at each ability, (J, Q)."""
    z = np.clip(a[:, None] * (theta[None, :] - b[:, None]), -500, 500)
    guess = np.asarray(c, dtype=np.float64)
    guess = guess[:, None] if guess.ndim else guess
    return np.asarray(guess + (1 - guess) / (1 + np.exp(-z)))


def log_likelihoods(cells: CellData, p: Floats) -> Floats:
    """log P(answers of candidate i | node q), (N, Q)."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    log_p, log_q = np.log(p), np.log1p(-p)
    if cells.mask is None:
        return np.asarray(cells.right @ (log_p - log_q) + log_q.sum(axis=0))
    return np.asarray(cells.right @ (log_p - log_q) + cells.mask @ log_q)


def posterior(log_likelihood: Floats, weights: Floats) -> tuple[Floats, float]:
    """Posterior weights (N, Q), rows summing to 1, and the marginal log-likelihood."""
    joint = log_likelihood + np.log(weights)
    top = joint.max(axis=1, keepdims=True)
    np.subtract(joint, top, out=joint)
    np.exp(joint, out=joint)
    total = joint.sum(axis=1, keepdims=True)
    joint /= total
    return joint, float((top + np.log(total)).sum())


@dataclass(frozen=True, eq=False)
class Abilities:
    """Expected a posteriori and its standard error (posterior standard deviation), (N,)."""

    eap: Floats
    se: Floats


def estimate_abilities(matrix: ResponseMatrix, calibration: Calibration, mean: float = 0.0) -> Abilities:
    """EAP under the prior N(mean, latent_sd²); candidates without a calibrated item get the prior itself."""
    columns = np.flatnonzero(calibration.known)
    quadrature = normal_quadrature(FINE_NODES)
    theta = mean + quadrature.nodes * calibration.latent_sd
    p = curve(theta, calibration.a[columns], calibration.b[columns], calibration.c[columns])
    weights, _ = posterior(log_likelihoods(cells_of(matrix, columns), p), quadrature.weights)
    eap = weights @ theta
    variance = weights @ theta**2 - eap**2
    return Abilities(eap, np.sqrt(np.maximum(variance, 0.0)))


def usable_columns(matrix: ResponseMatrix, least_answers: int = LEAST_ANSWERS) -> tuple[np.ndarray, dict[str, str]]:
    """Columns that can be calibrated, and why the others cannot.

    Raises:
        InvalidInput: `TOO_FEW_CANDIDATES`, `TOO_FEW_ITEMS`, `PARTIAL_MARKS`: honest refusals.
    """
    if matrix.count < LEAST_CANDIDATES:
        raise InvalidInput(
            "TOO_FEW_CANDIDATES",
            f"只有 {matrix.count} 名考生，标定至少需要 {LEAST_CANDIDATES} 名；请先用经典分析（analyse items）。",
            f"{matrix.count} candidates; a calibration needs at least {LEAST_CANDIDATES}. Use `analyse items` instead.",
            candidates=matrix.count,
            needed=LEAST_CANDIDATES,
        )
    if not matrix.is_dichotomous:
        raise InvalidInput(
            "PARTIAL_MARKS",
            "有部分得分的试题，标定只用于对错计分的试题；请先去掉这些试题。",
            "Some items give part marks; only right–wrong items can be calibrated. Leave them out.",
        )
    answers = matrix.on_form.sum(axis=0)
    rights = matrix.right.sum(axis=0)
    left_out: dict[str, str] = {}
    for place, item in enumerate(matrix.items):
        if answers[place] < least_answers:
            left_out[item] = f"TOO_FEW_ANSWERS:{int(answers[place])}<{least_answers}"
        elif rights[place] in {0, answers[place]}:
            left_out[item] = "CONSTANT_ITEM"
    columns = np.array([place for place, item in enumerate(matrix.items) if item not in left_out], dtype=np.int64)
    if len(columns) < LEAST_ITEMS:
        raise InvalidInput(
            "TOO_FEW_ITEMS",
            f"可标定的试题只有 {len(columns)} 道，至少需要 {LEAST_ITEMS} 道（每题至少 {least_answers} 人作答，且不能人人相同）。",
            f"{len(columns)} items can be calibrated, at least {LEAST_ITEMS} are needed (each with {least_answers} answers"
            " that differ).",
            usable=len(columns),
            left_out=left_out,
        )
    return columns, left_out


def starting_values(cells: CellData) -> tuple[Floats, Floats]:
    """Slope 1 and the intercept that gives each item its share of right answers."""
    n = np.full(cells.shape[1], float(cells.shape[0])) if cells.mask is None else cells.mask.sum(axis=0)
    p = ratio(cells.right.sum(axis=0) + 0.5, n + 1)
    return np.ones(cells.shape[1]), np.log(p / (1 - p)) * 1.2
