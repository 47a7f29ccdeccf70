"""Plain CSV files into what the analyses take: responses, keys, earlier calibrations.

Header row; an optional first column `person`; with a key only the columns it names are items, without one every column is an
item scored in marks; an empty cell is no answer. UTF-8 (with or without mark) or GB18030; comma, tab or semicolon.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scoring.domain.statistics.answer_text import fold, read_number
from scoring.domain.statistics.linking import Parameters
from scoring.domain.statistics.response_matrix import ResponseMatrix, matrix_of_answers, refuse_repeated
from server.core.errors import InvalidInput

PERSON = ("PERSON", "PERSON_ID", "CANDIDATE", "ID", "准考证号", "考号", "考生", "考生编号", "学号")
ALIASES = {
    "item": ("ITEM", "题号", "试题", "题目编号"),
    "key": ("KEY", "ANSWER", "答案", "标准答案"),
    "marks": ("MARKS", "MARK", "POINTS", "分值"),
    "type": ("TYPE", "KIND", "题型"),
    "options": ("OPTIONS", "OPTION_COUNT", "选项数"),
    "room": ("ROOM", "考场"),
    "row": ("ROW", "行", "排"),
    "column": ("COLUMN", "COL", "列"),
    "seat": ("SEAT", "座位", "座位号"),
    "class": ("CLASS", "班级"),
    "machine": ("MACHINE", "IP", "机器", "考试机"),
    "theta": ("THETA", "ABILITY", "能力"),
    "a": ("A",),
    "b": ("B",),
    "c": ("C",),
}
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Sheet:
    """A file's header and rows, all of one length; cells without blanks around."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def find(self, field: str) -> int | None:
        """The column of a known field by its names, or None."""
        folded = [fold(each) for each in self.header]
        return next((folded.index(name) for name in ALIASES[field] if name in folded), None)

    def need(self, field: str) -> int:
        """The same, refusing when it is not there."""
        place = self.find(field)
        if place is None:
            raise InvalidInput(
                "COLUMN_MISSING",
                f"{self.name} 中没有“{ALIASES[field][0].lower()}”列；有：{'、'.join(self.header[:20])}。",
                f"{self.name} has no column '{ALIASES[field][0].lower()}'; there are: {', '.join(self.header[:20])}.",
                file=self.name,
                column=field,
            )
        return place

    def column(self, name: str) -> int:
        """A column by the name somebody gave."""
        if name not in self.header:
            raise InvalidInput(
                "COLUMN_MISSING",
                f"{self.name} 中没有“{name}”列；有：{'、'.join(self.header[:20])}。",
                f"{self.name} has no column '{name}'; there are: {', '.join(self.header[:20])}.",
                file=self.name,
                column=name,
            )
        return self.header.index(name)


@dataclass(frozen=True, eq=False)
class Responses:
    """The matrix, and other columns somebody asked for by name (N texts each)."""

    matrix: ResponseMatrix
    columns: dict[str, list[str]]
    notices: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """Raises InvalidInput: `FILE_NOT_FOUND`, `FILE_ENCODING`, `FILE_EMPTY`, `ROW_LENGTH_WRONG`, `HEADER_REPEATED`."""
    if not path.is_file():
        raise InvalidInput("FILE_NOT_FOUND", f"找不到文件 {path}。", f"There is no file {path}.", file=str(path))
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            raise InvalidInput(
                "FILE_ENCODING",
                f"{path.name} 既不是 UTF-8 也不是 GB18030 编码的文本；请另存为 CSV UTF-8。",
                f"{path.name} is neither UTF-8 nor GB18030 text; save it as CSV UTF-8.",
                file=path.name,
            ) from None
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    lines = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), start=1)
    ]
    lines = [(number, row) for number, row in lines if any(row)]
    if len(lines) < 2:
        raise InvalidInput("FILE_EMPTY", f"{path.name} 没有数据行。", f"{path.name} holds no rows.", file=path.name)
    header = lines[0][1]
    while header and not header[-1]:
        header.pop()
    rows = []
    for number, row in lines[1:]:
        if len(row) < len(header) or any(row[len(header) :]):
            raise InvalidInput(
                "ROW_LENGTH_WRONG",
                f"{path.name} 第 {number} 行有 {len(row)} 格，表头有 {len(header)} 格。",
                f"{path.name} line {number} has {len(row)} cells, the header {len(header)}.",
                file=path.name,
                row=number,
            )
        rows.append(tuple(row[: len(header)]))
    refuse_repeated(header, "HEADER_REPEATED", f"{path.name} 表头", f"header cell in {path.name}")
    return Sheet(path.name, tuple(header), tuple(rows))


def read_responses(
    path: Path, key_path: Path | None = None, person: str | None = None, others: Sequence[str] = (), spare: float = 0.0
) -> Responses:
    """The response file, with its key if there is one.

    Args:
        person: name of the person column; default: a first column named `person`, or one without a name.
        others: columns that are no items but wanted (group, centre …).
        spare: share of the key's items that may be missing among the columns; they are left aside with a notice.
    """
    sheet = read_sheet(path)
    place = person_column(sheet, person)
    persons = [row[place] for row in sheet.rows] if place is not None else _numbers(len(sheet.rows))
    columns = {name: [row[sheet.column(name)] for row in sheet.rows] for name in others}
    notices: list[str] = []
    if key_path is None:
        items = [name for at, name in enumerate(sheet.header) if at != place and name not in columns]
        keys: list[str] = [""] * len(items)
        marks, kinds, counts = _marks_of_scores(sheet, items), None, None
    else:
        items, keys, marks, kinds, counts = _read_key(read_sheet(key_path), sheet, place, spare, notices)
        unused = [name for at, name in enumerate(sheet.header) if at != place and name not in {*items, *columns}]
        if unused:
            notices.append(
                f"{len(unused)} 列不在答案文件中，未作为试题：{'、'.join(unused[:NAMED_AT_MOST])}。"
                f" {len(unused)} columns are not in the key and no items: {', '.join(unused[:NAMED_AT_MOST])}."
            )
    places = [sheet.header.index(item) for item in items]
    cells = np.array([[row[at] for at in places] for row in sheet.rows], dtype=str).reshape(len(sheet.rows), len(items))
    matrix = matrix_of_answers(persons, items, cells, keys, marks, counts, kinds)
    return Responses(matrix, columns, tuple(notices))


def _numbers(count: int) -> list[str]:
    return [str(row + 1) for row in range(count)]


def person_column(sheet: Sheet, person: str | None) -> int | None:
    """The column somebody named, or a first column called `person` or nothing; None when rows are only numbered."""
    if person is not None:
        return sheet.column(person)
    return 0 if fold(sheet.header[0]) in {*PERSON, ""} else None


def _marks_of_scores(sheet: Sheet, items: Sequence[str]) -> list[float]:
    """Full mark of each scored column: 1, or the highest mark obtained where somebody got more."""
    marks = []
    for item in items:
        place = sheet.header.index(item)
        values = [read_number(text) for text in {row[place] for row in sheet.rows}]
        marks.append(max([1.0, *(value for value in values if value is not None)]))
    return marks


def _read_key(
    key: Sheet, sheet: Sheet, person: int | None, spare: float, notices: list[str]
) -> tuple[list[str], list[str], list[float], list[str], list[int | None]]:
    item_at, key_at = key.need("item"), key.need("key")
    marks_at, kind_at, options_at = key.find("marks"), key.find("type"), key.find("options")
    items = [row[item_at] for row in key.rows]
    refuse_repeated(items, "ITEM_REPEATED", "答案文件中的试题", "item in the key")
    available = {name for at, name in enumerate(sheet.header) if at != person}
    unknown = [item for item in items if item not in available]
    if len(unknown) > spare * len(items):
        raise InvalidInput(
            "KEY_ITEM_UNKNOWN",
            f"答案文件有 {len(items)} 题，其中 {len(unknown)} 题在作答文件中没有对应的列：{'、'.join(unknown[:NAMED_AT_MOST])}。"
            "请核对答案与作答是否同一份卷。",
            f"The key has {len(items)} items, {len(unknown)} of them are no columns of the responses:"
            f" {', '.join(unknown[:NAMED_AT_MOST])}. Is it the key of this paper?",
            unknown=unknown[:NAMED_AT_MOST],
            key_items=len(items),
            count=len(unknown),
        )
    if unknown:
        notices.append(
            f"答案文件中的 {'、'.join(unknown)} 没有作答列，已略去。 Left aside, no such column: {', '.join(unknown)}."
        )
        key = replace(key, rows=tuple(row for row in key.rows if row[item_at] in available))
        items = [row[item_at] for row in key.rows]
    empty = [row[item_at] for row in key.rows if not row[key_at]]
    if empty and marks_at is None:
        raise InvalidInput(
            "KEY_EMPTY",
            f"试题 {'、'.join(empty[:NAMED_AT_MOST])} 没有答案。按得分分析的试题须在 marks 列写明分值。",
            f"Items {', '.join(empty[:NAMED_AT_MOST])} have no key. Items that hold marks need a `marks` column.",
            items=empty[:NAMED_AT_MOST],
        )
    marks = [number_in(key, row[item_at], row[marks_at], "marks") for row in key.rows] if marks_at is not None else []
    counts = [
        None
        if options_at is None or not row[options_at]
        else int(number_in(key, row[item_at], row[options_at], "options"))
        for row in key.rows
    ]
    kinds = [row[kind_at] if kind_at is not None else "" for row in key.rows]
    return items, [row[key_at] for row in key.rows], marks or [1.0] * len(items), kinds, counts


def number_in(sheet: Sheet, whose: str, text: str, column: str) -> float:
    """A cell as a number. Raises InvalidInput: `NUMBER_UNREADABLE`."""
    value = read_number(text)
    if value is None:
        raise InvalidInput(
            "NUMBER_UNREADABLE",
            f"{sheet.name} 中 {whose} 的 {column} “{text}”不是数字。",
            f"{sheet.name}: {column} of {whose}, '{text}', is no number.",
            file=sheet.name,
            value=text,
        )
    return value


def read_parameters(path: Path) -> dict[str, Parameters]:
    """An earlier calibration: `item, a, b` and, for 3PL, `c`."""
    sheet = read_sheet(path)
    item, a, b, c = sheet.need("item"), sheet.need("a"), sheet.need("b"), sheet.find("c")
    found = {}
    for row in sheet.rows:
        if not row[a] or not row[b]:
            continue
        guessing = 0.0 if c is None or not row[c] else number_in(sheet, row[item], row[c], "c")
        found[row[item]] = Parameters(
            number_in(sheet, row[item], row[a], "a"), number_in(sheet, row[item], row[b], "b"), guessing
        )
    return found
