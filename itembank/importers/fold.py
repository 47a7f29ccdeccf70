"""Folding what people type differently into one form; every fold that could surprise is named.

`<…>` inside Chinese text is a title mark and stays (real banks write <中华人民共和国劳动法>).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from itembank.domain.duplicates import half_width
from itembank.domain.item import FALSE, TRUE, ItemKind

_ENTITY = re.compile(r"&(?:nbsp|ensp|emsp|amp|lt|gt|quot|ldquo|rdquo|lsquo|rsquo|mdash|hellip|middot|times|#\d{2,6});")
_TAG = re.compile(r"</?(?:p|br|span|div|b|i|u|strong|em|font)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b", re.IGNORECASE)
_FIGURE = re.compile(r"如[上下右左]?图|[上下右左]图|图示(?!仪)|图中所示|见图\s*[\d（(]?|如图")
#: A line that ends here ends a sentence or opens a list; any other line end inside Chinese text is a wrapped line.
_LINE_ENDS = "。；：！？:;!?"
_LEADING_LETTER = re.compile(r"^\s*([A-Ha-hＡ-Ｈａ-ｈ])\s*[.．、:：)）]\s*(?=\S)")
_BROKEN_X = re.compile(r"[A-Za-z.]×[A-Za-z]|[A-Z]×[\u4e00-\u9fff]")

_KINDS = {
    ItemKind.SINGLE: ("single", "单选", "单选题", "单项选择", "单项选择题", "选择题", "radio"),
    ItemKind.MULTIPLE: ("multiple", "multi", "多选", "多选题", "多项选择", "多项选择题", "不定项选择题", "checkbox"),
    ItemKind.TRUE_FALSE: ("true_false", "judge", "tf", "判断", "判断题", "是非题", "正误题", "判断正误"),
}
_KIND_BY_NAME = {name: kind for kind, names in _KINDS.items() for name in names}
#: Kinds that exist but cannot be delivered yet: (words in Chinese, in English).
UNSUPPORTED_KINDS = {
    **dict.fromkeys(("blank", "fill", "填空", "填空题"), ("填空题", "fill-in")),
    **dict.fromkeys(
        ("essay", "简答", "简答题", "问答", "问答题", "论述", "论述题", "名词解释"), ("简答或论述题", "essay")
    ),
    **dict.fromkeys(("case", "案例", "案例题", "案例分析", "案例分析题", "综合题"), ("案例题", "case")),
    **dict.fromkeys(("计算", "计算题"), ("计算题", "calculation")),
    **dict.fromkeys(("匹配", "匹配题", "连线题", "排序题"), ("匹配或排序题", "matching or ordering")),
}
_TRUTHS = {
    **dict.fromkeys(("T", "TRUE", "Y", "YES", "√", "✓", "✔", "对", "是", "正确", "V"), TRUE),
    **dict.fromkeys(("F", "FALSE", "N", "NO", "×", "✗", "✘", "╳", "X", "错", "否", "错误", "不正确"), FALSE),
}
_DIFFICULTIES = {
    "易": 1, "容易": 1, "简单": 1, "较易": 2, "中": 3, "中等": 3, "一般": 3, "较难": 4, "难": 5, "困难": 5,
}  # fmt: skip


def fold_kind(text: str) -> ItemKind | str | None:
    """The kind; its Chinese name when it is one we cannot deliver; None when unknown."""
    name = half_width(text).strip().lower()
    if name in _KIND_BY_NAME:
        return _KIND_BY_NAME[name]
    unsupported = UNSUPPORTED_KINDS.get(name)
    return unsupported[0] if unsupported else None


def fold_truth(text: str) -> str | None:
    """T or F from what a true/false answer cell holds, else None."""
    return _TRUTHS.get(half_width(text).strip().upper())


def fold_letters(text: str) -> str | None:
    """Answer letters in order, "ACD", from `A,C,D`, `A、C、D`, `ＡＣＤ`, `acd`; None when anything else is in it."""
    plain = re.sub(r"[\s,，、;；/|和及]+", "", half_width(text)).strip(".。").upper()
    return "".join(sorted(set(plain))) if plain and re.fullmatch(r"[A-H]+", plain) else None


def fold_difficulty(text: str) -> int | None:
    """The expert's step 1–5 from a number or a word; None when it is neither."""
    plain = half_width(text).strip()
    if plain in _DIFFICULTIES:
        return _DIFFICULTIES[plain]
    return int(plain) if plain in ("1", "2", "3", "4", "5") else None


def fold_text(text: str) -> tuple[str, list[str]]:
    """The text as it will be shown, and codes of what was folded."""
    notes: list[str] = []
    folded = text
    if _ENTITY.search(folded):
        folded = _ENTITY.sub(lambda match: html.unescape(match.group()).replace("\xa0", " "), folded)
        notes.append("ENTITY_FOLDED")
    if _TAG.search(folded):
        folded = _TAG.sub(lambda match: "\n" if match.group().lower().startswith(("<br", "</p")) else "", folded)
        notes.append("HTML_REMOVED")
    folded = folded.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").strip()
    joined = _join_wrapped(folded)
    if joined != folded:
        notes.append("LINE_BREAK_FOLDED")
    return joined, notes


def _join_wrapped(text: str) -> str:
    lines = [line.strip(" \t\u3000") for line in text.split("\n")]
    joined = lines[0]
    for line in lines[1:]:
        if not line:
            continue
        if not joined or joined[-1] in _LINE_ENDS or re.match(r"[(（①-⑳]?\d*[)）、.．①-⑳]", line):
            joined += "\n" + line
        else:
            is_latin = joined[-1].isascii() and joined[-1].isalnum() and line[0].isascii() and line[0].isalnum()
            joined += (" " if is_latin else "") + line
    return joined


def without_own_letter(text: str, letter: str) -> str | None:
    """The option without the letter somebody typed in front of it ("A．合同"), None when there is none of its own."""
    match = _LEADING_LETTER.match(text)
    if match and half_width(match.group(1)).upper() == letter:
        return text[match.end() :]
    return None


def needs_figure(texts: Iterable[str]) -> bool:
    """Whether the text speaks of a figure, which a sheet cannot bring along."""
    return any(_IMAGE.search(text) or _FIGURE.search(text) for text in texts)


def has_broken_x(texts: Iterable[str]) -> bool:
    """Whether a replace-all has turned the letter x into ×, as in `E×cel`."""
    return any(_BROKEN_X.search(text) for text in texts)
