"""From a CSV or XLSX file to rows of named cells. What a cell means is decided in `item_reader.py`."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import python_calamine

from itembank.domain.duplicates import half_width
from itembank.importers.columns import column_letters, guess_columns, option_field, read_header
from itembank.importers.limits import ROW_LIMIT, check_text_file, check_workbook
from server.core.errors import InvalidInput, TooLarge

#: How many rows from the top may stand before the header (titles, instructions).
_HEADER_SEARCH = 10
_OPTION_LINE = re.compile(r"^([A-Ha-h])\s*[.、:)]\s*")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row that is not blank. `number` is the row as a spreadsheet shows it; `cells` by field."""

    number: int
    cells: Mapping[str, str]
    columns: Mapping[str, str]
    sheet: str = ""

    def text(self, name: str) -> str:
        """The cell of a field, "" when there is none."""
        return self.cells.get(name, "")

    def address(self, name: str) -> str:
        """Where that cell stands: "J12", with the sheet when there are several; the row when the column is missing."""
        place = f"{self.columns.get(name, '')}{self.number}"
        return f"{self.sheet}!{place}" if self.sheet else place


@dataclass(frozen=True, slots=True)
class SheetNote:
    """Something about the file as a whole: encoding, header guessed, sheets left out."""

    code: str
    message_zh: str
    message_en: str


@dataclass(slots=True)
class SourceFile:
    """All rows of one file, and what was noticed while reading it."""

    rows: list[SourceRow] = field(default_factory=list)
    notes: list[SheetNote] = field(default_factory=list)
    has_header: bool = True


def read_source(path: Path, file_format: str = "auto") -> SourceFile:
    """Rows of a CSV or XLSX file.

    Args:
        file_format: auto (by extension), csv, xlsx.

    Raises:
        InvalidInput: `FORMAT_UNKNOWN`, `ENCODING_UNKNOWN`, `HEADER_UNKNOWN`, or a limit of `limits.py`.
        TooLarge: `FILE_TOO_LARGE`, `FILE_TOO_LARGE_UNPACKED`, `TOO_MANY_ROWS`.
    """
    if file_format not in ("auto", "csv", "xlsx"):
        raise InvalidInput(
            "FORMAT_UNKNOWN", f"不认识的格式“{file_format}”，可用 auto、csv、xlsx。", f"Unknown format '{file_format}'."
        )
    is_text = file_format == "csv" or (file_format == "auto" and path.suffix.lower() in (".csv", ".txt"))
    return _read_csv(path) if is_text else _read_xlsx(path)


def _read_csv(path: Path) -> SourceFile:
    check_text_file(path)
    source = SourceFile()
    text = _decode(path, source)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    except csv.Error as problem:
        raise InvalidInput(
            "CSV_BROKEN",
            f"{path.name} 不是有效的 CSV：{problem}。",
            f"{path.name} is no valid CSV: {problem}.",
            file=path.name,
        ) from problem
    if not _take_rows(source, rows, ""):
        raise _no_header(path)
    return source


def _decode(path: Path, source: SourceFile) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as problem:
        raise InvalidInput(
            "ENCODING_UNKNOWN", f"{path.name} 既不是 UTF-8 也不是 GB18030 编码，请另存为 UTF-8。",
            f"{path.name} is neither UTF-8 nor GB18030. Save it as UTF-8.", file=path.name,
        ) from problem  # fmt: skip
    source.notes.append(SheetNote("ENCODING_GB18030", "文件按 GB18030 编码读取。", "Read as GB18030."))
    return text


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max((",", "\t", ";"), key=first.count)


def _read_xlsx(path: Path) -> SourceFile:
    check_workbook(path)
    try:
        book = python_calamine.load_workbook(str(path))
        sheets = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names]
    except (python_calamine.CalamineError, OSError, ValueError) as problem:
        raise InvalidInput(
            "FILE_DAMAGED",
            f"文件 {path.name} 无法读取：{problem}。",
            f"{path.name} cannot be read: {problem}.",
            file=path.name,
        ) from problem
    source = SourceFile()
    filled = [(name, [[_cell_text(cell) for cell in row] for row in rows]) for name, rows in sheets]
    filled = [(name, rows) for name, rows in filled if any(any(cell.strip() for cell in row) for row in rows)]
    read = [
        name for name, rows in filled if _take_rows(source, rows, name if len(filled) > 1 else "", allow_guess=False)
    ]
    for name, _ in filled:
        if name not in read:
            source.notes.append(
                SheetNote(
                    "SHEET_SKIPPED",
                    f"工作表“{name}”没有题干和答案列，未读取。",
                    f"Sheet '{name}' has no stem and answer columns; left out.",
                )
            )
    if not read:
        raise _no_header(path)
    return source


def _cell_text(cell: object) -> str:
    if isinstance(cell, bool):
        return "T" if cell else "F"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat()
    return str(cell)


def _take_rows(source: SourceFile, rows: Sequence[Sequence[str]], sheet: str, *, allow_guess: bool = True) -> bool:
    """Append the sheet's rows; False when its columns cannot be told."""
    if len(rows) + len(source.rows) > ROW_LIMIT:
        raise TooLarge(
            "TOO_MANY_ROWS", f"行数超过 {ROW_LIMIT}，请拆分文件。", f"More than {ROW_LIMIT} rows. Split the file."
        )
    fields, start = _find_header(rows)
    if fields is None and allow_guess:
        fields = guess_columns(rows)
        if fields is not None:
            source.has_header = False
            source.notes.append(
                SheetNote(
                    "HEADER_GUESSED",
                    "文件没有表头，按“序号、题干、选项、答案”读取。",
                    "No header; read as number, stem, options, answer.",
                )
            )
    if fields is None:
        return False
    columns = {name: column_letters(index) for index, name in fields.items()}
    found: list[SourceRow] = []
    for offset, row in enumerate(rows[start:], start=start + 1):
        if any(cell.strip() for cell in row):
            cells = {name: row[index] for index, name in fields.items() if index < len(row)}
            found.append(SourceRow(offset, cells, columns, sheet))
    source.rows += found if any(name.startswith("option_") for name in columns) else _gather_options(found)
    return True


def _gather_options(rows: Sequence[SourceRow]) -> list[SourceRow]:
    """Sheets that write options below the stem, one "A. …" a row: make them cells of the item above."""
    gathered: list[SourceRow] = []
    for row in rows:
        match = _OPTION_LINE.match(half_width(row.text("stem").strip()))
        is_option = match and gathered and not row.text("kind").strip() and not row.text("answer").strip()
        if not match or not is_option:
            gathered.append(row)
            continue
        above = gathered[-1]
        name = option_field(match.group(1).upper())
        text = row.text("stem").strip()[match.end() :].strip()
        gathered[-1] = SourceRow(
            above.number,
            {**above.cells, name: text},
            {**above.columns, name: above.columns.get("stem", "")},
            above.sheet,
        )
    return gathered


def _find_header(rows: Sequence[Sequence[str]]) -> tuple[dict[int, str] | None, int]:
    for index, row in enumerate(rows[:_HEADER_SEARCH]):
        fields = read_header(row)
        if fields is not None:
            return fields, index + 1
    return None, 0


def _no_header(path: Path) -> InvalidInput:
    return InvalidInput(
        "HEADER_UNKNOWN",
        f"{path.name} 中找不到题干列和答案列。请使用模板的表头：题型、鉴定点代码、题干、选项A……选项H、答案、解析、难度、来源。",
        f"No stem and answer columns in {path.name}. Use the template's headers.",
        file=path.name,
    )
