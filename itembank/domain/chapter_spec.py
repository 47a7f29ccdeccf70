"""A flat spec table from the chapters of a bank that brings no table of its own."""

from __future__ import annotations

from collections.abc import Mapping

from itembank.domain.item import ItemKind
from itembank.domain.spec_table import FULL_WEIGHT, Importance, SpecPoint, SpecRange, SpecTable

#: (items, points each in 1/100) by kind, for the kinds a bank has; full mark 100.
_PLANS: dict[frozenset[ItemKind], tuple[tuple[ItemKind, int, int], ...]] = {
    frozenset({ItemKind.SINGLE, ItemKind.TRUE_FALSE, ItemKind.MULTIPLE}): (
        (ItemKind.SINGLE, 60, 100),
        (ItemKind.TRUE_FALSE, 20, 100),
        (ItemKind.MULTIPLE, 10, 200),
    ),
    frozenset({ItemKind.SINGLE, ItemKind.TRUE_FALSE}): ((ItemKind.SINGLE, 80, 100), (ItemKind.TRUE_FALSE, 20, 100)),
    frozenset({ItemKind.SINGLE, ItemKind.MULTIPLE}): ((ItemKind.SINGLE, 80, 100), (ItemKind.MULTIPLE, 10, 200)),
    frozenset({ItemKind.TRUE_FALSE, ItemKind.MULTIPLE}): ((ItemKind.TRUE_FALSE, 60, 100), (ItemKind.MULTIPLE, 20, 200)),
}
MINUTES = 90


def flat_spec_table(
    name: str,
    occupation_code: str,
    occupation_name: str,
    level: int,
    items_by_chapter: Mapping[str, int],
    kinds: frozenset[ItemKind],
    version: int = 1,
) -> tuple[SpecTable, dict[str, str]]:
    """One range with one point for each chapter, weighted by its number of items; and the point path by chapter.

    Raises:
        ValueError: no chapters.
    """
    if not items_by_chapter:
        raise ValueError("a spec table needs chapters")
    weights = _shares(items_by_chapter)
    digits = max(2, len(str(len(weights))))
    ranges: list[SpecRange] = []
    points: list[SpecPoint] = []
    path_by_chapter: dict[str, str] = {}
    for number, (chapter, weight) in enumerate(weights.items(), start=1):
        path = f"C{number:0{digits}d}"
        ranges.append(SpecRange(path, chapter[:200], weight))
        points.append(SpecPoint(f"{path}/001", chapter[:200], Importance.CORE))
        path_by_chapter[chapter] = f"{path}/001"
    table = SpecTable(
        name, occupation_code, occupation_name, level, tuple(ranges), tuple(points), version, usual_paper_plan(kinds)
    )
    return table, path_by_chapter


def usual_paper_plan(kinds: frozenset[ItemKind]) -> dict[str, object]:
    """The common newer form (domain.md 3), with the sections of missing kinds given to the others."""
    sections = _PLANS.get(kinds) or ((next(iter(kinds), ItemKind.SINGLE), 100, 100),)
    return {
        "minutes": MINUTES,
        "sections": [{"kind": kind.value, "count": count, "points_each": each} for kind, count, each in sections],
    }


def _shares(counts: Mapping[str, int]) -> dict[str, int]:
    """Weights in 1/100 percent that sum to 100 %: floors, then one more for the largest remainders."""
    total = sum(counts.values())
    shares = {chapter: FULL_WEIGHT * count // total for chapter, count in counts.items()}
    by_remainder = sorted(counts, key=lambda chapter: -(FULL_WEIGHT * counts[chapter] % total))
    for chapter in by_remainder[: FULL_WEIGHT - sum(shares.values())]:
        shares[chapter] += 1
    return shares
