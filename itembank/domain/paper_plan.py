"""The plan of a paper 组卷计划: sections, points, minutes, and the limits every form must keep.

Stored as a plain document in `SpecTable.paper_plan` and, frozen, in `Paper.plan`:

    {"title": "电工四级理论知识试卷", "minutes": 90, "total": 10000,
     "sections": [{"kind": "single", "count": 60, "points_each": 100},
                  {"kind": "true_false", "count": 20, "points_each": 100},
                  {"kind": "multiple", "count": 10, "points_each": 200}]}

Points are integers in 1/100 point, shares integers in 1/100 percent (6000 = 60 %). Everything but `sections`
and `minutes` has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from server.core.errors import InvalidInput

#: Kinds a section may hold, with the words the candidate reads.
SECTION_WORDS: dict[str, tuple[str, str]] = {
    "single": ("单项选择题", "每题只有一个正确选项。"),
    "multiple": ("多项选择题", "每题有两个或两个以上正确选项，多选、少选、错选均不得分。"),
    "true_false": ("判断题", "判断正误，正确的选“正确”，错误的选“错误”。"),
}
ORDINALS = "一二三四五六七八九十"
WHOLE = 10_000


def _invalid(field: str, zh: str, en: str, **data: Any) -> InvalidInput:
    return InvalidInput(
        "PAPER_PLAN_INVALID", f"组卷计划的“{field}”不对：{zh}", f"Paper plan, '{field}': {en}", field=field, **data
    )


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a paper: `count` items of one kind, `points_each` in 1/100 point."""

    kind: str
    count: int
    points_each: int
    title: str = ""
    instruction: str = ""

    @property
    def points(self) -> int:
        """Points of the whole section in 1/100."""
        return self.count * self.points_each

    @classmethod
    def from_document(cls, document: Any, number: int) -> Section:
        """Read one section; `number` counts from 1 and is named in refusals.

        Raises:
            InvalidInput: `PAPER_PLAN_INVALID` with the field.
        """
        where = f"sections[{number}]"
        values = _known_fields(cls, document, where)
        kind = values.get("kind")
        if kind not in SECTION_WORDS:
            raise _invalid(
                f"{where}.kind",
                f"不支持题型 {kind!r}，可用：{'、'.join(SECTION_WORDS)}。",
                f"kind {kind!r} is not supported; use {', '.join(SECTION_WORDS)}.",
            )
        for name in ("count", "points_each"):
            _whole_number(values.get(name), f"{where}.{name}", at_least=1)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class ImportanceRule:
    """A share of items by importance (X core, Y general, Z auxiliary), in 1/100 percent of the items of a form."""

    importance: str
    at_least: int = 0
    at_most: int = WHOLE
    #: A hard rule makes assembly fail; a soft one is kept as well as the bank allows and reported.
    hard: bool = False

    def bounds(self, items: int) -> tuple[int, int]:
        """Smallest and largest number of items of this importance among `items`."""
        return -(-self.at_least * items // WHOLE), self.at_most * items // WHOLE

    @classmethod
    def from_document(cls, document: Any, number: int) -> ImportanceRule:
        """Read one rule.

        Raises:
            InvalidInput: `PAPER_PLAN_INVALID` with the field.
        """
        where = f"importance[{number}]"
        values = _known_fields(cls, document, where)
        if values.get("importance") not in {"X", "Y", "Z"}:
            raise _invalid(f"{where}.importance", "只能是 X、Y 或 Z。", "must be X, Y or Z.")
        rule = cls(**values)
        for name, share in (("at_least", rule.at_least), ("at_most", rule.at_most)):
            _whole_number(share, f"{where}.{name}", at_least=0, at_most=WHOLE)
        if rule.at_least > rule.at_most:
            raise _invalid(where, "下限大于上限。", "the lower bound is above the upper bound.")
        return rule


#: Common shares of public assembly guides: X ≥ 60 %, Y ≥ 8 %, Z ≤ 10 % of the items; soft unless a plan says otherwise.
USUAL_IMPORTANCE = (
    ImportanceRule("X", at_least=6000),
    ImportanceRule("Y", at_least=800),
    ImportanceRule("Z", at_most=1000),
)


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """What a paper consists of and which limits all its forms keep."""

    sections: tuple[Section, ...]
    minutes: int
    #: Full mark in 1/100 point; must equal the sum of the sections.
    total: int
    title: str = ""
    #: How far the expected score of a form may lie from the common target at each ability, in 1/100 point.
    tolerance: int = 5
    #: 0: automatic (`itembank.domain.blueprint.point_limit`).
    max_items_per_point: int = 0
    importance: tuple[ImportanceRule, ...] = USUAL_IMPORTANCE
    #: Largest share of items two forms may have in common when the bank is too small for disjoint forms, 1/100 percent.
    overlap_cap: int = 2000
    #: Wanted expected share of points for an average candidate (6500 = p 0.65), 1/100 percent; None: the bank's own mean.
    target_share: int | None = None

    @property
    def item_count(self) -> int:
        """Items on one form."""
        return sum(section.count for section in self.sections)

    @property
    def kind_counts(self) -> dict[str, int]:
        """Items by kind on one form."""
        return {section.kind: section.count for section in self.sections}

    @property
    def kind_points(self) -> dict[str, int]:
        """Points of one item by kind, 1/100."""
        return {section.kind: section.points_each for section in self.sections}

    @property
    def shared_items_allowed(self) -> int:
        """Items two forms may have in common at most."""
        return self.overlap_cap * self.item_count // WHOLE

    def section_words(self, number: int) -> tuple[str, str]:
        """Title and instruction of section `number` (from 0), the plan's own or the usual ones."""
        section = self.sections[number]
        words, instruction = SECTION_WORDS[section.kind]
        return section.title or f"{ORDINALS[number]}、{words}", section.instruction or instruction

    def to_document(self) -> dict[str, Any]:
        """Plain JSON form; `from_document` reads it back to an equal plan."""
        return {
            "title": self.title,
            "sections": [_as_dict(section) for section in self.sections],
            "minutes": self.minutes,
            "total": self.total,
            "tolerance": self.tolerance,
            "max_items_per_point": self.max_items_per_point,
            "importance": [_as_dict(rule) for rule in self.importance],
            "overlap_cap": self.overlap_cap,
            "target_share": self.target_share,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> PaperPlan:
        """Read and check a plan.

        Raises:
            InvalidInput: `PAPER_PLAN_INVALID`, `data["field"]` says where.
        """
        values = _known_fields(cls, document, "plan")
        raw_sections = values.get("sections")
        if not isinstance(raw_sections, list | tuple) or not 1 <= len(raw_sections) <= len(ORDINALS):
            raise _invalid("sections", "至少要有一个大题，至多十个。", "one to ten sections are needed.")
        sections = tuple(Section.from_document(raw, number) for number, raw in enumerate(raw_sections, 1))
        if len({section.kind for section in sections}) < len(sections):
            raise _invalid("sections", "同一题型只能有一个大题。", "one section for each kind.")
        points = sum(section.points for section in sections)
        if values.setdefault("total", points) != points:
            raise _invalid(
                "total",
                f"总分 {values['total']} 与各大题之和 {points} 不一致（单位：百分之一分）。",
                f"the total {values['total']} differs from the sum of the sections {points} (1/100 point).",
            )
        if "importance" in values:
            values["importance"] = tuple(
                ImportanceRule.from_document(raw, n) for n, raw in enumerate(values["importance"], 1)
            )
        plan = cls(
            **{**values, "sections": sections, "minutes": _whole_number(values.get("minutes"), "minutes", at_least=1)}
        )
        _whole_number(plan.tolerance, "tolerance", at_least=1)
        _whole_number(plan.max_items_per_point, "max_items_per_point", at_least=0)
        _whole_number(plan.overlap_cap, "overlap_cap", at_least=0, at_most=WHOLE)
        if plan.target_share is not None:
            _whole_number(plan.target_share, "target_share", at_least=1, at_most=WHOLE - 1)
        return plan


def _as_dict(part: Section | ImportanceRule) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _known_fields(cls: type[Any], document: Any, where: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise _invalid(where, "应为对象。", "an object is expected.")
    unknown = sorted(set(document) - {field.name for field in fields(cls)})
    if unknown:
        raise _invalid(
            where, f"不认识的字段：{'、'.join(map(str, unknown))}。", f"unknown fields: {', '.join(map(str, unknown))}."
        )
    return dict(document)


def _whole_number(value: Any, field: str, *, at_least: int, at_most: int | None = None) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < at_least
        or (at_most is not None and value > at_most)
    ):
        limits = f"{at_least}–{at_most}" if at_most is not None else f"≥ {at_least}"
        raise _invalid(
            field, f"应为整数（{limits}），现为 {value!r}。", f"a whole number ({limits}) is expected, not {value!r}."
        )
    return value
