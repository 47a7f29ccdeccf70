"""Item templates: data from which items are generated (automatic item generation).

Three families, all written by a manager as TOML (`deploy/docs/item-templates.md`):

* `calculation`: a stem with variables, the key as an expression, a second expression that proves it, and distractors
  that are *named mistakes*: what somebody gets who forgot the √3.
* `facts`: a table of pairs (device, symbol). Asked forwards, backwards, as right or wrong statement, as a choice of
  right statements, or by class membership. `check` states every pair a second time.
* `claims`: right statements about a topic, and wrong ones each with its correction.
* `item`: a single item written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from server.core.errors import InvalidInput

#: Items generated from one template unless it says otherwise: more would be the same item in other clothes.
DEFAULT_COUNTS = {"single": 4, "true_false": 2, "multiple": 2}
CALCULATION_COUNT = 6


@dataclass(frozen=True, slots=True)
class Mistake:
    """A distractor: the wrong way to compute, and its name."""

    expression: str
    name: str


@dataclass(frozen=True, slots=True)
class CalculationTemplate:
    """A family of calculations. `variables`: the values each may take; `decimals`: places shown."""

    id: str
    point: str
    stem: str
    key: str
    proof: str
    mistakes: tuple[Mistake, ...]
    variables: Mapping[str, tuple[Fraction | str, ...]]
    constraints: tuple[str, ...] = ()
    unit: str = ""
    decimals: int = 2
    difficulty: int = 3
    count: int = CALCULATION_COUNT
    #: stem of the true/false form, with {answer}; none when empty
    statement: str = ""
    statement_count: int = 2
    explanation: str = ""
    enemy_group: str = ""


@dataclass(frozen=True, slots=True)
class FactsTemplate:
    """A table of pairs and the questions asked of it; an empty question is not asked."""

    id: str
    point: str
    rows: tuple[tuple[str, str], ...]
    statement: str
    check: tuple[tuple[str, str], ...]
    topic: str = ""
    forward: str = ""
    backward: str = ""
    member: str = ""
    difficulty: int = 2
    counts: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_COUNTS))
    enemy_group: str = ""


@dataclass(frozen=True, slots=True)
class ClaimsTemplate:
    """Right statements, and wrong ones with their corrections."""

    id: str
    point: str
    topic: str
    right: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]
    difficulty: int = 2
    counts: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_COUNTS))
    enemy_group: str = ""


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """One item by hand: right and wrong options, or a statement with its truth."""

    id: str
    point: str
    stem: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    answer: bool | None = None
    is_multiple: bool = False
    explanation: str = ""
    reference: str = ""
    difficulty: int = 2
    enemy_group: str = ""


Template = CalculationTemplate | FactsTemplate | ClaimsTemplate | WrittenItem


def read_templates(document: Mapping[str, Any], origin: str) -> list[Template]:
    """Templates of one parsed TOML file; `origin` (its name) is in the messages and begins the generated ids.

    Raises:
        InvalidInput: `TEMPLATE_INVALID`, naming the file, the template and the field.
    """
    unknown = set(document) - {"calculation", "facts", "claims", "item"}
    if unknown:
        raise _invalid(origin, "", f"不认识的段落 {sorted(unknown)}", f"unknown sections {sorted(unknown)}")
    templates: list[Template] = []
    for family, read in (("calculation", _calculation), ("facts", _facts), ("claims", _claims), ("item", _written)):
        for number, entry in enumerate(document.get(family, ()), start=1):
            template_id = str(entry.get("id") or f"{origin}-{family}-{number:03d}")
            try:
                templates.append(read(template_id, {key: value for key, value in entry.items() if key != "id"}))
            except (KeyError, TypeError, ValueError) as problem:
                raise _invalid(
                    origin, template_id, f"缺少或写错了：{problem}", f"missing or wrong: {problem}"
                ) from problem
    seen: set[str] = set()
    for template in templates:
        if template.id in seen:
            raise _invalid(origin, template.id, "编号重复", "the id repeats")
        seen.add(template.id)
    return templates


def _calculation(template_id: str, entry: dict[str, Any]) -> CalculationTemplate:
    mistakes = tuple(Mistake(expression, name) for expression, name in entry.pop("mistakes"))
    if len(mistakes) < 3:
        raise ValueError("mistakes: at least three")
    return CalculationTemplate(
        id=template_id,
        mistakes=mistakes,
        variables={name: _domain(values) for name, values in entry.pop("variables").items()},
        constraints=tuple(entry.pop("constraints", ())),
        **entry,
    )


def _domain(values: Any) -> tuple[Fraction | str, ...]:
    """A list of choices, or {from, to, step}."""
    if isinstance(values, dict):
        first, last, step = (Fraction(str(values[name])) for name in ("from", "to", "step"))
        if step <= 0 or last < first or (last - first) / step > 10_000:
            raise ValueError(f"range {values}")
        return tuple(first + step * index for index in range(int((last - first) / step) + 1))
    if not values:
        raise ValueError("a variable without values")
    return tuple(value if isinstance(value, str) else Fraction(str(value)) for value in values)


def _facts(template_id: str, entry: dict[str, Any]) -> FactsTemplate:
    rows = tuple((subject, value) for subject, value in entry.pop("rows"))
    if len(rows) < 4:
        raise ValueError("rows: at least four")
    check = tuple(_pair(part) for part in re.split(r"[;；]", entry.pop("check")) if part.strip())
    counts = {**DEFAULT_COUNTS, **entry.pop("counts", {})}
    template = FactsTemplate(id=template_id, rows=rows, check=check, counts=counts, **entry)
    problems = find_check_problems(template)
    if problems:
        raise ValueError("; ".join(problems))
    return template


def _pair(part: str) -> tuple[str, str]:
    value, sign, subject = part.strip().partition("=")
    if not sign:
        raise ValueError(f"check: '{part}' has no =")
    return value.strip(), subject.strip()


def find_check_problems(template: FactsTemplate) -> list[str]:
    """Whether the second statement of the facts (`value = subject`, any telling part of each) says the same.

    Each pair must fit exactly one row by its subject part, and the value part must be in that row; every row needs one.
    """
    problems: list[str] = []
    proven: set[int] = set()
    for value, subject in template.check:
        exact = [index for index, row in enumerate(template.rows) if row[0] == subject]
        fitting = exact or [index for index, row in enumerate(template.rows) if subject in row[0]]
        if len(fitting) != 1:
            problems.append(f"check '{value}={subject}' fits {len(fitting)} rows")
        elif value not in template.rows[fitting[0]][1]:
            problems.append(f"check '{value}={subject}' contradicts '{template.rows[fitting[0]][1]}'")
        else:
            others = [row for index, row in enumerate(template.rows) if index != fitting[0] and value in row[1]]
            own = template.rows[fitting[0]][1]
            if any(row[1] != own and value != own for row in others):
                problems.append(f"check '{value}={subject}' does not tell the rows apart")
            proven.add(fitting[0])
    problems += [f"row '{row[0]}' is not checked" for index, row in enumerate(template.rows) if index not in proven]
    return problems


def _claims(template_id: str, entry: dict[str, Any]) -> ClaimsTemplate:
    wrong = tuple((claim, correction) for claim, correction in entry.pop("wrong"))
    right = tuple(entry.pop("right"))
    if len(right) < 3 or len(wrong) < 3:
        raise ValueError("right and wrong: at least three each")
    counts = {**DEFAULT_COUNTS, **entry.pop("counts", {})}
    return ClaimsTemplate(id=template_id, right=right, wrong=wrong, counts=counts, **entry)


def _written(template_id: str, entry: dict[str, Any]) -> WrittenItem:
    right, wrong = tuple(entry.pop("right", ())), tuple(entry.pop("wrong", ()))
    is_multiple = entry.pop("multiple", len(right) > 1)
    if (entry.get("answer") is None) == (not right):
        raise ValueError("either right and wrong options, or answer = true / false")
    return WrittenItem(id=template_id, right=right, wrong=wrong, is_multiple=is_multiple, **entry)


def _invalid(origin: str, template_id: str, zh: str, en: str) -> InvalidInput:
    return InvalidInput(
        "TEMPLATE_INVALID",
        f"模板文件 {origin} 的模板“{template_id}”：{zh}。请按 item-templates.md 修改。",
        f"Template '{template_id}' in {origin}: {en}.",
        origin=origin,
        template=template_id,
    )
