"""One form by integer programming over single items: the fallback where swaps do not find a way.

Small banks with tight quotas are its real use. On a large bank give it a sub-pool: HiGHS needs seconds for 3,000 items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from itembank.domain.annealing import IMPORTANCES, Pool
from itembank.domain.targets import Target

SECONDS = 1.5
#: Largest number of items handed to the solver.
SUB_POOL = 3000
NEAR_LEFT, IMPORTANCE_LEFT = 1.0, 0.2


def solve_form(
    pool: Pool,
    target: Target,
    tolerance: float,
    rng: np.random.Generator,
    earlier: Sequence[Sequence[int]],
    shared_limit: int,
) -> list[int] | None:
    """Item positions of one form that keeps every hard limit, or None.

    Args:
        tolerance: points; deviations below it cost nothing, so the solver stops when the form is good enough.
        earlier: forms already made; at most `shared_limit` items may be shared with each.
    """
    allowed = np.ones(len(pool.point), dtype=bool)
    if shared_limit == 0:
        for form in earlier:
            allowed[list(form)] = False
    positions = np.flatnonzero(allowed)
    if len(positions) > SUB_POOL:
        positions = np.sort(rng.choice(positions, SUB_POOL, replace=False))
    count = len(positions)
    if not count:
        return None
    rows = _Rows(count)
    blueprint = pool.layout.blueprint
    items = [pool.layout.items[int(n)] for n in positions]
    for section in blueprint.plan.sections:
        rows.add([item.kind == section.kind for item in items], section.count, section.count)
    for quota in blueprint.exact:
        rows.add([blueprint.exact_above[item.point] == quota.path for item in items], quota.low, quota.high)
    for quota in blueprint.near:
        rows.add([item.point.startswith(quota.path + "/") for item in items], quota.low, quota.high, soft=NEAR_LEFT)
    for rule in blueprint.plan.importance:
        low, high = rule.bounds(blueprint.plan.item_count)
        inside = pool.importance[positions] == IMPORTANCES.index(rule.importance)
        rows.add(inside, low, high, soft=0.0 if rule.hard else IMPORTANCE_LEFT)
    _add_caps(rows, pool.point[positions], pool.point_limit)
    _add_caps(rows, pool.enemy[positions], np.ones(pool.enemy_count, dtype=np.int64))
    if shared_limit:
        for form in earlier:
            rows.add(np.isin(positions, list(form)), 0, shared_limit)
    worst = rows.column(1.0, low=tolerance)
    for number, wanted in enumerate(target.values):
        rows.add(pool.value[positions, number], -np.inf, wanted, extra={worst: -1.0})
        rows.add(pool.value[positions, number], wanted, np.inf, extra={worst: 1.0})
    found = rows.solve(rng)
    return None if found is None else [int(positions[n]) for n in np.flatnonzero(found[:count] > 0.5)]


def _add_caps(rows: _Rows, group: NDArray[np.int64], limits: NDArray[np.int64]) -> None:
    sizes = np.bincount(group, minlength=len(limits))
    for number in np.flatnonzero(sizes > limits):
        rows.add(group == number, 0, float(limits[number]))


class _Rows:
    """A sparse program: `items` 0/1 columns, then soft columns."""

    def __init__(self, items: int) -> None:
        self.items = items
        self.costs: list[float] = []
        self.lows: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.bounds: list[tuple[float, float]] = []

    def column(self, cost: float, *, low: float = 0.0) -> int:
        self.costs.append(cost)
        self.lows.append(low)
        return self.items + len(self.costs) - 1

    def add(
        self,
        terms: Sequence[bool] | NDArray[np.bool_] | NDArray[np.float64],
        low: float,
        high: float,
        *,
        soft: float = 0.0,
        extra: dict[int, float] | None = None,
    ) -> None:
        row = len(self.bounds)
        factors = np.asarray(terms, dtype=np.float64)
        self.entries += [(row, int(n), float(factors[n])) for n in np.flatnonzero(factors)]
        self.entries += [(row, column, factor) for column, factor in (extra or {}).items()]
        if soft:
            self.entries += [(row, self.column(soft), 1.0), (row, self.column(soft), -1.0)]
        self.bounds.append((low, high))

    def solve(self, rng: np.random.Generator) -> NDArray[np.float64] | None:
        width = self.items + len(self.costs)
        rows, columns, factors = zip(*self.entries, strict=True)
        from scipy.optimize import Bounds, LinearConstraint, milp  # heavy, and no part of an exam day
        from scipy.sparse import coo_array

        matrix = coo_array((factors, (rows, columns)), shape=(len(self.bounds), width)).tocsr()
        found = milp(
            np.concatenate([rng.random(self.items) * 1e-4, self.costs]),
            constraints=LinearConstraint(matrix, [low for low, _ in self.bounds], [high for _, high in self.bounds]),
            bounds=Bounds(
                np.concatenate([np.zeros(self.items), self.lows]),
                np.concatenate([np.ones(self.items), np.full(len(self.costs), np.inf)]),
            ),
            integrality=np.concatenate([np.ones(self.items), np.zeros(len(self.costs))]),
            options={"time_limit": SECONDS, "mip_rel_gap": 0.1},
        )
        return None if found.x is None else np.asarray(found.x, dtype=np.float64)
