"""2PL (and Rasch with free variance) by marginal maximum likelihood: Bock & Aitkin (1981), finished by Newton steps.

EM brings the items near; then the exact observed information (Louis 1982) gives Newton steps on the marginal
log-likelihood itself, so that flat items (a near 0) converge as well, and the standard errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats
from scoring.domain.statistics.irt_model import (
    COARSE_FROM_CELLS,
    COARSE_NODES,
    FINE_NODES,
    INTERCEPT_BOUND,
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

MOST_ITERATIONS = 500
#: EM hands over to Newton at this relative change of the log-likelihood
NEAR, NEAR_WITHOUT_NEWTON = 1e-6, 1e-9
#: the full information matrix is built up to this many items; beyond it each item has its own 2 × 2 block
FULL_INFORMATION_UP_TO = 150
NEWTON_STEPS = 30
#: stops when g' I⁻¹ g, twice the log-likelihood still to be gained, is below this: 0.001 standard errors
STANDING = 1e-6
#: multiplications up to which the information is built anew at each step; beyond, one serves several steps
CHEAP = 2e9
MOST_STEP = 1.0
NEGLIGIBLE = 1e-6

Progress = Callable[[int, float], None]


@dataclass(eq=False)
class _State:
    a: Floats
    d: Floats
    loglik: float = -np.inf


def calibrate_2pl(matrix: ResponseMatrix, common_slope: bool = False, progress: Progress | None = None) -> Calibration:
    """Slopes and difficulties with standard errors.

    Args:
        common_slope: one slope for all items (Rasch with free variance); reported as a = 1 and `latent_sd` = slope.
        progress: called with the iteration and the log-likelihood.

    Raises:
        InvalidInput: `TOO_FEW_CANDIDATES`, `TOO_FEW_ITEMS`, `PARTIAL_MARKS`.
    """
    columns, left_out = usable_columns(matrix)
    cells = cells_of(matrix, columns)
    quadrature = normal_quadrature(FINE_NODES if cells.right.size < COARSE_FROM_CELLS else COARSE_NODES)
    state = _State(*starting_values(cells))
    iterations, near = _em(cells, quadrature, state, common_slope, progress)
    covariance, converged = _newton(cells, quadrature, state, common_slope)
    state.loglik = posterior(log_likelihoods(cells, _p(state, quadrature)), quadrature.weights)[1]
    at_bound = (state.a <= SLOPE_BOUNDS[0] + 1e-9) | (state.a >= SLOPE_BOUNDS[1] - 1e-9)
    return _report(
        matrix, columns, left_out, state, covariance, iterations, near and converged, quadrature, common_slope, at_bound
    )


def _p(state: _State, quadrature: Quadrature) -> Floats:
    z = state.a[:, None] * quadrature.nodes[None, :] + state.d[:, None]
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500))))


def _expected(cells: CellData, weights: Floats) -> tuple[Floats, Floats]:
    """Expected right answers r (J, Q) and candidates n ((J, Q), or (1, Q) without a mask) at each node."""
    right = cells.right.T @ weights
    counts = weights.sum(axis=0)[None, :] if cells.mask is None else cells.mask.T @ weights
    return right, counts


def _em(
    cells: CellData, quadrature: Quadrature, state: _State, common_slope: bool, progress: Progress | None
) -> tuple[int, bool]:
    nodes = quadrature.nodes
    near = NEAR if cells.shape[1] <= FULL_INFORMATION_UP_TO else NEAR_WITHOUT_NEWTON
    for iteration in range(1, MOST_ITERATIONS + 1):
        p = _p(state, quadrature)
        weights, loglik = posterior(log_likelihoods(cells, p), quadrature.weights)
        if progress is not None:
            progress(iteration, loglik)
        change = abs(loglik - state.loglik) / abs(loglik)
        state.loglik = loglik
        if change < near:
            return iteration, True
        right, counts = _expected(cells, weights)
        for _ in range(3):
            residual, w = right - counts * p, counts * p * (1 - p)
            g_a, g_d = residual @ nodes, residual.sum(axis=1)
            i_aa, i_ad, i_dd = w @ nodes**2 + 1e-9, w @ nodes, w.sum(axis=1) + 1e-9
            if common_slope:
                step = (g_a - i_ad / i_dd * g_d).sum() / (i_aa - i_ad**2 / i_dd).sum()
                step_a = np.full(len(g_a), step)
                step_d = (g_d - i_ad * step) / i_dd
            else:
                determinant = i_aa * i_dd - i_ad**2 + 1e-12
                step_a = (i_dd * g_a - i_ad * g_d) / determinant
                step_d = (i_aa * g_d - i_ad * g_a) / determinant
            _move(state, step_a, step_d)
            p = _p(state, quadrature)
    return MOST_ITERATIONS, False


def _move(state: _State, step_a: Floats, step_d: Floats) -> None:
    state.a = np.clip(state.a + np.clip(step_a, -MOST_STEP, MOST_STEP), *SLOPE_BOUNDS)
    state.d = np.clip(state.d + np.clip(step_d, -2 * MOST_STEP, 2 * MOST_STEP), -INTERCEPT_BOUND, INTERCEPT_BOUND)


def _newton(cells: CellData, quadrature: Quadrature, state: _State, common_slope: bool) -> tuple[Floats, bool]:
    """Newton on the marginal log-likelihood; the covariance (2J, 2J), ordered a then d, and whether it stands still."""
    j = cells.shape[1]
    covariance = np.full((2 * j, 2 * j), np.nan)
    if j > FULL_INFORMATION_UP_TO:
        return _blocks(cells, quadrature, state), True
    cheap = float(cells.right.size) * j * len(quadrature.nodes) < CHEAP
    inverse: Floats | None = None
    fold, last_gain = np.eye(2 * j), np.inf
    for _ in range(NEWTON_STEPS):
        p = _p(state, quadrature)
        weights, loglik = posterior(log_likelihoods(cells, p), quadrature.weights)
        if inverse is None:
            information = _information(cells, quadrature, weights, p)
            free = np.ones(2 * j, dtype=bool)
            free[:j] = (state.a > SLOPE_BOUNDS[0]) & (state.a < SLOPE_BOUNDS[1])
            fold = _fold(j, free, common_slope)
            try:
                half = np.linalg.inv(np.linalg.cholesky(fold @ information @ fold.T))
            except np.linalg.LinAlgError:
                return covariance, False
            inverse = half.T @ half
            covariance = fold.T @ inverse @ fold
            if not common_slope:
                covariance[~free], covariance[:, ~free] = np.nan, np.nan
        gradient = fold @ _gradient(cells, quadrature, weights, p)
        gain = float(gradient @ inverse @ gradient)
        if gain < STANDING:
            return covariance, True
        _line_search(cells, quadrature, state, fold.T @ (inverse @ gradient), loglik)
        if cheap or gain > 0.3 * last_gain:
            inverse = None
        last_gain = gain
    return covariance, False


def _fold(j: int, free: np.ndarray, common_slope: bool) -> Floats:
    """The linear map from all 2J parameters to those that move: the free ones, or the one slope and J intercepts."""
    if not common_slope:
        return np.asarray(np.eye(2 * j)[free])
    fold = np.zeros((j + 1, 2 * j))
    fold[0, :j] = 1.0
    fold[1:, j:] = np.eye(j)
    return fold


def _line_search(cells: CellData, quadrature: Quadrature, state: _State, step: Floats, loglik: float) -> None:
    a, d, j = state.a.copy(), state.d.copy(), len(state.a)
    for scale in (1.0, 0.5, 0.25, 0.1):
        state.a, state.d = a.copy(), d.copy()
        _move(state, scale * step[:j], scale * step[j:])
        if posterior(log_likelihoods(cells, _p(state, quadrature)), quadrature.weights)[1] >= loglik - 1e-9:
            return
    state.a, state.d = a, d


def _gradient(cells: CellData, quadrature: Quadrature, weights: Floats, p: Floats) -> Floats:
    """Gradient of the marginal log-likelihood, (2J,), a then d."""
    right, counts = _expected(cells, weights)
    residual = right - counts * p
    return np.concatenate([residual @ quadrature.nodes, residual.sum(axis=1)])


def _information(cells: CellData, quadrature: Quadrature, weights: Floats, p: Floats) -> Floats:
    """Observed information (2J, 2J) by Louis' formula.

    I = Σ_i [ E(−∂²) − E(u uᵀ) + E(u) E(u)ᵀ ], expectations over the posterior of candidate i,
    u = ((x − P) θ, x − P) for items on the form.
    """
    nodes, j = quadrature.nodes, cells.shape[1]
    _, counts = _expected(cells, weights)
    w = counts * p * (1 - p)
    information = np.zeros((2 * j, 2 * j))
    place = np.arange(j)
    information[place, place] += w @ nodes**2
    information[place, j + place] += w @ nodes
    information[j + place, place] += w @ nodes
    information[j + place, j + place] += w.sum(axis=1)
    # Single precision and only candidates who count at a node: the cross products shape the step and the standard
    # errors, never the optimum itself.
    x = cells.right.astype(np.float32)
    mask = None if cells.mask is None else cells.mask.astype(np.float32)
    cross = np.zeros((3, j, j))
    for q, node in enumerate(nodes):
        rows = np.flatnonzero(weights[:, q] > NEGLIGIBLE)
        if len(rows) == 0:
            continue
        u = x[rows] - (p[:, q].astype(np.float32) if mask is None else mask[rows] * p[:, q].astype(np.float32))
        u *= np.sqrt(weights[rows, q]).astype(np.float32)[:, None]
        gram = (u.T @ u).astype(np.float64)
        cross[0] += gram
        cross[1] += gram * node
        cross[2] += gram * node**2
    information -= np.block([[cross[2], cross[1]], [cross[1], cross[0]]])
    scores = _person_scores(cells, weights, p, nodes).astype(np.float32)
    information += scores.T @ scores
    return np.asarray((information + information.T) / 2)


def _person_scores(cells: CellData, weights: Floats, p: Floats, nodes: Floats) -> Floats:
    """(N, 2J): each candidate's share of the gradient, a then d."""
    mean = weights @ nodes
    expected, expected_theta = weights @ p.T, weights @ (p * nodes).T
    if cells.mask is not None:
        expected *= cells.mask
        expected_theta *= cells.mask
    return np.hstack([cells.right * mean[:, None] - expected_theta, cells.right - expected])


def _blocks(cells: CellData, quadrature: Quadrature, state: _State) -> Floats:
    """Covariance from each item's own observed information; what items share is left out (large banks)."""
    nodes, j = quadrature.nodes, cells.shape[1]
    p = _p(state, quadrature)
    weights, _ = posterior(log_likelihoods(cells, p), quadrature.weights)
    scores = _person_scores(cells, weights, p, nodes)
    s_a, s_d = scores[:, :j], scores[:, j:]
    i_aa, i_ad, i_dd = (s_a**2).sum(axis=0), (s_a * s_d).sum(axis=0), (s_d**2).sum(axis=0)
    determinant = np.maximum(i_aa * i_dd - i_ad**2, 1e-12)
    covariance = np.zeros((2 * j, 2 * j))
    place = np.arange(j)
    covariance[place, place] = i_dd / determinant
    covariance[j + place, j + place] = i_aa / determinant
    covariance[place, j + place] = covariance[j + place, place] = -i_ad / determinant
    return covariance


def _report(
    matrix: ResponseMatrix,
    columns: np.ndarray,
    left_out: dict[str, str],
    state: _State,
    covariance: Floats,
    iterations: int,
    converged: bool,
    quadrature: Quadrature,
    common_slope: bool,
    at_bound: np.ndarray,
) -> Calibration:
    a, d, j = state.a, state.d, len(columns)
    place = np.arange(j)
    v_a, v_d, v_ad = covariance[place, place], covariance[j + place, j + place], covariance[place, j + place]
    latent_sd = 1.0
    with np.errstate(invalid="ignore"):
        se_a = np.sqrt(v_a)
        if common_slope:
            latent_sd = float(a[0])
            b, se_b = -d, np.sqrt(v_d)
            a, se_a = np.ones(j), np.full(j, np.nan)
        else:
            b = -d / a
            # delta method: ∂b/∂a = d/a², ∂b/∂d = −1/a
            se_b = np.sqrt(np.maximum((d / a**2) ** 2 * v_a + v_d / a**2 - 2 * d / a**3 * v_ad, 0.0))

    def spread(values: Floats) -> Floats:
        out = np.full(matrix.item_count, np.nan)
        out[columns] = values
        return out

    return Calibration(
        model="rasch" if common_slope else "2pl",
        items=matrix.items,
        a=spread(a),
        b=spread(b),
        c=spread(np.zeros(j)),
        se_a=spread(se_a),
        se_b=spread(se_b),
        se_c=spread(np.full(j, np.nan)),
        loglik=state.loglik,
        iterations=iterations,
        converged=converged,
        nodes=len(quadrature.nodes),
        latent_sd=latent_sd,
        left_out=left_out,
        at_bound=tuple(matrix.items[columns[each]] for each in np.flatnonzero(at_bound)) if not common_slope else (),
    )
