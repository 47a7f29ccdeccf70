"""3PL with priors by marginal maximum a posteriori: EM with Fisher scoring for all items at once.

Priors: c ~ Beta(5, 17), ln a ~ N(0, 0.5²), d ~ N(0, 3²). Only for items with 3,000 answers: below that, guessing cannot be
told from difficulty, and a 2PL describes the curve as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scoring.domain.statistics.arrays import Floats
from scoring.domain.statistics.irt_model import (
    COARSE_FROM_CELLS,
    COARSE_NODES,
    FINE_NODES,
    INTERCEPT_BOUND,
    LEAST_ANSWERS_3PL,
    SLOPE_BOUNDS,
    Calibration,
    CellData,
    Quadrature,
    cells_of,
    log_likelihoods,
    normal_quadrature,
    posterior,
    starting_values,
    usable_columns,
)
from scoring.domain.statistics.response_matrix import ResponseMatrix

MOST_ITERATIONS = 400
CLOSE = 1e-7
BETA_ALPHA, BETA_BETA = 5.0, 17.0
LOG_SLOPE_SD = 0.5
INTERCEPT_SD = 3.0
GUESSING_BOUNDS = (0.005, 0.6)
MOST_STEP = np.array([0.7, 1.0, 0.05])

Progress = Callable[[int, float], None]


def calibrate_3pl(matrix: ResponseMatrix, progress: Progress | None = None) -> Calibration:
    """Slopes, difficulties and guessing with standard errors (from the candidates' scores, priors included).

    Raises:
        InvalidInput: `TOO_FEW_CANDIDATES`, `TOO_FEW_ITEMS` (items with fewer than 3,000 answers are left out),
            `PARTIAL_MARKS`.
    """
    columns, left_out = usable_columns(matrix, LEAST_ANSWERS_3PL)
    cells = cells_of(matrix, columns)
    quadrature = normal_quadrature(FINE_NODES if cells.right.size < COARSE_FROM_CELLS else COARSE_NODES)
    a, d = starting_values(cells)
    c = np.full(len(columns), (BETA_ALPHA - 1) / (BETA_ALPHA + BETA_BETA - 2))
    last, converged, iteration, loglik = -np.inf, False, 0, -np.inf
    weights = np.empty((0, 0))
    for iteration in range(1, MOST_ITERATIONS + 1):
        p, _ = _curves(a, d, c, quadrature)
        weights, loglik = posterior(log_likelihoods(cells, p), quadrature.weights)
        if progress is not None:
            progress(iteration, loglik)
        objective = loglik + _log_prior(a, d, c)
        if abs(objective - last) < CLOSE * abs(objective):
            converged = True
            break
        last = objective
        right = cells.right.T @ weights
        counts = weights.sum(axis=0)[None, :] if cells.mask is None else cells.mask.T @ weights
        for _ in range(2):
            a, d, c = _step(a, d, c, right, counts, quadrature)
    variance = _covariances(cells, weights, a, d, c, quadrature)
    b = -d / a
    v_a, v_d, v_c, v_ad = variance[:, 0, 0], variance[:, 1, 1], variance[:, 2, 2], variance[:, 0, 1]
    se_b = np.sqrt(np.maximum((d / a**2) ** 2 * v_a + v_d / a**2 - 2 * d / a**3 * v_ad, 0.0))

    def spread(values: Floats) -> Floats:
        out = np.full(matrix.item_count, np.nan)
        out[columns] = values
        return out

    at_bound = (a <= SLOPE_BOUNDS[0] + 1e-9) | (a >= SLOPE_BOUNDS[1] - 1e-9)
    return Calibration(
        model="3pl",
        items=matrix.items,
        a=spread(a),
        b=spread(b),
        c=spread(c),
        se_a=spread(np.sqrt(v_a)),
        se_b=spread(se_b),
        se_c=spread(np.sqrt(v_c)),
        loglik=loglik,
        iterations=iteration,
        converged=converged,
        nodes=len(quadrature.nodes),
        latent_sd=1.0,
        left_out=left_out,
        at_bound=tuple(matrix.items[columns[each]] for each in np.flatnonzero(at_bound)),
    )


def _curves(a: Floats, d: Floats, c: Floats, quadrature: Quadrature) -> tuple[Floats, Floats]:
    """P and the curve without guessing P*, (J, Q)."""
    z = np.clip(a[:, None] * quadrature.nodes[None, :] + d[:, None], -500, 500)
    bare = 1 / (1 + np.exp(-z))
    return np.asarray(c[:, None] + (1 - c[:, None]) * bare), np.asarray(bare)


def _derivatives(bare: Floats, c: Floats, quadrature: Quadrature) -> Floats:
    """∂P/∂(a, d, c), shape (3, J, Q)."""
    slope = (1 - c[:, None]) * bare * (1 - bare)
    return np.stack([slope * quadrature.nodes, slope, 1 - bare])


def _log_prior(a: Floats, d: Floats, c: Floats) -> float:
    guessing = (BETA_ALPHA - 1) * np.log(c) + (BETA_BETA - 1) * np.log1p(-c)
    return float((guessing - np.log(a) ** 2 / (2 * LOG_SLOPE_SD**2) - d**2 / (2 * INTERCEPT_SD**2)).sum())


def _prior_terms(a: Floats, d: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Gradient (J, 3) and the diagonal of minus the second derivatives (J, 3), the latter kept positive."""
    gradient = np.stack(
        [
            -np.log(a) / (LOG_SLOPE_SD**2 * a),
            -d / INTERCEPT_SD**2,
            (BETA_ALPHA - 1) / c - (BETA_BETA - 1) / (1 - c),
        ],
        axis=1,
    )
    curvature = np.stack(
        [
            np.maximum((1 - np.log(a)) / (LOG_SLOPE_SD**2 * a**2), 0.0),
            np.full(len(d), 1 / INTERCEPT_SD**2),
            (BETA_ALPHA - 1) / c**2 + (BETA_BETA - 1) / (1 - c) ** 2,
        ],
        axis=1,
    )
    return gradient, curvature


def _step(
    a: Floats, d: Floats, c: Floats, right: Floats, counts: Floats, quadrature: Quadrature
) -> tuple[Floats, Floats, Floats]:
    p, bare = _curves(a, d, c, quadrature)
    slopes = _derivatives(bare, c, quadrature)
    variance = np.maximum(p * (1 - p), 1e-12)
    gradient = np.einsum("jq,kjq->jk", (right - counts * p) / variance, slopes)
    information = np.einsum("jq,kjq,ljq->jkl", counts / variance, slopes, slopes)
    prior_gradient, prior_curvature = _prior_terms(a, d, c)
    diagonal = np.arange(3)
    information[:, diagonal, diagonal] += prior_curvature + 1e-9
    step = np.linalg.solve(information, (gradient + prior_gradient)[:, :, None])[:, :, 0]
    step = np.clip(step, -MOST_STEP, MOST_STEP)
    return (
        np.clip(a + step[:, 0], *SLOPE_BOUNDS),
        np.clip(d + step[:, 1], -INTERCEPT_BOUND, INTERCEPT_BOUND),
        np.clip(c + step[:, 2], *GUESSING_BOUNDS),
    )


def _covariances(cells: CellData, weights: Floats, a: Floats, d: Floats, c: Floats, quadrature: Quadrature) -> Floats:
    """(J, 3, 3) from each item's cross products of the candidates' scores, plus the priors' curvature."""
    p, bare = _curves(a, d, c, quadrature)
    slopes = _derivatives(bare, c, quadrature)
    p = np.clip(p, 1e-12, 1 - 1e-12)
    wrong = (1.0 if cells.mask is None else cells.mask) - cells.right
    scores = [cells.right * (weights @ (slope / p).T) - wrong * (weights @ (slope / (1 - p)).T) for slope in slopes]
    information = np.empty((len(a), 3, 3))
    for row in range(3):
        for column in range(row, 3):
            information[:, row, column] = information[:, column, row] = (scores[row] * scores[column]).sum(axis=0)
    diagonal = np.arange(3)
    information[:, diagonal, diagonal] += _prior_terms(a, d, c)[1] + 1e-9
    return np.asarray(np.linalg.inv(information), dtype=np.float64)
