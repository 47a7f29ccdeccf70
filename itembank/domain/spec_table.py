"""认定要素细目表: ranges of any depth, points, weights, importance (domain.md 2).

A path is the code of a node: "A", "A/01", "A/01/001". Weights are integers in 1/100 percent of the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

FULL_WEIGHT = 100_00
#: A public training text asks for at least four items a point (domain.md 2, rule 5).
ITEMS_PER_POINT = 4


class Importance(StrEnum):
    """How much a point matters."""

    CORE = "X"  # 核心要素
    GENERAL = "Y"  # 一般要素
    AUXILIARY = "Z"  # 辅助要素


@dataclass(frozen=True, slots=True)
class SpecRange:
    """鉴定范围. `declared_…` are what a printed table claims; None when it claims nothing."""

    path: str
    name: str
    weight: int
    declared_points: int | None = None
    declared_xyz: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class SpecPoint:
    """鉴定点."""

    path: str
    name: str
    importance: Importance


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """A broken rule of the table: code, the node's path, words in two languages."""

    code: str
    path: str
    message_zh: str
    message_en: str


@dataclass(frozen=True)
class SpecTable:
    """One table: ranges and points in the order of the printed table."""

    name: str
    occupation_code: str
    occupation_name: str
    level: int
    ranges: tuple[SpecRange, ...]
    points: tuple[SpecPoint, ...]
    version: int = 1
    paper_plan: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def range_by_path(self) -> dict[str, SpecRange]:
        return {each.path: each for each in self.ranges}

    @cached_property
    def point_by_path(self) -> dict[str, SpecPoint]:
        return {each.path: each for each in self.points}

    def top_ranges(self) -> tuple[SpecRange, ...]:
        """Ranges without a parent."""
        return tuple(each for each in self.ranges if parent_path(each.path) is None)

    def children(self, path: str) -> tuple[SpecRange, ...]:
        """The ranges directly below."""
        return tuple(each for each in self.ranges if parent_path(each.path) == path)

    def leaf_ranges(self) -> tuple[SpecRange, ...]:
        """Ranges that hold points themselves."""
        holders = {parent_path(point.path) for point in self.points}
        return tuple(each for each in self.ranges if each.path in holders)

    def points_under(self, path: str) -> tuple[SpecPoint, ...]:
        """All points below a range, at any depth."""
        return tuple(point for point in self.points if is_under(point.path, path))

    def xyz(self, path: str) -> tuple[int, int, int]:
        """Counted core : general : auxiliary points below a range."""
        kinds = [point.importance for point in self.points_under(path)]
        return kinds.count(Importance.CORE), kinds.count(Importance.GENERAL), kinds.count(Importance.AUXILIARY)

    def depth(self) -> int:
        """Number of range levels."""
        return max((len(each.path.split("/")) for each in self.ranges), default=0)


def parent_path(path: str) -> str | None:
    """The path above, None at the top."""
    head, slash, _ = path.rpartition("/")
    return head if slash else None


def ancestors(path: str) -> Iterator[str]:
    """Every path above, nearest first."""
    above = parent_path(path)
    while above is not None:
        yield above
        above = parent_path(above)


def is_under(path: str, above: str) -> bool:
    """Whether `path` lies below `above` (not the node itself)."""
    return path.startswith(above + "/")


def find_problems(table: SpecTable) -> list[SpecProblem]:
    """Rules (1)–(4) of domain.md 2, and that every node hangs in the tree. Empty: the table is sound."""
    return [*_tree_problems(table), *_weight_problems(table), *_declared_problems(table)]


def find_supply_problems(
    table: SpecTable, items_by_point: Mapping[str, int], required_per_point: int = ITEMS_PER_POINT
) -> list[SpecProblem]:
    """Rule (5): every point has enough items."""
    return [
        SpecProblem(
            "POINT_SHORT_OF_ITEMS",
            point.path,
            f"鉴定点 {point.path}（{point.name}）只有 {items_by_point.get(point.path, 0)} 道题，至少需要 {required_per_point} 道。",
            f"Point {point.path} has {items_by_point.get(point.path, 0)} items, {required_per_point} are required.",
        )
        for point in table.points
        if items_by_point.get(point.path, 0) < required_per_point
    ]


def find_capacity_problems(
    table: SpecTable, items_by_point: Mapping[str, int], demanded_by_range: Mapping[str, int]
) -> list[SpecProblem]:
    """Rule (6): a paper cannot take more items from a range than the bank holds there."""
    found: list[SpecProblem] = []
    for path, demanded in demanded_by_range.items():
        held = sum(items_by_point.get(point.path, 0) for point in table.points_under(path))
        if demanded > held:
            found.append(
                SpecProblem(
                    "RANGE_SHORT_OF_ITEMS",
                    path,
                    f"范围 {path} 需要抽取 {demanded} 道题，题库中只有 {held} 道。",
                    f"Range {path} is to give {demanded} items, the bank holds {held}.",
                )
            )
    return found


def _tree_problems(table: SpecTable) -> list[SpecProblem]:
    found: list[SpecProblem] = []
    if not table.ranges or not table.points:
        found.append(SpecProblem("SPEC_EMPTY", "", "细目表没有范围或鉴定点。", "The table has no ranges or no points."))
    seen: set[str] = set()
    for path in (*(each.path for each in table.ranges), *(each.path for each in table.points)):
        if path in seen:
            found.append(SpecProblem("CODE_REPEATED", path, f"代码 {path} 重复。", f"Code {path} repeats."))
        seen.add(path)
        if not all(path.split("/")):
            found.append(SpecProblem("CODE_MALFORMED", path, f"代码“{path}”不完整。", f"Code '{path}' is incomplete."))
    for each in table.ranges:
        above = parent_path(each.path)
        if above is not None and above not in table.range_by_path:
            found.append(_orphan(each.path))
    for point in table.points:
        if parent_path(point.path) not in table.range_by_path:
            found.append(_orphan(point.path))
        if any(is_under(other, point.path) for other in seen):
            found.append(
                SpecProblem("POINT_HAS_CHILDREN", point.path, f"鉴定点 {point.path} 之下不能再有代码。",
                            f"Point {point.path} cannot have nodes below it.")
            )  # fmt: skip
    found.extend(
        SpecProblem(
            "RANGE_WITHOUT_POINTS", each.path, f"范围 {each.path} 没有鉴定点。", f"Range {each.path} holds no point."
        )
        for each in table.ranges
        if not table.points_under(each.path)
    )
    return found


def _orphan(path: str) -> SpecProblem:
    return SpecProblem("PARENT_MISSING", path, f"{path} 的上级范围不存在。", f"The range above {path} is missing.")


def _weight_problems(table: SpecTable) -> list[SpecProblem]:
    found: list[SpecProblem] = []
    top = sum(each.weight for each in table.top_ranges())
    if table.ranges and top != FULL_WEIGHT:
        found.append(
            SpecProblem("WEIGHTS_NOT_100", "", f"一级范围权重之和为 {percent(top)}%，应为 100%。",
                        f"Top ranges weigh {percent(top)} %, not 100 %.")
        )  # fmt: skip
    for each in table.ranges:
        below = table.children(each.path)
        total = sum(child.weight for child in below)
        if below and total != each.weight:
            found.append(
                SpecProblem(
                    "WEIGHTS_DO_NOT_ADD_UP",
                    each.path,
                    f"{each.path} 的下级权重之和为 {percent(total)}%，与本级 {percent(each.weight)}% 不符。",
                    f"Ranges below {each.path} weigh {percent(total)} %, the range itself {percent(each.weight)} %.",
                )
            )
        if each.weight < 0:
            found.append(
                SpecProblem(
                    "WEIGHT_NEGATIVE", each.path, f"{each.path} 的权重为负。", f"{each.path} has a negative weight."
                )
            )
    return found


def _declared_problems(table: SpecTable) -> list[SpecProblem]:
    found: list[SpecProblem] = []
    for each in table.ranges:
        counted = len(table.points_under(each.path))
        if each.declared_points is not None and each.declared_points != counted:
            found.append(
                SpecProblem("POINT_COUNT_DIFFERS", each.path, f"{each.path} 声明 {each.declared_points} 个鉴定点，实有 {counted} 个。",
                            f"{each.path} declares {each.declared_points} points, {counted} are there.")
            )  # fmt: skip
        xyz = table.xyz(each.path)
        if each.declared_xyz is not None and each.declared_xyz != xyz:
            declared, there = (":".join(map(str, counts)) for counts in (each.declared_xyz, xyz))
            found.append(
                SpecProblem("XYZ_DIFFERS", each.path, f"{each.path} 声明 X:Y:Z 为 {declared}，实为 {there}。",
                            f"{each.path} declares X:Y:Z {declared}, counted {there}.")
            )  # fmt: skip
    return found


def percent(weight: int) -> str:
    """A weight in 1/100 percent as people write it: 2500 → "25", 350 → "3.5"."""
    whole, rest = divmod(weight, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
