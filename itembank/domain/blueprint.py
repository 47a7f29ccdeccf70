"""What every form must contain: a paper plan laid over a spec table, as whole numbers of items.

- Ranges of the second level (of the first where it has no weighted ranges below) get an exact number of items:
  largest-remainder rounding of their weights.
- Weighted ranges below those may differ by at most one item from their exact share.
- A point gives at most `point_limit` items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, floor

from itembank.domain.paper_plan import PaperPlan
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange, ancestors, is_under, parent_path
from server.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class BankItem:
    """What assembly knows of an item: no text, no key. `difficulty` is the expert's step 1 (easy) … 5 (hard).

    `p`: share right of an average candidate as use has shown, drawn toward the step (`measured_difficulty.py`); None: the step alone.
    """

    version_id: str
    item_id: str
    kind: str
    point: str
    difficulty: int
    enemy_group: str | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class RangeQuota:
    """How many items of a form come from one range: `low` ≤ items ≤ `high`; `share` is the exact fraction of the paper."""

    path: str
    name: str
    share: Fraction
    low: int
    high: int


@dataclass(frozen=True)
class Blueprint:
    """A plan over a table. Pure data; the assembler and its reports read it, the checker does not."""

    plan: PaperPlan
    ranges: tuple[SpecRange, ...]
    points: tuple[SpecPoint, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise InvalidInput(
                "SPEC_EMPTY", "细目表没有鉴定点，不能组卷。", "The spec table has no points, nothing can be assembled."
            )

    @cached_property
    def exact(self) -> tuple[RangeQuota, ...]:
        """Ranges whose number of items is exact; together they cover the paper."""
        chosen = exact_ranges(self.ranges)
        if not chosen:
            return (RangeQuota("", "全卷", Fraction(1), self.plan.item_count, self.plan.item_count),)
        total = sum(each.weight for each in chosen)
        counts = largest_remainder(self.plan.item_count, [each.weight for each in chosen])
        return tuple(
            RangeQuota(each.path, each.name, Fraction(each.weight, total), count, count)
            for each, count in zip(chosen, counts, strict=True)
        )

    @cached_property
    def near(self) -> tuple[RangeQuota, ...]:
        """Weighted ranges below the exact ones: within one item of their share."""
        exact = {quota.path: quota for quota in self.exact}
        weight_of = {each.path: each.weight for each in self.ranges}
        found = []
        for each in self.ranges:
            above = next((path for path in ancestors(each.path) if path in exact), None)
            siblings = sum(other.weight for other in self.ranges if parent_path(other.path) == parent_path(each.path))
            if above is None or not weight_of[above] or not siblings:
                continue
            share = exact[above].share * Fraction(each.weight, weight_of[above])
            wanted = share * self.plan.item_count
            found.append(RangeQuota(each.path, each.name, share, max(0, ceil(wanted - 1)), floor(wanted + 1)))
        return tuple(found)

    @cached_property
    def exact_above(self) -> dict[str, str]:
        """Point path → path of its exact range; points outside every weighted range are missing, and never drawn."""
        return {
            point.path: quota.path for point in self.points for quota in self.exact if _is_in(point.path, quota.path)
        }

    @cached_property
    def deepest_above(self) -> dict[str, str]:
        """Point path → path of the deepest range with a quota of its own."""
        found = dict(self.exact_above)
        for quota in sorted(self.near, key=lambda quota: quota.path.count("/")):
            found.update({point: quota.path for point in found if _is_in(point, quota.path)})
        return found

    @cached_property
    def point_limits(self) -> dict[str, int]:
        """Point path → items of that point a form may hold."""
        quotas = [*self.exact, *self.near]
        inside = {quota.path: sum(1 for point in self.points if _is_in(point.path, quota.path)) for quota in quotas}
        return {
            point.path: point_limit(
                self.plan,
                len(self.points),
                [(quota.share, inside[quota.path]) for quota in quotas if _is_in(point.path, quota.path)],
            )
            for point in self.points
        }

    @cached_property
    def importance_of(self) -> dict[str, Importance]:
        """Point path → importance."""
        return {point.path: point.importance for point in self.points}

    def usable(self, items: Iterable[BankItem]) -> list[BankItem]:
        """The items that may stand on a form: of a planned kind and a point of the table; in order of version id."""
        kinds = self.plan.kind_counts
        return sorted(
            (item for item in items if item.kind in kinds and item.point in self.exact_above), key=_by_version
        )


def exact_ranges(ranges: Sequence[SpecRange]) -> list[SpecRange]:
    """Second-level ranges; a first-level range itself where nothing weighted lies below it."""
    chosen: list[SpecRange] = []
    for top in ranges:
        if parent_path(top.path) is not None:
            continue
        below = [each for each in ranges if parent_path(each.path) == top.path]
        chosen.extend(below if sum(each.weight for each in below) else [top])
    return chosen if sum(each.weight for each in chosen) else []


def point_limit(plan: PaperPlan, points: int, around: Sequence[tuple[Fraction, int]]) -> int:
    """Items of one point a form may hold.

    The plan's own number, or automatic: 1 while the paper has at most 0.6 items a point, 2 up to 1.2 and so on; more only where
    a range (`around`: its share of the paper, its number of points) has too few points to be filled evenly otherwise.
    """
    if plan.max_items_per_point:
        return plan.max_items_per_point
    spread = ceil(Fraction(plan.item_count * 10, points * 6))
    return max([spread, *(ceil(share * plan.item_count / inside) for share, inside in around if inside)])


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` whole units by weight: floors first, then one more for the largest remainders (earlier wins a tie)."""
    whole = sum(weights)
    shares = [Fraction(total * weight, whole) for weight in weights]
    counts = [floor(share) for share in shares]
    by_remainder = sorted(range(len(weights)), key=lambda n: (counts[n] - shares[n], n))
    for n in by_remainder[: total - sum(counts)]:
        counts[n] += 1
    return counts


def _is_in(point: str, path: str) -> bool:
    return not path or is_under(point, path)


def _by_version(item: BankItem) -> str:
    return item.version_id
