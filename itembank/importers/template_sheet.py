"""Our own import sheet: headers, one example a kind, and the rules beside them."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter

HEADERS = ("题型", "鉴定点代码", "题干", *(f"选项{letter}" for letter in "ABCDEFGH"), "答案", "解析", "难度", "来源")
_EXAMPLES = (
    ("单选", "A/B/A/002", "电阻为 10 Ω，电压为 20 V，电流是（　）。", "2 A", "0.5 A", "20 A", "200 A", "", "", "", "", "A", "I = U / R", "1", "例 1"),
    ("多选", "A/B/E/001", "下列属于电伤的有（　）。", "电弧烧伤", "电烙印", "皮肤金属化", "心室颤动", "", "", "", "", "ABC", "", "2", "例 2"),
    ("判断", "A/B/E/008", "装设接地线前必须验电。", "", "", "", "", "", "", "", "", "对", "", "1", "例 3"),
)  # fmt: skip
_RULES = (
    "题型：单选、多选、判断。其他题型会逐行列出，不会导入。",
    "鉴定点代码：细目表中的代码，如 A/B/A/002（也可写 A-B-A-002 或鉴定点名称）。",
    "选项：从 A 起连续填写，中间不留空格。判断题不填选项。",
    "答案：单选一个字母；多选如 ACD；判断填 对 或 错（√、×、T、F 亦可）。",
    "难度：1（易）至 5（难），可不填。来源：本行在原题库中的编号，重复导入时据此识别。",
)


def write_template_sheet(path: Path) -> None:
    """Write the empty sheet with three examples; every cell is text."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("试题")
        sheet.write_row(0, 0, HEADERS, book.add_format({"bold": True}))
        for number, example in enumerate(_EXAMPLES, start=1):
            sheet.write_row(number, 0, example)
        sheet.set_column(2, 2, 50)
        sheet.freeze_panes(1, 0)
        rules = book.add_worksheet("填写说明")
        rules.set_column(0, 0, 90)
        for number, rule in enumerate(_RULES):
            rules.write(number, 0, rule)
