"""A score list as XLSX. Texts stay texts: no formula, link or number is made of what a person typed (E8, E9)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import xlsxwriter

from scoring.domain.export_columns import SCORE_LIST_COLUMNS

TEXTS_STAY_TEXTS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_score_list(title: str, rows: Iterable[Mapping[str, Any]], made_at: datetime) -> bytes:
    """The file's bytes. Values by column key; points as whole 1/100, everything else as text; a missing key is blank.

    Equal input gives equal bytes: nothing in it comes from this machine or this moment.
    """
    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, {"in_memory": True, **TEXTS_STAY_TEXTS})
    workbook.set_properties({"title": title, "created": made_at.replace(tzinfo=None)})
    sheet = workbook.add_worksheet("成绩")
    heading = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "vcenter"})
    text = workbook.add_format({"num_format": "@"})
    points = workbook.add_format({"num_format": "0.00"})
    for number, column in enumerate(SCORE_LIST_COLUMNS):
        sheet.set_column(number, number, column.width)
        sheet.write_string(0, number, column.header, heading)
    last_row = 0
    for last_row, row in enumerate(rows, start=1):
        for number, column in enumerate(SCORE_LIST_COLUMNS):
            value = row.get(column.key)
            if value is None or value == "":
                continue
            if column.key == "serial":
                sheet.write_number(last_row, number, value)
            elif isinstance(value, int):
                sheet.write_number(last_row, number, value / 100, points)
            else:
                sheet.write_string(last_row, number, value, text)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(last_row, 1), len(SCORE_LIST_COLUMNS) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&C第 &P 页 / 共 &N 页")
    workbook.close()
    return buffer.getvalue()
