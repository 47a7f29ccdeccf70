"""What an import says about a file: row, cell, code, two languages, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """Whether the row stays out."""

    ERROR = "error"  # the row is rejected
    WARNING = "warning"  # taken, but somebody should look
    NOTE = "note"  # taken; something was folded


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One finding. `row` as a spreadsheet numbers it; `value` shortened; `remedy_…` what to do about it."""

    row: int
    cell: str
    code: str
    severity: Severity
    message_zh: str
    message_en: str
    remedy_zh: str = ""
    remedy_en: str = ""
    value: str = ""


#: code → (severity, message zh, message en, remedy zh, remedy en); `{…}` is filled in per row
_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
WORDS: dict[str, tuple[Severity, str, str, str, str]] = {
    "KIND_UNKNOWN": (_E, "不认识的题型“{value}”。", "Unknown kind '{value}'.", "填写 单选、多选 或 判断。", "Write 单选, 多选 or 判断."),
    "KIND_NOT_SUPPORTED": (
        _E, "题型“{value}”（{kind}）目前不能用于机考，未导入。", "Kind '{value}' cannot be delivered yet; not imported.",
        "改写为客观题，或留待支持该题型后再导入。", "Rewrite it as an objective item, or import it later.",
    ),
    "NO_STEM": (_E, "题干为空。", "The stem is empty.", "补写题干。", "Write the stem."),
    "NO_ANSWER": (_E, "没有答案。", "There is no answer.", "补写答案。", "Write the answer."),
    "BAD_ANSWER_CODE": (
        _E, "答案“{value}”不是选项字母或对错。", "The answer '{value}' is neither letters nor true/false.",
        "用 A、ACD、对、错 这样的形式填写答案。", "Write the answer like A, ACD, T or F.",
    ),
    "ANSWER_NOT_AN_OPTION": (
        _E, "答案“{value}”指向空白或不存在的选项。", "The answer '{value}' names an option that is empty or missing.",
        "核对答案，或补写缺少的选项。", "Check the answer or write the missing option.",
    ),
    "NO_OPTIONS": (_E, "选择题没有可用的选项。", "There are no usable options.", "补写选项。", "Write the options."),
    "OPTION_GAP": (
        _E, "选项 {value} 为空，后面却还有选项，内容可能丢失。", "Option {value} is empty although later ones are filled; text may be lost.",
        "补写空白选项，或把后面的选项前移并改正答案。", "Fill it, or move the later options up and correct the answer.",
    ),
    "DUPLICATE_OPTIONS": (_E, "有内容相同的选项：“{value}”。", "Two options say the same: '{value}'.", "改写其中一个选项。", "Rewrite one of them."),
    "TOO_FEW_OPTIONS": (_E, "选项太少。", "Too few options.", "补写选项。", "Write more options."),
    "SEVERAL_ANSWERS": (
        _E, "单选题有多个答案“{value}”。", "A single-answer item has several answers: '{value}'.", "改为多选题，或只保留一个答案。",
        "Make it a multiple item or keep one answer.",
    ),
    "TOO_FEW_ANSWERS": (
        _E, "多选题只有一个答案“{value}”。", "A multiple item has only one answer: '{value}'.", "改为单选题，或补全答案。",
        "Make it a single item or complete the answer.",
    ),
    "TEXT_TOO_LONG": (_E, "文字过长。", "The text is too long.", "检查是否粘贴错误，必要时缩短。", "Check for a wrong paste; shorten it."),
    "MISSING_FIGURE": (
        _E, "题干提到图，但表格中没有图。", "The item speaks of a figure that is not there.", "补充图或改写题干后再导入。",
        "Bring the figure or rewrite the stem.",
    ),
    "DUPLICATE": (
        _E, "与第 {first} 行是同一道题。", "The same item as row {first}.", "删除重复的行。", "Remove the repeated row.",
    ),
    "CONFLICTING_ANSWER": (
        _E, "与第 {first} 行题目相同而答案不同，两行都不导入。", "The same item as row {first} with another answer; neither is taken.",
        "查明正确答案，只保留一行。", "Find out which answer is right and keep one row.",
    ),
    "DUPLICATE_IN_BANK": (
        _E, "题库中已有同一道题（来源 {first}）。", "The bank already holds this item (source {first}).", "无须再导入。", "Nothing to do.",
    ),
    "CONFLICTS_WITH_BANK": (
        _E, "题库中有同一道题（来源 {first}），答案却不同。", "The bank holds this item (source {first}) with another answer.",
        "请题库管理员核对两处的答案。", "Let the bank keeper compare both answers.",
    ),
    "CHANGED_SINCE_IMPORT": (
        _E, "来源 {first} 的题目以前导入过，现在内容不同。", "The row {first} was imported before with other content.",
        "已入库的题目请在题库中修订（保留新旧对照），不要重新导入。", "Revise the stored item instead of importing it again.",
    ),
    "POINT_UNKNOWN": (
        _E, "鉴定点“{value}”不在细目表中。", "The point '{value}' is not in the spec table.", "填写细目表中的鉴定点代码。",
        "Write a point code of the spec table.",
    ),
    "NO_POINT": (
        _W, "没有鉴定点，组卷前须补填。", "No point given; needed before assembly.", "填写鉴定点代码。", "Write the point code.",
    ),
    "FEWER_THAN_4_OPTIONS": (_W, "选项不足四个（{value} 个）。", "Fewer than four options ({value}).", "确认是否缺少选项。", "Check for a missing option."),
    "BROKEN_X": (
        _W, "字母 x 可能被替换成了乘号（“{value}”）。", "A letter x seems replaced by a multiplication sign ('{value}').",
        "改回字母 x。", "Put the letter back.",
    ),
    "SAME_STEM_OTHER_OPTIONS": (
        _N, "与第 {first} 行题干相同、选项不同，不算重复。", "The same stem as row {first} with other options; no duplicate.", "", "",
    ),
    "KIND_INFERRED": (_N, "没有题型，按答案判定为{value}。", "No kind given; taken as {value} from the answer.", "", ""),
    "ANSWER_FOLDED": (_N, "答案“{value}”按“{folded}”读取。", "The answer '{value}' was read as '{folded}'.", "", ""),
    "OPTION_LETTER_REMOVED": (_N, "去掉了选项开头的字母“{value}”。", "Removed the letter '{value}' in front of the option.", "", ""),
    "ENTITY_FOLDED": (_N, "把网页符号（如 &nbsp;）换成了普通文字。", "Turned web entities into plain text.", "", ""),
    "HTML_REMOVED": (_N, "去掉了网页标记。", "Removed web markup.", "", ""),
    "LINE_BREAK_FOLDED": (_N, "合并了句中的换行。", "Joined lines broken inside a sentence.", "", ""),
    "DIFFICULTY_UNKNOWN": (_N, "难度“{value}”未识别，按 3 处理。", "Difficulty '{value}' not understood; taken as 3.", "", ""),
}  # fmt: skip


def problem(code: str, row: int, cell: str, value: str = "", **more: object) -> RowProblem:
    """A finding in the words of its code; the value is shortened to 30 characters."""
    severity, zh, en, remedy_zh, remedy_en = WORDS[code]
    short = value if len(value) <= 30 else value[:29] + "…"
    filled = {"value": short, **more}
    return RowProblem(row, cell, code, severity, zh.format(**filled), en.format(**filled), remedy_zh, remedy_en, short)


def as_document(each: RowProblem) -> dict[str, Any]:
    """The JSON form."""
    return asdict(each)
