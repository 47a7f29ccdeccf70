"""Which column is what: the headers people use, and files without any header."""

from __future__ import annotations

import re
from collections.abc import Sequence

from itembank.domain.duplicates import half_width

#: Letters of option columns.
LETTERS = "ABCDEFGH"

_NAMES: dict[str, tuple[str, ...]] = {
    "kind": ("题型", "类型", "试题类型", "题目类型", "type", "kind"),
    "stem": ("题干", "题目", "问题", "试题", "问题内容", "题目内容", "试题内容", "stem", "question"),
    "answer": ("答案", "正确答案", "正确选项", "标准答案", "参考答案", "answer", "key"),
    "point": ("鉴定点代码", "鉴定点", "认定点", "考核点", "知识点", "章节", "chapter", "point"),
    "explanation": ("解析", "答案解析", "试题解析", "说明", "explanation", "analysis"),
    "difficulty": ("难度", "难易度", "难度系数", "difficulty"),
    "source": ("来源", "题号", "编号", "试题编号", "source", "source_id", "id"),
    "reference": ("依据", "出处", "参考", "reference"),
    "enemy_group": ("互斥组", "互斥题", "enemy_group"),
    "sequence": ("序号", "seq", "no"),
    "ignored": ("defects", "level", "级别"),
}
_BY_NAME = {name: field for field, names in _NAMES.items() for name in names}
_OPTION = re.compile(r"^(?:选项|option_?|答案选项)?([A-H])(?:选项)?$", re.IGNORECASE)


def option_field(letter: str) -> str:
    """Name of the field that holds option `letter`."""
    return f"option_{letter}"


def field_of_header(text: str) -> str | None:
    """The field a header cell names, None when it names none we know. Notes in brackets are looked past."""
    plain = re.sub(r"[(\[【].*$", "", half_width(text)).strip().strip("*: ").replace(" ", "")
    option = _OPTION.match(plain)
    if option:
        return option_field(option.group(1).upper())
    return _BY_NAME.get(plain) or _BY_NAME.get(plain.lower())


def read_header(cells: Sequence[str]) -> dict[int, str] | None:
    """Column index → field, when this row is a header: it must name at least the stem and the answer."""
    fields: dict[int, str] = {}
    for index, cell in enumerate(cells):
        field = field_of_header(cell)
        if field and field not in fields.values():
            fields[index] = field
    return fields if {"stem", "answer"} <= set(fields.values()) else None


def guess_columns(rows: Sequence[Sequence[str]]) -> dict[int, str] | None:
    """Columns of a file without a header: number, stem, options …, answer. None when it does not look like that."""
    sample = [row for row in rows[:50] if any(cell.strip() for cell in row)]
    if not sample:
        return None
    width = max(len(row) for row in sample)
    if width < 3 or width > 3 + len(LETTERS):
        return None
    numbered = sum(row[0].strip().isdigit() for row in sample)
    answered = sum(
        len(row) == width and re.fullmatch(r"[A-HTF√×对错✓✗]{1,8}", row[-1].strip()) is not None for row in sample
    )
    if numbered < 0.9 * len(sample) or answered < 0.8 * len(sample):
        return None
    options = {2 + index: option_field(letter) for index, letter in enumerate(LETTERS[: width - 3])}
    return {0: "sequence", 1: "stem", **options, width - 1: "answer"}


def column_letters(index: int) -> str:
    """Spreadsheet name of a column: 0 → A, 26 → AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
