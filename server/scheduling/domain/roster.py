"""Reading a roster 花名册: columns by their Chinese headers, every row checked, every problem named with row and cell.

A problem says what is wrong, in both languages, and what to do. A value is shown shortened, an ID number masked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from server.core.errors import InvalidInput
from server.scheduling.domain.id_document import ID_TYPE_WORDS, IdType, canonical_id_number, masked_id_number

HEADER_ALIASES: dict[str, tuple[str, ...]] = {
    "name": ("姓名", "考生姓名", "名字", "name"),
    "id_type": ("证件类型", "证件种类", "证件类别", "idtype"),
    "id_number": ("证件号码", "证件号", "身份证号码", "身份证号", "居民身份证号码", "idnumber"),
    "organisation": ("单位", "工作单位", "所在单位", "单位名称", "学校", "院校", "organisation", "organization"),
    "class_name": ("班级", "所在班级", "培训班", "班", "class"),
    "extra_time_percent": ("延时比例", "加时比例", "合理便利延时", "extratimepercent"),
}
COLUMN_WORDS = {
    "name": "姓名",
    "id_type": "证件类型",
    "id_number": "证件号码",
    "organisation": "单位",
    "class_name": "班级",
    "extra_time_percent": "延时比例",
}
REQUIRED = ("name", "id_number")
HEADER_WITHIN_ROWS = 10
LENGTHS = {"name": 120, "organisation": 120, "class_name": 60}
MOST_EXTRA_PERCENT = 100
SHOWN_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class RosterProblem:
    """One thing about one cell. `row` counts as the spreadsheet shows it, `cell` is e.g. "C17"; `value` is shortened."""

    row: int
    cell: str
    column: str
    code: str
    value: str
    message_zh: str
    message_en: str
    remedy: str
    remedy_en: str

    def as_dict(self) -> dict[str, Any]:
        """Wire form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One person as the file has it, checked."""

    row: int
    name: str
    id_type: IdType
    id_number: str
    organisation: str
    class_name: str
    extra_time_percent: int


@dataclass(frozen=True, slots=True)
class Roster:
    """What a file says: good lines, problems (the row is refused), notes (the row is fine, look at it)."""

    read: int
    lines: list[RosterLine]
    problems: list[RosterProblem]
    notes: list[RosterProblem]
    columns: dict[str, int]


def read_roster(rows: Sequence[Sequence[Any]]) -> Roster:
    """Find the header, then read every row that is not empty.

    Args:
        rows: cells as the file has them; `rows[0]` is row 1.

    Raises:
        InvalidInput: `ROSTER_HEADER_MISSING`: no row among the first ten names the required columns; `ROSTER_HEADER_DOUBLE`:
            two columns mean the same; `ROSTER_EMPTY`: no row below the header.
    """
    header_row, columns, unused = _find_header(rows)
    lines: list[RosterLine] = []
    problems: list[RosterProblem] = []
    notes: list[RosterProblem] = [
        RosterProblem(
            header_row, f"{column_letter(index)}{header_row}", _text(cell), "COLUMN_NOT_USED", _shown(cell),
            "这一列不在名单模板中，未使用。", "This column is not part of a roster and was not used.",
            "如需使用请改为模板中的列名。", "Use a column name of the template if it was meant."
        )
        for index, cell in unused
    ]  # fmt: skip
    first_row_of: dict[tuple[IdType, str], int] = {}
    read = 0
    for row_number, cells in enumerate(rows[header_row:], start=header_row + 1):
        if not any(_text(cell).strip() for cell in cells):
            continue
        read += 1
        reading = _RowReading(row_number, cells, columns)
        line = reading.line()
        notes += reading.notes
        if line is not None:
            key = (line.id_type, line.id_number)
            first = first_row_of.setdefault(key, row_number)
            if first != row_number:
                reading.refuse("id_number", "DUPLICATE_IN_FILE", f"与第 {first} 行的证件号码相同。", f"The same ID number as in row {first}.",
                               "删除重复的一行，或更正号码。", "Delete one of the two rows, or correct the number.")  # fmt: skip
            else:
                lines.append(line)
        problems += reading.problems
    if not read:
        raise InvalidInput(
            "ROSTER_EMPTY",
            "名单表头以下没有任何考生，请检查文件。",
            "There is nobody below the header. Check the file.",
        )
    return Roster(read, lines, problems, notes, columns)


def problem_at(columns: Mapping[str, int], line: RosterLine, column: str, code: str, *texts: str) -> RosterProblem:
    """A problem found later (in the database) about one line; `texts`: message zh, en, remedy zh, en."""
    value = masked_id_number(line.id_number) if column == "id_number" else _shown(getattr(line, column))
    cell = f"{column_letter(columns[column])}{line.row}"
    return RosterProblem(line.row, cell, COLUMN_WORDS[column], code, value, *texts)


def column_letter(index: int) -> str:
    """Spreadsheet letters of a 0-based column: A, B, …, Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


class _RowReading:
    """One row while it is read; all its problems are collected, not only the first."""

    def __init__(self, row: int, cells: Sequence[Any], columns: Mapping[str, int]) -> None:
        self._row = row
        self._cells = cells
        self._columns = columns
        self.problems: list[RosterProblem] = []
        self.notes: list[RosterProblem] = []

    def line(self) -> RosterLine | None:
        """The checked line, or None when there are problems."""
        name = self._words("name")
        if not name:
            self.refuse("name", "NAME_MISSING", "没有姓名。", "The name is missing.", "填写姓名。", "Fill in the name.")
        id_type = self._id_type()
        id_number = self._id_number(id_type)
        organisation, class_name = self._words("organisation"), self._words("class_name")
        extra = self._extra_time()
        if self.problems or id_type is None or id_number is None:
            return None
        return RosterLine(self._row, name, id_type, id_number, organisation, class_name, extra)

    def refuse(self, column: str, code: str, *texts: str) -> None:
        """Add a problem; `texts`: message zh, en, remedy zh, en."""
        self.problems.append(self._about(column, code, *texts))

    def _about(self, column: str, code: str, *texts: str) -> RosterProblem:
        cell = self._raw(column)
        value = masked_id_number(_text(cell).strip()) if column == "id_number" else _shown(cell)
        letter = column_letter(self._columns[column]) if column in self._columns else ""
        return RosterProblem(self._row, f"{letter}{self._row}", COLUMN_WORDS[column], code, value, *texts)

    def _raw(self, column: str) -> Any:
        index = self._columns.get(column, -1)
        return self._cells[index] if 0 <= index < len(self._cells) else ""

    def _words(self, column: str) -> str:
        # Characters stay as they are (𠮷野, 阿卜杜拉·买买提): no folding. Blanks around are cut off, and that is said.
        typed = _text(self._raw(column))
        text = typed.strip()
        if any(unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} for char in text):
            self.refuse(column, "CONTROL_CHARACTER", "含有不可见的控制字符或无法识别的字符。", "It holds control or unknown characters.",
                        "重新手工输入这一格。", "Type this cell again by hand.")  # fmt: skip
        elif len(text) > LENGTHS[column]:
            self.refuse(column, "TEXT_TOO_LONG", f"超过 {LENGTHS[column]} 个字符。", f"Longer than {LENGTHS[column]} characters.",
                        "缩短后重试。", "Shorten it.")  # fmt: skip
        elif text != typed and text:
            self.notes.append(self._about(column, "BLANKS_CUT_OFF", "前后的空格已去掉。", "Blanks before or after were cut off.",
                                          "如有误请核对。", "Check that this is right."))  # fmt: skip
        return text

    def _id_type(self) -> IdType | None:
        word = "".join(_text(self._raw("id_type")).split())
        found = ID_TYPE_WORDS.get(word) or ID_TYPE_WORDS.get(word.casefold())
        if found is None:
            known = "、".join(word for word in ID_TYPE_WORDS if word and not word.isascii())
            self.refuse("id_type", "ID_TYPE_UNKNOWN", "证件类型无法识别。", "Unknown type of document.",
                        f"请改为以下之一：{known}。", "Use one of the listed types.")  # fmt: skip
        return found

    def _id_number(self, id_type: IdType | None) -> str | None:
        cell = self._raw("id_number")
        if isinstance(cell, float | int) and not isinstance(cell, bool) and abs(cell) >= 1e15:
            # A spreadsheet keeps 15 digits of a number: the rest is gone and cannot be guessed.
            self.refuse("id_number", "ID_NUMBER_DAMAGED", "单元格是数字格式，末几位已被表格软件改成 0。", "A number cell: its last digits are lost.",
                        "把整列设为“文本”格式后重新录入号码。", "Make the column text and type the number again.")  # fmt: skip
            return None
        if id_type is None:
            return None
        try:
            return canonical_id_number(id_type, _text(cell))
        except InvalidInput as refusal:
            self.refuse("id_number", refusal.code, refusal.message_zh, refusal.message_en,
                        "核对证件原件后更正；若不是居民身份证，请填写证件类型。", "Correct it from the document; name its type if it is no resident ID.")  # fmt: skip
            return None

    def _extra_time(self) -> int:
        text = unicodedata.normalize("NFKC", _text(self._raw("extra_time_percent"))).strip().removesuffix("%").strip()
        if not text:
            return 0
        if text.isascii() and text.isdigit() and int(text) <= MOST_EXTRA_PERCENT:
            return int(text)
        self.refuse("extra_time_percent", "EXTRA_TIME_WRONG", "延时比例应为 0 到 100 的整数百分比。", "Extra time is a whole percentage, 0 to 100.",
                    "例如填写 25 表示延长 25%。", "For example 25 for 25 % more time.")  # fmt: skip
        return 0


def _find_header(rows: Sequence[Sequence[Any]]) -> tuple[int, dict[str, int], list[tuple[int, Any]]]:
    for number, cells in enumerate(rows[:HEADER_WITHIN_ROWS], start=1):
        found = list(_columns_in(cells))
        names = [column for _, column in found]
        if not all(column in names for column in REQUIRED):
            continue
        doubled = sorted({name for name in names if name and names.count(name) > 1})
        if doubled:
            words = "、".join(COLUMN_WORDS[name] for name in doubled)
            raise InvalidInput(
                "ROSTER_HEADER_DOUBLE",
                f"有两列都表示“{words}”，请只保留一列。",
                f"Two columns mean the same: {', '.join(doubled)}.",
            )
        columns = {column: index for index, column in found if column}
        unused = [(index, cells[index]) for index, column in found if not column and _text(cells[index]).strip()]
        return number, columns, unused
    raise InvalidInput(
        "ROSTER_HEADER_MISSING",
        f"前 {HEADER_WITHIN_ROWS} 行中没有找到表头：至少需要“姓名”和“证件号码”两列。",
        f"No header among the first {HEADER_WITHIN_ROWS} rows: at least 姓名 (name) and 证件号码 (ID number) are needed.",
    )


def _columns_in(cells: Sequence[Any]) -> Iterator[tuple[int, str]]:
    known = {alias: column for column, aliases in HEADER_ALIASES.items() for alias in aliases}
    for index, cell in enumerate(cells):
        word = unicodedata.normalize("NFKC", _text(cell)).casefold()
        word = re.sub(r"\(.*?\)|\[.*?\]|[\s*_:]", "", word)
        yield index, known.get(word, "")


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)


def _shown(cell: Any) -> str:
    text = "".join(char if char.isprintable() else "\ufffd" for char in _text(cell))
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
