"""The cell table: how many items of each kind, range and importance one form takes.

Cells are kind × deepest weighted range × importance. A small integer program with random costs finds numbers that keep
all quotas at once; when there are none, the same program with slack says which cells lack how many items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from itembank.domain.blueprint import BankItem, Blueprint

Cell = tuple[str, str, str]
"""(kind, path of the deepest weighted range, importance)"""
Floats = NDArray[np.float64]

# Costs of leaving a soft rule, in units of one random item cost (0 … 1).
SHORT, HARD_LEFT, NEAR_LEFT, IMPORTANCE_LEFT, SPREAD_LEFT, POINTS_LEFT = 5000.0, 20_000.0, 100.0, 30.0, 3.0, 8.0
REUSED = 20.0
SOLVER_SECONDS = 2.0


@dataclass(frozen=True)
class CellLayout:
    """The cells of a blueprint and the items of a bank that lie in them."""

    blueprint: Blueprint
    items: Sequence[BankItem]

    @cached_property
    def cells(self) -> list[Cell]:
        """Every cell the spec table knows, empty ones too."""
        blueprint = self.blueprint
        places = {(blueprint.deepest_above[p], str(blueprint.importance_of[p])) for p in blueprint.exact_above}
        return sorted((kind, path, importance) for kind in blueprint.plan.kind_counts for path, importance in places)

    @cached_property
    def members(self) -> dict[Cell, list[int]]:
        """Cell → positions of its items."""
        found: dict[Cell, list[int]] = {cell: [] for cell in self.cells}
        for position, item in enumerate(self.items):
            found[self.cell_of(item)].append(position)
        return found

    @cached_property
    def exact_of(self) -> dict[str, str]:
        """Path of a deepest range → path of its exact range."""
        blueprint = self.blueprint
        return {blueprint.deepest_above[point]: exact for point, exact in blueprint.exact_above.items()}

    def cell_of(self, item: BankItem) -> Cell:
        """The cell an item lies in."""
        return item.kind, self.blueprint.deepest_above[item.point], str(self.blueprint.importance_of[item.point])

    def available(self, free: Callable[[int], bool]) -> dict[Cell, int]:
        """Cell → items one form could take from it, given which positions are free: enemies and point limits counted."""
        limits = self.blueprint.point_limits
        found = {}
        for cell, positions in self.members.items():
            per_point: defaultdict[str, set[str]] = defaultdict(set)
            for position in positions:
                if free(position):
                    item = self.items[position]
                    per_point[item.point].add(item.enemy_group or item.version_id)
            groups = len(set().union(*per_point.values())) if per_point else 0
            found[cell] = min(groups, sum(min(limits[point], len(each)) for point, each in per_point.items()))
        return found


@dataclass(frozen=True, slots=True)
class CellTable:
    """A solved table: cell → items, and what had to be left: shortages by cell, hard rules by name."""

    counts: dict[Cell, int]
    short: dict[Cell, int]
    crowded: dict[str, int]
    importance_short: dict[str, int]


class _Program:
    """Rows and columns of the integer program, written down one rule at a time."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.cost: list[float] = [0.0] * cells
        self.upper: list[float] = [0.0] * cells
        self.integer: list[int] = [1] * cells
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def column(self, cost: float, *, integer: bool = False, upper: float = np.inf) -> int:
        self.cost.append(cost)
        self.upper.append(upper)
        self.integer.append(int(integer))
        return len(self.cost) - 1

    def row(self, terms: dict[int, float], low: float, high: float) -> None:
        self.rows.append((terms, low, high))

    def soft_row(self, terms: dict[int, float], low: float, high: float, cost: float) -> tuple[int, int]:
        """low ≤ terms + under − over ≤ high; returns the columns (under, over)."""
        under, over = self.column(cost), self.column(cost)
        self.row({**terms, under: 1.0, over: -1.0}, low, high)
        return under, over

    def solve(self) -> Floats | None:
        matrix = np.zeros((len(self.rows), len(self.cost)))
        for number, (terms, _, _) in enumerate(self.rows):
            for column, factor in terms.items():
                matrix[number, column] = factor
        from scipy.optimize import Bounds, LinearConstraint, milp  # heavy, and no part of an exam day

        constraints = LinearConstraint(matrix, [row[1] for row in self.rows], [row[2] for row in self.rows])
        found = milp(
            np.array(self.cost),
            constraints=constraints,
            bounds=Bounds(np.zeros(len(self.cost)), np.array(self.upper)),
            integrality=np.array(self.integer),
            options={"time_limit": SOLVER_SECONDS, "mip_rel_gap": 0.05},
        )
        return None if found.x is None else np.asarray(found.x, dtype=np.float64)


def solve_table(
    layout: CellLayout,
    available: dict[Cell, int],
    rng: np.random.Generator,
    *,
    caps: dict[Cell, int] | None = None,
    group_caps: dict[tuple[str, str], int] | None = None,
    fresh: dict[Cell, int] | None = None,
    with_slack: bool = False,
) -> CellTable | None:
    """One table that keeps every hard quota, or None when there is none.

    Args:
        available: items each cell can give to this form.
        caps: tighter limits per cell, so that later forms find something as well.
        group_caps: likewise per (kind, exact range).
        fresh: items per cell that no other form should miss; taking more has a price, so that forms share little.
        with_slack: let cells give more than they hold, at a high price; `CellTable.short` then is the diagnosis.
    """
    blueprint, cells = layout.blueprint, layout.cells
    plan = blueprint.plan
    program = _Program(len(cells))
    program.cost[: len(cells)] = rng.random(len(cells)).tolist()
    short: dict[Cell, int] = {}
    for number, cell in enumerate(cells):
        limit = min(available[cell], caps[cell]) if caps else available[cell]
        program.upper[number] = plan.item_count if with_slack else limit
        if with_slack:
            short[cell] = program.column(SHORT)
            program.row({number: 1.0, short[cell]: -1.0}, -np.inf, limit)
        if fresh is not None:
            program.row({number: 1.0, program.column(REUSED): -1.0}, -np.inf, fresh[cell])

    def over(keep: Callable[[Cell], bool], factor: Callable[[Cell], float] = lambda _: 1.0) -> dict[int, float]:
        return {number: factor(cell) for number, cell in enumerate(cells) if keep(cell)}

    for section in plan.sections:
        program.row(over(lambda cell, kind=section.kind: cell[0] == kind), section.count, section.count)  # type: ignore[misc]
    for quota in blueprint.exact:
        inside = over(lambda cell, path=quota.path: layout.exact_of[cell[1]] == path)  # type: ignore[misc]
        program.row(inside, quota.low, quota.high)
        wanted = float(quota.share * plan.total) / 100
        program.soft_row(
            {n: plan.kind_points[cells[n][0]] / 100 for n in inside}, wanted - 0.5, wanted + 0.5, POINTS_LEFT
        )
        for section in plan.sections:
            group = {n: 1.0 for n in inside if cells[n][0] == section.kind}
            expected = float(quota.share * section.count)
            program.soft_row(group, expected - 1, expected + 1, SPREAD_LEFT)
            if group_caps is not None:
                program.row(group, 0, group_caps[section.kind, quota.path])
    for quota in blueprint.near:
        inside = over(lambda cell, path=quota.path: cell[1] == path or cell[1].startswith(path + "/"))  # type: ignore[misc]
        program.soft_row(inside, quota.low, quota.high, NEAR_LEFT)
    importance_short: dict[str, int] = {}
    for rule in plan.importance:
        low, high = rule.bounds(plan.item_count)
        inside = over(lambda cell, importance=rule.importance: cell[2] == importance)  # type: ignore[misc]
        if rule.hard and not with_slack:
            program.row(inside, low, high)
        else:
            under, _ = program.soft_row(inside, low, high, HARD_LEFT if rule.hard else IMPORTANCE_LEFT)
            if rule.hard:
                importance_short[rule.importance] = under
    crowded = _add_point_room(layout, program, with_slack=with_slack)

    solution = program.solve()
    if solution is None:
        return None

    def taken(columns: dict[Cell, int] | dict[str, int]) -> dict[object, int]:
        return {name: round(float(solution[n])) for name, n in columns.items() if solution[n] > 0.5}

    return CellTable(
        {cell: round(float(solution[n])) for n, cell in enumerate(cells)},
        taken(short),  # type: ignore[arg-type]
        taken(crowded),  # type: ignore[arg-type]
        taken(importance_short),  # type: ignore[arg-type]
    )


def _add_point_room(layout: CellLayout, program: _Program, *, with_slack: bool) -> dict[str, int]:
    """All kinds together take no more from a range's points than their limits; returns the slack columns by range."""
    blueprint = layout.blueprint
    room: Counter[tuple[str, str]] = Counter()
    for point, path in blueprint.deepest_above.items():
        room[path, str(blueprint.importance_of[point])] += blueprint.point_limits[point]
    crowded: dict[str, int] = {}
    for (path, importance), limit in sorted(room.items()):
        terms = {n: 1.0 for n, cell in enumerate(layout.cells) if cell[1:] == (path, importance)}
        if with_slack:
            crowded.setdefault(path, program.column(SHORT))
            terms[crowded[path]] = -1.0
        program.row(terms, -np.inf, limit)
    return crowded
