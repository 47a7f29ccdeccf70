"""A whole assembly in one JSON file: for trials without a database, and for other people's benchmarks.

    {"plan": {…}, "ranges": [{"path": "A/01", "name": "…", "weight": 500}],
     "points": [{"path": "A/01/001", "name": "…", "importance": "X"}],
     "items": [{"id": "i1", "kind": "single", "point": "A/01/001", "difficulty": 3, "enemy_group": null}]}

With `spec` (id or name of a stored table) instead of ranges, points and items, only the plan is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from itembank.domain.blueprint import BankItem, Blueprint
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange
from server.core.errors import InvalidInput

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AssemblyFile:
    """Either `spec` (and perhaps `plan`), or `blueprint` and `items`."""

    spec: str = ""
    plan: PaperPlan | None = None
    blueprint: Blueprint | None = None
    items: tuple[BankItem, ...] = ()


def read_assembly_file(document: Any) -> AssemblyFile:
    """Read a parsed file.

    Raises:
        InvalidInput: `SPEC_FILE_INVALID` with the place; `PAPER_PLAN_INVALID`; `SPEC_EMPTY`.
    """
    if not isinstance(document, Mapping):
        raise _invalid("", "应为 JSON 对象", "a JSON object is expected")
    plan = PaperPlan.from_document(document["plan"]) if "plan" in document else None
    if "spec" in document:
        return AssemblyFile(spec=str(document["spec"]), plan=plan)
    if plan is None:
        raise _invalid("plan", "缺少组卷计划", "the paper plan is missing")
    ranges = _each(
        document, "ranges", lambda row: SpecRange(row["path"], row.get("name", row["path"]), int(row["weight"]))
    )
    points = _each(
        document,
        "points",
        lambda row: SpecPoint(row["path"], row.get("name", row["path"]), Importance(row.get("importance", "X"))),
    )
    items = _each(
        document,
        "items",
        lambda row: BankItem(
            version_id=str(row["id"]),
            item_id=str(row["id"]),
            kind=str(row["kind"]),
            point=str(row["point"]),
            difficulty=int(row.get("difficulty", 3)),
            enemy_group=row.get("enemy_group") or None,
        ),
    )
    return AssemblyFile(plan=plan, blueprint=Blueprint(plan, ranges, points), items=items)


def _each(document: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> tuple[T, ...]:
    rows = document.get(name)
    if not isinstance(rows, list):
        raise _invalid(name, "应为数组", "a list is expected")
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(read(row))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise _invalid(
                f"{name}[{number}]", f"字段缺失或不对（{problem}）", f"a field is missing or wrong ({problem})"
            ) from None
    return tuple(found)


def _invalid(place: str, zh: str, en: str) -> InvalidInput:
    return InvalidInput("SPEC_FILE_INVALID", f"组卷文件 {place}：{zh}。", f"Assembly file, {place}: {en}.", place=place)
