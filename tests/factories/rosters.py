"""Roster files for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook

from tests.factories.scheduling import id_number

HEADER = ("姓名", "证件类型", "证件号码", "单位", "班级")


def roster_rows(people: int, organisations: int = 3) -> list[list[Any]]:
    """A header and so many people with right ID numbers, in several organisations."""
    return [
        list(HEADER),
        *[
            [f"考生{n:04d}", "居民身份证", id_number(n), f"第{n % organisations + 1}机械厂", f"{n % 2 + 1}班"]
            for n in range(people)
        ],
    ]


def as_xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def as_csv(rows: Sequence[Sequence[Any]], encoding: str = "utf-8") -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode(encoding)
