"""Assembling parallel forms from a bank by spec table: seeded, explained, checked.

The way (assembly-and-scoring.md 1.2): cell tables → stratified draw → annealed swaps over all forms → independent
checker. Other seeds follow when a form does not come out clean, then the integer solver, then the report of what is
missing. The same seed on the same bank gives the same forms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from itembank.domain.annealing import Forms, Limits, Pool, anneal
from itembank.domain.blueprint import BankItem, Blueprint
from itembank.domain.cells import Cell, CellLayout, CellTable, solve_table
from itembank.domain.checker import CheckReport, PaperChecker
from itembank.domain.diagnosis import find_shortages, infeasible, overlap_is_possible
from itembank.domain.paper_form import (
    AssembledForm,
    describe_form,
    digest_bank,
    digest_forms,
    digest_measured,
    form_label,
    largest_overlap,
)
from itembank.domain.solver import solve_form
from itembank.domain.targets import Target, common_target
from server.core.errors import InvalidInput

#: Forms and backups together.
MOST_FORMS = 60
ATTEMPTS = 3


@dataclass(frozen=True)
class Assembly:
    """What came out: forms first, backups last."""

    forms: tuple[AssembledForm, ...]
    target: Target
    report: CheckReport
    #: Most items any two forms share.
    max_overlap: int
    #: Largest distance of any form from the target, in points.
    deviation: float
    seed: int
    bank_digest: str
    digest: str
    #: Over the measured difficulties of the bank; "" when only the experts' steps were known.
    statistics_digest: str = ""


def assemble_forms(blueprint: Blueprint, items: Sequence[BankItem], forms: int, backups: int, seed: int) -> Assembly:
    """Make `forms` parallel forms and `backups` backup forms.

    Forms share no item where the bank allows, else at most the plan's `overlap_cap`; backups count as forms in this.

    Raises:
        InvalidInput: `FORM_COUNT` for numbers out of range.
        Conflict: `ASSEMBLY_INFEASIBLE`; `data["lacking"]` names kinds and ranges.
    """
    if forms < 1 or backups < 0 or forms + backups > MOST_FORMS:
        raise InvalidInput(
            "FORM_COUNT", f"试卷份数应为 1–{MOST_FORMS}（含备用卷）。", f"1 to {MOST_FORMS} forms, backups included."
        )
    usable = blueprint.usable(items)
    statistics = digest_measured(usable)
    layout = CellLayout(blueprint, usable)
    number = forms + backups
    checker = PaperChecker(
        blueprint.plan, blueprint.ranges, blueprint.points, {item.version_id: item for item in usable}
    )
    whole_bank = layout.available(lambda _: True)
    first = solve_table(layout, whole_bank, np.random.default_rng([seed, 0]))
    if first is None:
        raise infeasible(find_shortages(layout, whole_bank, 1), number, alone_possible=False)
    if not overlap_is_possible(layout, number):
        raise infeasible(find_shortages(layout, whole_bank, number), number, alone_possible=True)
    pool = Pool(layout)
    best: Assembly | None = None
    for attempt in range(ATTEMPTS + 1):
        # At first the planned difficulty as it is; when that fails, as far as the bank goes: equal forms come first.
        target = _find_target(layout, first, number if attempt else 0)
        rng = np.random.default_rng([seed, 1, attempt])
        chosen = _by_swaps(pool, number, target, rng) if attempt < ATTEMPTS else _by_solver(pool, number, target, rng)
        if chosen is None:
            continue
        made = tuple(
            describe_form(
                blueprint,
                [usable[position] for position in positions],
                form_label(n if n < forms else n - forms, is_backup=n >= forms),
                is_backup=n >= forms,
            )
            for n, positions in enumerate(chosen)
        )
        report = checker.check(made)
        if report.hard:
            continue
        assembly = Assembly(
            forms=made,
            target=target,
            report=report,
            max_overlap=largest_overlap(made),
            deviation=_deviation(made, target),
            seed=seed,
            bank_digest=digest_bank(blueprint, usable),
            digest=digest_forms(made, statistics),
            statistics_digest=statistics,
        )
        if best is None or assembly.deviation < best.deviation:
            best = assembly
        if best.deviation <= blueprint.plan.tolerance / 100 + 1e-6 or attempt >= 1:
            break
    if best is None:
        raise infeasible(find_shortages(layout, whole_bank, number), number, alone_possible=True)
    return best


def _find_target(layout: CellLayout, table: CellTable, number: int) -> Target:
    """An item counts by how many of its group (kind × exact range) a form takes: the mix of a fair draw."""
    exact_of = layout.blueprint.exact_above
    wanted: Counter[tuple[str, str]] = Counter()
    for cell, count in table.counts.items():
        wanted[cell[0], layout.exact_of[cell[1]]] += count
    groups = [(item.kind, exact_of[item.point]) for item in layout.items]
    sizes = Counter(groups)
    return common_target(
        layout.items, layout.blueprint.plan, [wanted[group] / sizes[group] for group in groups], number
    )


def _deviation(forms: Sequence[AssembledForm], target: Target) -> float:
    return max(
        abs(value - wanted)
        for form in forms
        for value, wanted in zip((*form.expected_scores, form.loading_sum), target.values, strict=True)
    )


def _by_swaps(pool: Pool, number: int, target: Target, rng: np.random.Generator) -> list[list[int]] | None:
    layout, plan = pool.layout, pool.layout.blueprint.plan
    drawn = _draw(layout, number, rng, disjoint=True)
    use_limit, shared_limit = 1, 0
    if drawn is None:
        use_limit, shared_limit = number, plan.shared_items_allowed
        drawn = _draw(layout, number, rng, disjoint=False)
    if drawn is None:
        return None
    state = Forms(
        pool,
        [positions for positions, _ in drawn],
        [Limits.of_table(layout, table) for _, table in drawn],
        use_limit,
        shared_limit,
    )
    for form in range(number):
        anneal(state, form, target, plan.tolerance / 100, rng)
    if any(state.broken(form) for form in range(number)):
        for form in range(number):
            anneal(state, form, target, plan.tolerance / 100, rng, rounds=1)
    return [row.tolist() for row in state.chosen]


def _by_solver(pool: Pool, number: int, target: Target, rng: np.random.Generator) -> list[list[int]] | None:
    plan = pool.layout.blueprint.plan
    for shared in dict.fromkeys((0, plan.shared_items_allowed)):
        made: list[list[int]] = []
        for _ in range(number):
            form = solve_form(pool, target, plan.tolerance / 100, rng, made, shared)
            if form is None:
                break
            made.append(form)
        if len(made) == number:
            return made
    return None


def _draw(
    layout: CellLayout, number: int, rng: np.random.Generator, *, disjoint: bool
) -> list[tuple[list[int], CellTable]] | None:
    """Tables and drawn items, form after form; disjoint forms charge the bank's remaining capacity."""
    use: Counter[int] = Counter()
    drawn = []
    for form in range(number):
        free = layout.available(lambda position: not use[position])
        if disjoint:
            table = _fair_table(layout, free, number - form, rng)
        else:
            fresh = {cell: -(-count // (number - form)) for cell, count in free.items()}
            table = solve_table(layout, layout.available(lambda _: True), rng, fresh=fresh)
        if table is None:
            return None
        positions = _draw_items(layout, table, use, rng, disjoint=disjoint)
        use.update(positions)
        drawn.append((positions, table))
    return drawn


def _fair_table(
    layout: CellLayout, available: dict[Cell, int], remaining: int, rng: np.random.Generator
) -> CellTable | None:
    """A table that leaves the forms to come their share: first strictly, then less so."""
    groups: Counter[tuple[str, str]] = Counter()
    for cell, count in available.items():
        groups[cell[0], layout.exact_of[cell[1]]] += count
    if remaining > 1:
        cells = {cell: -(-count // remaining) for cell, count in available.items()}
        for share in (0.93, 1.0):
            caps = {group: int(np.ceil(share * count / remaining)) for group, count in groups.items()}
            full = _with_missing(layout, caps)
            for cell_caps in (cells, None):
                table = solve_table(layout, available, rng, caps=cell_caps, group_caps=full)
                if table is not None:
                    return table
    return solve_table(layout, available, rng)


def _with_missing(layout: CellLayout, caps: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    plan = layout.blueprint.plan
    return {
        (kind, quota.path): caps.get((kind, quota.path), 0)
        for kind in plan.kind_counts
        for quota in layout.blueprint.exact
    }


def _draw_items(
    layout: CellLayout, table: CellTable, use: Counter[int], rng: np.random.Generator, *, disjoint: bool
) -> list[int]:
    """The table's number of items from every cell: least used first, keeping point limits and enemies where it can."""
    limits = layout.blueprint.point_limits
    points: defaultdict[str, int] = defaultdict(int)
    enemies: set[str] = set()
    drawn: list[int] = []
    for cell in layout.cells:
        wanted = table.counts[cell]
        order = [int(position) for position in rng.permutation(layout.members[cell])] if wanted else []
        order = sorted((p for p in order if not (disjoint and use[p])), key=lambda position: use[position])
        good: list[int] = []
        for position in order:
            item = layout.items[position]
            if len(good) == wanted:
                break
            if points[item.point] < limits[item.point] and (
                item.enemy_group is None or item.enemy_group not in enemies
            ):
                good.append(position)
                points[item.point] += 1
                if item.enemy_group:
                    enemies.add(item.enemy_group)
        rest = set(good)
        good += [position for position in order if position not in rest][: wanted - len(good)]
        drawn += good
    return drawn
