"""Repairing drawn forms by annealed swaps until every limit is kept and the targets are met.

State is one row of item positions per form and counters of everything that is limited. A step takes one slot of one
form, weighs up to `CANDIDATES` items of the same kind and exact range (so those quotas can never break), and moves to
the best by Metropolis. Candidates come from the whole range, not only from the same cell: with cell-only greedy swaps
most forms never get there (assembly-and-scoring.md 1.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itembank.domain.cells import CellLayout, CellTable
from itembank.domain.targets import Target, contributions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CANDIDATES = 32
STEPS = 2000
STALLED = 500
HOT, COLD = 0.25, 0.002
#: What one broken limit weighs against points of deviation.
BROKEN = 2.0
IMPORTANCES = ("X", "Y", "Z")


class Pool:
    """The bank as arrays: one entry per usable item."""

    def __init__(self, layout: CellLayout) -> None:
        blueprint, items = layout.blueprint, layout.items
        points = sorted(blueprint.exact_above)
        point_number = {path: n for n, path in enumerate(points)}
        self.layout = layout
        self.point: Ints = np.array([point_number[item.point] for item in items], dtype=np.int64)
        self.point_limit: Ints = np.array([blueprint.point_limits[path] for path in points], dtype=np.int64)
        enemies: dict[str, int] = {}
        marks = [f"enemy:{item.enemy_group}" if item.enemy_group else f"item:{item.item_id}" for item in items]
        self.enemy: Ints = np.array([enemies.setdefault(mark, len(enemies)) for mark in marks], dtype=np.int64)
        self.enemy_count = len(enemies)
        self.importance: Ints = np.array(
            [IMPORTANCES.index(str(blueprint.importance_of[item.point])) for item in items], dtype=np.int64
        )
        depths = sorted({quota.path.count("/") for quota in blueprint.near})
        self.near: list[Ints] = [self._near_of_depth(depth) for depth in depths]
        self.value: Floats = contributions(items, blueprint.plan)
        groups: dict[tuple[str, str], int] = {}
        keys = [(item.kind, blueprint.exact_above[item.point]) for item in items]
        self.group: Ints = np.array([groups.setdefault(key, len(groups)) for key in keys], dtype=np.int64)
        self.group_members = [np.flatnonzero(self.group == number) for number in range(len(groups))]

    def _near_of_depth(self, depth: int) -> Ints:
        """Item → number of its near quota of that depth; the number after the last one means none."""
        quotas = self.layout.blueprint.near
        found = np.full(len(self.layout.items), len(quotas), dtype=np.int64)
        for number, quota in enumerate(quotas):
            if quota.path.count("/") == depth:
                found[[item.point.startswith(quota.path + "/") for item in self.layout.items]] = number
        return found


@dataclass(frozen=True, slots=True)
class Limits:
    """What a form keeps beyond its kind × range quotas."""

    #: Near quotas × 2 and importances × 2: lowest and highest number of items.
    near: Ints
    importance: Ints

    @classmethod
    def of_table(cls, layout: CellLayout, table: CellTable) -> Limits:
        """The plan's limits, widened to what the cell table could reach: further off is never allowed."""
        blueprint = layout.blueprint
        reached = [
            sum(
                count
                for cell, count in table.counts.items()
                if cell[1] == quota.path or cell[1].startswith(quota.path + "/")
            )
            for quota in blueprint.near
        ]
        near = [(min(q.low, there), max(q.high, there)) for q, there in zip(blueprint.near, reached, strict=True)]
        rules = {rule.importance: rule.bounds(blueprint.plan.item_count) for rule in blueprint.plan.importance}
        importance = []
        for name in IMPORTANCES:
            low, high = rules.get(name, (0, blueprint.plan.item_count))
            there = sum(count for cell, count in table.counts.items() if cell[2] == name)
            importance.append((min(low, there), max(high, there)))
        return cls(
            np.array([*near, (0, blueprint.plan.item_count)], dtype=np.int64), np.array(importance, dtype=np.int64)
        )


class Forms:
    """All forms at once, with their counters."""

    def __init__(
        self, pool: Pool, drawn: list[list[int]], limits: list[Limits], use_limit: int, shared_limit: int
    ) -> None:
        self.pool = pool
        self.limits = limits
        self.use_limit = use_limit
        self.shared_limit = shared_limit
        self.chosen: Ints = np.array(drawn, dtype=np.int64)
        count, items = len(drawn), len(pool.point)
        self.holds = np.zeros((count, items), dtype=bool)
        for form, positions in enumerate(drawn):
            self.holds[form, positions] = True
        self.use: Ints = self.holds.sum(axis=0).astype(np.int64)
        self.points = self._counts(pool.point, len(pool.point_limit))
        self.enemies = self._counts(pool.enemy, pool.enemy_count)
        self.importances = self._counts(pool.importance, len(IMPORTANCES))
        self.nears = [self._counts(near, len(limits[0].near)) for near in pool.near]
        matrix = self.holds.astype(np.float32)
        self.shared: Ints = np.rint(matrix @ matrix.T).astype(np.int64)
        np.fill_diagonal(self.shared, 0)

    def _counts(self, attribute: Ints, size: int) -> Ints:
        return np.stack([np.bincount(attribute[row], minlength=size) for row in self.chosen]).astype(np.int64)

    def broken(self, form: int) -> int:
        """How many limits the form breaks, each by how much."""
        limits = self.limits[form]
        parts = [
            _above(self.points[form], self.pool.point_limit),
            _above(self.enemies[form], 1),
            _outside(self.importances[form], limits.importance),
            _above(self.use[self.chosen[form]], self.use_limit),
            _above(self.shared[form], self.shared_limit),
            *(self._near_broken(form, level) for level in range(len(self.nears))),
        ]
        return int(sum(parts))

    def _near_broken(self, form: int, level: int) -> int:
        present = np.unique(self.pool.near[level])
        return _outside(self.nears[level][form][present], self.limits[form].near[present])

    def guilty_slots(self, form: int) -> Ints:
        """Slots whose item takes part in a broken limit; empty when only too little of something is there."""
        pool, row = self.pool, self.chosen[form]
        guilty = self.points[form][pool.point[row]] > pool.point_limit[pool.point[row]]
        guilty |= self.enemies[form][pool.enemy[row]] > 1
        guilty |= self.importances[form][pool.importance[row]] > self.limits[form].importance[pool.importance[row], 1]
        guilty |= self.use[row] > self.use_limit
        for near, counts in zip(pool.near, self.nears, strict=True):
            guilty |= counts[form][near[row]] > self.limits[form].near[near[row], 1]
        crowded = np.flatnonzero(self.shared[form] > self.shared_limit)
        if len(crowded):
            guilty |= self.holds[np.ix_(crowded, row)].any(axis=0)
        return np.flatnonzero(guilty).astype(np.int64)

    def change_in_broken(self, form: int, old: int, new: Ints) -> Ints:
        """For each candidate: by how much `broken` would change if it replaced `old`."""
        pool, limits = self.pool, self.limits[form]
        change = _more_above(self.points[form], pool.point_limit, pool.point[old], pool.point[new])
        change += _more_above(self.enemies[form], np.ones(1, dtype=np.int64), pool.enemy[old], pool.enemy[new])
        change += _more_outside(self.importances[form], limits.importance, pool.importance[old], pool.importance[new])
        for near, counts in zip(pool.near, self.nears, strict=True):
            change += _more_outside(counts[form], limits.near, near[old], near[new])
        change += (self.use[new] >= self.use_limit).astype(np.int64) - int(self.use[old] > self.use_limit)
        if self.use_limit > 1:
            full = self.shared[form] >= self.shared_limit
            full[form] = False
            relieved = int((self.holds[:, old] & (self.shared[form] > self.shared_limit)).sum())
            change += self.holds[np.ix_(np.flatnonzero(full), new)].sum(axis=0).astype(np.int64) - relieved
        return change

    def replace(self, form: int, slot: int, new: int) -> None:
        """Put `new` into the slot and keep every counter true."""
        pool, old = self.pool, int(self.chosen[form, slot])
        self.chosen[form, slot] = new
        for counts, attribute in (
            (self.points, pool.point),
            (self.enemies, pool.enemy),
            (self.importances, pool.importance),
        ):
            counts[form, attribute[old]] -= 1
            counts[form, attribute[new]] += 1
        for near, counts in zip(pool.near, self.nears, strict=True):
            counts[form, near[old]] -= 1
            counts[form, near[new]] += 1
        for item, step in ((old, -1), (new, 1)):
            others = self.holds[:, item].copy()
            others[form] = False
            self.shared[form, others] += step
            self.shared[others, form] += step
            self.use[item] += step
        self.holds[form, old] = False
        self.holds[form, new] = True


def anneal(
    forms: Forms, form: int, target: Target, tolerance: float, rng: np.random.Generator, rounds: int = 2
) -> float:
    """Repair one form in place; returns its largest deviation from the target in points.

    `rounds` runs of `STEPS` steps; ends early when nothing is broken and the deviation is within `tolerance` (points).
    """
    pool = forms.pool
    wanted = np.array(target.values)
    for _ in range(rounds):
        deviation = pool.value[forms.chosen[form]].sum(axis=0) - wanted
        broken = forms.broken(form)
        best_seen, seen_at = math.inf, 0
        for step in range(STEPS):
            if not broken and np.abs(deviation).max() <= tolerance:
                return float(np.abs(deviation).max())
            here = math.sqrt(float((deviation**2).sum())) + BROKEN * broken
            if here < best_seen - 1e-9:
                best_seen, seen_at = here, step
            elif not broken and step - seen_at > STALLED:
                break  # a small bank has nothing better nearby
            temperature = HOT * (COLD / HOT) ** (step / STEPS)
            slot = _pick_slot(forms, form, broken, rng)
            old = int(forms.chosen[form, slot])
            new = pool.group_members[pool.group[old]]
            if len(new) > CANDIDATES:
                new = rng.choice(new, CANDIDATES, replace=False)
            new = new[~forms.holds[form, new]]
            if not len(new):
                continue
            moved = deviation + pool.value[new] - pool.value[old]
            change = forms.change_in_broken(form, old, new)
            energy = np.sqrt((moved**2).sum(axis=1)) + BROKEN * change
            best = int(energy.argmin())
            rise = float(energy[best]) - math.sqrt(float((deviation**2).sum()))
            if rise <= 0 or rng.random() < math.exp(-rise / temperature):
                forms.replace(form, slot, int(new[best]))
                deviation = moved[best]
                broken += int(change[best])
    return float(np.abs(pool.value[forms.chosen[form]].sum(axis=0) - wanted).max())


def _pick_slot(forms: Forms, form: int, broken: int, rng: np.random.Generator) -> int:
    if broken and rng.random() < 0.7:
        guilty = forms.guilty_slots(form)
        if len(guilty):
            return int(rng.choice(guilty))
    return int(rng.integers(forms.chosen.shape[1]))


def _above(counts: Ints, limit: Ints | int) -> int:
    return int(np.maximum(counts - limit, 0).sum())


def _outside(counts: Ints, limits: Ints) -> int:
    return _above(counts, limits[:, 1]) + int(np.maximum(limits[:, 0] - counts, 0).sum())


def _more_above(counts: Ints, limit: Ints, old: np.int64, new: Ints) -> Ints:
    limit_new = limit[new] if len(limit) > 1 else limit
    limit_old = limit[old] if len(limit) > 1 else limit[0]
    added = (counts[new] >= limit_new).astype(np.int64) - int(counts[old] > limit_old)
    return np.where(new == old, 0, added)


def _more_outside(counts: Ints, limits: Ints, old: np.int64, new: Ints) -> Ints:
    above = _more_above(counts, limits[:, 1], old, new) if len(limits) > 1 else np.zeros(len(new), dtype=np.int64)
    below = int(counts[old] <= limits[old, 0]) - (counts[new] < limits[new, 0]).astype(np.int64)
    return above + np.where(new == old, 0, below)
