"""Bringing a calibration onto an earlier scale through common items, after those that drifted are set aside.

θ_old = A·θ_new + B, so a_old = a_new/A and b_old = A·b_new + B. Mean/sigma (Marco 1977) starts; Stocking & Lord (1983)
makes the characteristic curves of the common items meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scoring.domain.statistics.arrays import Floats
from scoring.domain.statistics.irt_model import FINE_NODES, Calibration, curve, normal_quadrature
from server.core.errors import InvalidInput

LEAST_COMMON = 5
#: an item drifted when it lies this far off the others' line (logits) and is an outlier among them (robust z)
DRIFT_LOGITS, DRIFT_Z = 0.3, 2.7
ROUNDS = 10
STEPS = 50


@dataclass(frozen=True)
class Parameters:
    """One item on the old scale."""

    a: float
    b: float
    c: float = 0.0


@dataclass(frozen=True)
class Drift:
    """A common item: its old difficulty less the linked new one; `dropped` when it did not serve the linking."""

    item: str
    shift: float
    z: float
    dropped: bool


@dataclass(frozen=True)
class Link:
    """θ_old = slope·θ_new + shift."""

    method: str
    slope: float
    shift: float
    common: tuple[Drift, ...]
    rmse: float
    enough: bool


def link_calibration(
    new: Calibration, old: Mapping[str, Parameters], method: str = "stocking-lord"
) -> tuple[Calibration, Link]:
    """The calibration on the old scale, and how the common items agreed.

    Raises:
        InvalidInput: `TOO_FEW_COMMON_ITEMS`, `LINKING_METHOD`.
    """
    if method not in {"stocking-lord", "mean-sigma"}:
        raise InvalidInput("LINKING_METHOD", f"没有“{method}”这种链接方法。", f"No linking method '{method}'.")
    places = [place for place, item in enumerate(new.items) if item in old and bool(new.known[place])]
    if len(places) < LEAST_COMMON:
        raise InvalidInput(
            "TOO_FEW_COMMON_ITEMS",
            f"共同题只有 {len(places)} 道，链接至少需要 {LEAST_COMMON} 道。",
            f"{len(places)} common items; linking needs at least {LEAST_COMMON}.",
            common=len(places),
        )
    old_values = np.array(
        [[old[new.items[place]].a, old[new.items[place]].b, old[new.items[place]].c] for place in places]
    )
    values = np.stack([new.a[places], new.b[places], new.c[places]], axis=1)
    keep = np.ones(len(places), dtype=bool)
    slope, shift = 1.0, 0.0
    shifts, z = np.zeros(len(places)), np.zeros(len(places))
    for _ in range(ROUNDS):
        slope, shift = _fit(values[keep], old_values[keep], method)
        shifts = old_values[:, 1] - (slope * values[:, 1] + shift)
        quarter = np.percentile(shifts[keep], [25, 50, 75])
        spread = max(0.7413 * (quarter[2] - quarter[0]), 1e-9)
        z = (shifts - quarter[1]) / spread
        drifted = keep & (np.abs(z) > DRIFT_Z) & (np.abs(shifts) > DRIFT_LOGITS)
        if not drifted.any() or keep.sum() - 1 < LEAST_COMMON:
            break
        # the worst one only: it may have pulled the line and made others look drifted
        keep[int(np.argmax(np.where(drifted, np.abs(shifts), -1.0)))] = False
    linked = replace(
        new,
        a=new.a / slope,
        b=slope * new.b + shift,
        se_a=new.se_a / slope,
        se_b=slope * new.se_b,
        latent_sd=new.latent_sd * slope,
    )
    common = tuple(
        Drift(new.items[place], float(shifts[row]), float(np.clip(z[row], -99, 99)), not bool(keep[row]))
        for row, place in enumerate(places)
    )
    rmse = float(np.sqrt(np.mean(shifts[keep] ** 2)))
    return linked, Link(method, float(slope), float(shift), common, rmse, bool(keep.mean() >= 0.8))


def _fit(new: Floats, old: Floats, method: str) -> tuple[float, float]:
    spread = float(new[:, 1].std())
    slope = float(old[:, 1].std()) / spread if spread > 1e-9 else 1.0
    slope = slope if slope > 1e-6 else 1.0
    shift = float(old[:, 1].mean() - slope * new[:, 1].mean())
    if method == "mean-sigma":
        return slope, shift
    quadrature = normal_quadrature(FINE_NODES)
    theta, root = quadrature.nodes, np.sqrt(quadrature.weights)
    target = curve(theta, old[:, 0], old[:, 1], old[:, 2]).sum(axis=0)

    def gap(point: Floats) -> Floats:
        moved = curve(theta, new[:, 0] / point[0], point[0] * new[:, 1] + point[1], new[:, 2]).sum(axis=0)
        return np.asarray(root * (moved - target))

    point, damping = np.array([slope, shift]), 1e-3
    value = gap(point)
    for _ in range(STEPS):  # Levenberg–Marquardt in two dimensions
        small = 1e-6
        jacobian = np.stack([(gap(point + small * axis) - value) / small for axis in np.eye(2)], axis=1)
        normal = jacobian.T @ jacobian
        step = -np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), jacobian.T @ value)
        trial = point + step
        trial[0] = max(trial[0], 0.05)
        tried = gap(trial)
        if tried @ tried <= value @ value:
            point, value, damping = trial, tried, damping / 10
            if float(np.abs(step).max()) < 1e-10:
                break
        else:
            damping *= 10
            if damping > 1e8:
                break
    return float(point[0]), float(point[1])
