"""Why an assembly is impossible: which ranges and kinds lack how many items, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from itembank.domain.blueprint import BankItem
from itembank.domain.cells import Cell, CellLayout, solve_table
from server.core.errors import Conflict

#: Shortages named in the message; all of them are in the data.
NAMED = 6


@dataclass(frozen=True, slots=True)
class Shortage:
    """`lacking` more items would be needed; `kind` "" and `importance` "" mean any."""

    kind: str
    range: str
    range_name: str
    importance: str
    lacking: int

    def as_dict(self) -> dict[str, Any]:
        """Wire form."""
        return {
            "kind": self.kind,
            "range": self.range,
            "range_name": self.range_name,
            "importance": self.importance,
            "lacking": self.lacking,
        }

    def words(self) -> tuple[str, str]:
        """The shortage in Chinese and English."""
        zh = "".join([f"范围 {self.range} {self.range_name} " if self.range else "",
                      f"{self.importance} 类要素 " if self.importance else "",
                      f"题型 {self.kind} " if self.kind else "", f"缺 {self.lacking} 题"])  # fmt: skip
        en = " ".join(filter(None, [f"range {self.range}" if self.range else "",
                                    f"importance {self.importance}" if self.importance else "",
                                    f"kind {self.kind}" if self.kind else "", f"lacks {self.lacking} items"]))  # fmt: skip
        return zh, en


def find_shortages(layout: CellLayout, available: dict[Cell, int], forms: int) -> list[Shortage]:
    """What is missing for `forms` forms without shared items; empty when the cells are not what fails."""
    share = {cell: count // forms for cell, count in available.items()}
    table = solve_table(layout, share, np.random.default_rng(0), with_slack=True)
    if table is None:
        return []
    names = {each.path: each.name for each in layout.blueprint.ranges}
    lacking: Counter[tuple[str, str]] = Counter()
    for (kind, path, _), count in table.short.items():
        lacking[kind, path] += count * forms
    found = [
        Shortage(kind, path, names.get(path, "全卷"), "", count) for (kind, path), count in sorted(lacking.items())
    ]
    found += [Shortage("", path, names.get(path, "全卷"), "", count) for path, count in sorted(table.crowded.items())]
    found += [Shortage("", "", "", name, count) for name, count in sorted(table.importance_short.items())]
    return found


def overlap_is_possible(layout: CellLayout, forms: int) -> bool:
    """Whether arithmetic allows `forms` forms within the overlap cap.

    Whoever takes forms × q items from N spreads them at best evenly; the pairs of forms that meet in an item then add up to
    a least number, counted once by exact ranges and once by kinds.
    """
    blueprint = layout.blueprint
    allowed = blueprint.plan.shared_items_allowed * forms * (forms - 1) // 2

    def least(wanted: dict[str, int], place: Callable[[BankItem], str]) -> int:
        held = Counter(place(item) for item in layout.items)
        total = 0
        for name, count in wanted.items():
            whole, rest = divmod(count * forms, held[name] or 1)
            total += held[name] * (whole * (whole - 1) // 2) + rest * whole
        return total

    by_range = least({q.path: q.low for q in blueprint.exact}, lambda item: blueprint.exact_above[item.point])
    return max(by_range, least(blueprint.plan.kind_counts, lambda item: item.kind)) <= allowed


def infeasible(shortages: list[Shortage], forms: int, *, alone_possible: bool) -> Conflict:
    """The refusal `ASSEMBLY_INFEASIBLE`; `data["lacking"]` lists what is missing."""
    words = [shortage.words() for shortage in shortages]
    shown, more = words[:NAMED], len(words) - NAMED
    zh = "；".join(zh for zh, _ in shown) or "互斥题、鉴定点上限与题量要求互相冲突"
    en = "; ".join(en for _, en in shown) or "enemies, point limits and quotas contradict each other"
    if more > 0:
        zh, en = f"{zh}；另有 {more} 处", f"{en}; and {more} more"
    if alone_possible:
        return Conflict(
            "ASSEMBLY_INFEASIBLE",
            f"题库不够组成 {forms} 份相互重复不超过上限的试卷。要做到互不重复：{zh}。请补充试题，或减少份数。",
            f"The bank cannot make {forms} forms within the overlap cap. For forms that share nothing: {en}. Add items or ask for fewer forms.",
            lacking=[shortage.as_dict() for shortage in shortages],
            forms=forms,
        )
    return Conflict(
        "ASSEMBLY_INFEASIBLE",
        f"按细目表无法组卷：{zh}。请补充试题或调整组卷计划。",
        f"No form can meet the spec table: {en}. Add items or change the plan.",
        lacking=[shortage.as_dict() for shortage in shortages],
        forms=forms,
    )
