"""Spec tables and item templates as TOML files, and the demonstration bank that ships with the product."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from itembank.domain.generated_item import GeneratedItem
from itembank.domain.item_generation import generate_items
from itembank.domain.item_template import Template, read_templates
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange, SpecTable
from itembank.importers.limits import check_text_file
from server.core.errors import InvalidInput

DEMO_BANK = Path(__file__).parent.parent / "demo_bank"


def read_template_file(path: Path) -> list[Template]:
    """Templates of one file.

    Raises:
        InvalidInput: `FILE_NOT_TOML`, `TEMPLATE_INVALID`, or a limit of `limits.py`.
    """
    return read_templates(_read_toml(path), path.stem)


def read_spec_file(path: Path) -> SpecTable:
    """A spec table from TOML: `[[range]]` rows with percent weights, points as `[importance, name]` numbered from 001.

    Raises:
        InvalidInput: `FILE_NOT_TOML`, `SPEC_FILE_INVALID`.
    """
    document = _read_toml(path)
    try:
        ranges: list[SpecRange] = []
        points: list[SpecPoint] = []
        for row in document["range"]:
            declared = row.get("xyz")
            ranges.append(
                SpecRange(
                    path=row["path"],
                    name=row["name"],
                    weight=_hundredths(row["weight"]),
                    declared_points=row.get("point_count"),
                    declared_xyz=None if declared is None else (declared[0], declared[1], declared[2]),
                )
            )
            points.extend(
                SpecPoint(f"{row['path']}/{number:03d}", name, Importance(importance))
                for number, (importance, name) in enumerate(row.get("points", ()), start=1)
            )
        return SpecTable(
            name=document["name"],
            occupation_code=document["occupation_code"],
            occupation_name=document["occupation_name"],
            level=document["level"],
            version=document.get("version", 1),
            ranges=tuple(ranges),
            points=tuple(points),
            paper_plan=document.get("paper_plan", {}),
        )
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise InvalidInput(
            "SPEC_FILE_INVALID", f"细目表文件 {path.name} 缺少或写错了：{problem}。", f"{path.name}: missing or wrong: {problem}.",
            file=path.name,
        ) from problem  # fmt: skip


@cache
def demo_spec_table() -> SpecTable:
    """The demonstration spec table: 电工, level 4."""
    return read_spec_file(DEMO_BANK / "spec_table.toml")


@cache
def demo_templates() -> tuple[Template, ...]:
    """All templates of the demonstration bank, by file name, then in the order of the file."""
    files = sorted((DEMO_BANK / "templates").glob("*.toml"))
    return tuple(template for path in files for template in read_template_file(path))


@cache
def demo_items() -> tuple[GeneratedItem, ...]:
    """All items of the demonstration bank."""
    return tuple(generate_items(demo_templates()))


def _hundredths(weight: Any) -> int:
    exact = Decimal(str(weight)) * 100
    if exact != exact.to_integral_value():
        raise ValueError(f"weight {weight}: at most two decimals")
    return int(exact)


def _read_toml(path: Path) -> dict[str, Any]:
    check_text_file(path)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise InvalidInput(
            "FILE_NOT_TOML", f"{path.name} 不是有效的 TOML 文件：{problem}。", f"{path.name} is not valid TOML: {problem}.",
            file=path.name,
        ) from problem  # fmt: skip
