"""Whether a bank may be used: enough distinct accepted items, every point served, and for how many papers it lasts.

SZ-11 art. 7 asks for at least 1,200 theory items an occupation and level; a public training text for four a point.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from itembank.domain.spec_table import FULL_WEIGHT, SpecTable, is_under

#: Two papers may share this part of their items.
OVERLAP = Fraction(1, 5)
#: Nobody plans further ahead; the search stops here.
PAPERS_LIMIT = 200
KINDS = ("single", "multiple", "true_false")


@dataclass(frozen=True, slots=True)
class StockItem:
    """What readiness knows of an accepted item: no text. Same `fingerprint`, same item."""

    kind: str
    point: str
    fingerprint: str
    enemy_group: str | None = None


@dataclass(frozen=True, slots=True)
class PointStock:
    """Distinct accepted items of one point."""

    point: str
    title: str
    accepted: int
    required: int


@dataclass(frozen=True, slots=True)
class Lack:
    """A reason why the bank is not ready."""

    code: str
    message_zh: str
    message_en: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """The object of `bank readiness --json`. `accepted` counts distinct items: `duplicates` are left out of it."""

    accepted: int
    required: int
    by_type: dict[str, int]
    by_point: list[PointStock]
    duplicates: int
    papers_possible: int
    ready: bool
    lacks: list[Lack]


def judge_readiness(
    items: Iterable[StockItem],
    table: SpecTable | None,
    quotas: Mapping[str, int],
    required: int,
    required_per_point: int,
) -> Readiness:
    """Judge the accepted items of an occupation and level.

    Args:
        table: the spec table papers are assembled by; without one no paper is possible.
        quotas: items by kind on one paper.
    """
    distinct: dict[str, StockItem] = {}
    total = 0
    for item in items:
        total += 1
        distinct.setdefault(item.fingerprint, item)
    stock = list(distinct.values())
    by_point = _by_point(stock, table, required_per_point)
    papers = count_possible_papers(stock, table, quotas) if table is not None else 0
    kinds = Counter(item.kind for item in stock)
    lacks = _lacks(len(stock), required, table, by_point, papers)
    return Readiness(
        accepted=len(stock),
        required=required,
        by_type={kind: kinds.get(kind, 0) for kind in KINDS},
        by_point=by_point,
        duplicates=total - len(stock),
        papers_possible=papers,
        ready=not lacks,
        lacks=lacks,
    )


def _by_point(stock: Sequence[StockItem], table: SpecTable | None, required: int) -> list[PointStock]:
    counts = Counter(item.point for item in stock)
    if table is None:
        return [PointStock(point, "", count, required) for point, count in sorted(counts.items()) if point]
    return [PointStock(point.path, point.name, counts.get(point.path, 0), required) for point in table.points]


def _lacks(
    accepted: int, required: int, table: SpecTable | None, by_point: Sequence[PointStock], papers: int
) -> list[Lack]:
    lacks: list[Lack] = []
    if accepted < required:
        lacks.append(
            Lack("TOO_FEW_ITEMS", f"不重复的已验收试题 {accepted} 道，少于规定的 {required} 道。",
                 f"{accepted} distinct accepted items, {required} are required.")
        )  # fmt: skip
    if table is None:
        lacks.append(Lack("NO_SPEC_TABLE", "没有认定要素细目表。", "There is no spec table."))
    short = [row for row in by_point if row.accepted < row.required]
    if short and table is not None:
        lacks.append(
            Lack("POINTS_SHORT", f"{len(short)} 个鉴定点的试题不足，例如 {short[0].point}。",
                 f"{len(short)} points have too few items, {short[0].point} for one.")
        )  # fmt: skip
    if table is not None and papers < 1:
        lacks.append(Lack("NO_PAPER_POSSIBLE", "按组卷计划还组不出一份试卷。", "Not even one paper can be assembled."))
    return lacks


def count_possible_papers(stock: Iterable[StockItem], table: SpecTable, quotas: Mapping[str, int]) -> int:
    """How many papers, any two sharing at most a fifth of their items: a careful estimate from kind × range.

    n papers that share one common fifth and are disjoint otherwise need 0.2 + 0.8 n papers' worth of items. The kinds
    can supply the ranges when, for every set of kinds, what they owe fits into what the ranges can take from them
    (the minimum cut of that small network).
    """
    supply, groups = _cells(stock, table)
    demand = {each.path: Fraction(each.weight, FULL_WEIGHT) for each in table.leaf_ranges()}
    wanted = {kind: count for kind, count in quotas.items() if count}
    if not wanted or not _can_supply(groups, demand, wanted, Fraction(1)):
        return 0
    low, high = 0, PAPERS_LIMIT
    while low < high:
        middle = (low + high + 1) // 2
        if _can_supply(supply, demand, wanted, OVERLAP + (1 - OVERLAP) * middle):
            low = middle
        else:
            high = middle - 1
    return low


Cells = dict[tuple[str, str], int]


def _cells(stock: Iterable[StockItem], table: SpecTable) -> tuple[Cells, Cells]:
    """Items by (kind, leaf range); and the same counting items that exclude one another once."""
    leaves = [each.path for each in table.leaf_ranges()]
    supply: Cells = defaultdict(int)
    marks: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in stock:
        leaf = next((path for path in leaves if is_under(item.point, path)), None)
        if leaf is not None:
            supply[item.kind, leaf] += 1
            marks[item.kind, leaf].add(item.enemy_group or f"\x00{item.fingerprint}")
    return dict(supply), {cell: len(found) for cell, found in marks.items()}


def _can_supply(cells: Cells, demand: Mapping[str, Fraction], wanted: Mapping[str, int], papers: Fraction) -> bool:
    items = sum(wanted.values())
    for size in range(1, len(wanted) + 1):
        for kinds in combinations(wanted, size):
            owed = papers * sum(wanted[kind] for kind in kinds)
            room = sum(
                (min(papers * share * items, Fraction(sum(cells.get((kind, path), 0) for kind in kinds)))
                 for path, share in demand.items()),
                Fraction(0),
            )  # fmt: skip
            if owed > room:
                return False
    return True
