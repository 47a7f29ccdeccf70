"""The analysis of a sitting as A4 PDF, drawn from its facts alone. Slow (fonts): call it in a real thread."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, XPos, YPos

from server.adapters.print_fonts import FAMILY, PrintFonts

MARGIN, LINE, SMALL = 15.0, 5.2, 8.0
CHART_HEIGHT, CHART_WIDTH = 46.0, 180.0
INK, PALE, CUT = (31, 78, 121), (160, 160, 160), (178, 60, 30)
KINDS = {"single": "单选", "multiple": "多选", "true_false": "判断"}
FAMILIES = {"neighbour": "邻座", "same_room": "同考场", "other": "不同考场", "unknown": "考场不明"}
FLAG_WORDS = {
    "WRONG_KEY_SUSPECTED": "答案可能有误", "NEGATIVE_DISCRIMINATION": "区分度为负", "WEAK_KEY": "几乎不区分", "TOO_HARD": "太难",
    "TOO_EASY": "太易", "WEAK_D": "区分度低", "DEAD_DISTRACTOR": "干扰项无人选", "DISTRACTOR_ATTRACTS_STRONG": "干扰项吸引高分考生",
    "OFTEN_OMITTED": "漏答多", "OFTEN_NOT_REACHED": "做不到的多",
}  # fmt: skip
TEXTS = (
    "作答分析报告场次考点职业开考考生试题分析时间打印模拟考一、总体二、成绩分布三、试题四、雷同核查说明合格线人道分全部卷满分信度测量标准误判定一致率正确"
    "漏选单多断题型得率区分未答标定难度提示无均值差中位最低高合格成绩尚未可见本岗位发布后印第页共校验码邻座同考场不同不明检验内容屏显字母对数预算门槛"
    "提请复核立案在办已结数字只用于提请复核，不能单独作废试卷。位置相同同错概率依据—（）：；、。，%<.0123456789"
)


def draw_analysis(facts: Mapping[str, Any], fonts: PrintFonts) -> bytes:
    """The document; the same facts give the same content."""
    pdf = _Sheet(facts, fonts)
    pdf.add_page()
    _head(pdf, facts)
    _tests(pdf, facts)
    _distribution(pdf, facts)
    _items(pdf, facts)
    _similarity(pdf, facts)
    return bytes(pdf.output())


class _Sheet(FPDF):
    """A4 with our fonts and our foot."""

    def __init__(self, facts: Mapping[str, Any], fonts: PrintFonts) -> None:
        super().__init__(format="A4")
        self._facts = facts
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, margin=18)
        self.set_title("作答分析报告")
        self.set_lang("zh-CN")
        self.set_creation_date(datetime.fromisoformat(str(facts["printed_at"])))
        fonts.add_to(self, json.dumps(facts, ensure_ascii=False) + TEXTS + "".join(FLAG_WORDS.values()))
        self.set_font(FAMILY, size=9)

    def footer(self) -> None:
        """Digest of the analysis and the page number."""
        self.set_y(-13)
        self.set_font(FAMILY, size=7)
        self.cell(0, 4, f"分析校验码 SHA-256 {self._facts['digest']}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 4, f"{self._facts['printed_by']} 打印于 {self._facts['printed_at'][:16].replace('T', ' ')}")
        self.set_x(MARGIN)
        self.cell(0, 4, f"第 {self.page_no()} 页 共 {{nb}} 页", align="R")

    def section(self, title: str) -> None:
        if self.will_page_break(4 * LINE):
            self.add_page()
        self.ln(2)
        self.set_font(FAMILY, "B", 11)
        self.cell(0, 7, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FAMILY, size=9)

    def words(self, text: str) -> None:
        self.multi_cell(0, LINE, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def grid(
        self, widths: Sequence[float], rows: Iterable[Sequence[str]], head: Sequence[str] = (), size: float = 9.0
    ) -> None:
        """A bordered table; `head` is repeated on every page."""
        self.set_font(FAMILY, size=size)
        with self.table(
            col_widths=tuple(widths),
            line_height=LINE,
            borders_layout=TableBordersLayout.ALL,
            first_row_as_headings=bool(head),
            headings_style=FontFace(emphasis="BOLD"),
            text_align="LEFT",
            padding=(0.5, 1.0),
        ) as table:
            if head:
                table.row(list(head))
            for cells in rows:
                table.row(list(cells))
        self.set_font(FAMILY, size=9)


def _number(value: float | None, places: int = 2) -> str:
    return "—" if value is None else f"{value:.{places}f}"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


def _chance(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def _head(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.set_font(FAMILY, "B", 16)
    pdf.cell(0, 10, "作答分析报告", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    if facts["is_rehearsal"]:
        pdf.set_font(FAMILY, "B", 11)
        pdf.cell(0, 6, "模拟考", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(FAMILY, size=9)
    pdf.grid(
        (22, 68, 22, 68),
        [
            ("场次", facts["sitting"], "考点", facts["centre"]),
            ("职业", facts["occupation"], "开考", facts["starts_at"]),
            ("考生", f"{facts['candidates']} 人", "试题", f"{len(facts['items'])} 道"),
            ("分析时间", facts["made_at"], "分析人", facts["made_by"]),
        ],
    )
    for notice in facts["notices"]:
        pdf.words(f"· {notice}")


def _tests(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("一、总体")
    rows = []
    for test in facts["tests"]:
        decision = test["decision"] or {}
        rows.append(
            (
                test["form"] or "全部",
                str(test["n"]),
                str(test["k"]),
                _number(test["full_mark"], 0),
                _number(test["alpha"], 3),
                _number(test["sem"]),
                _number(test["sem_at_cut"]),
                _share(decision.get("consistency")),
                _share(decision.get("accuracy")),
            )
        )
    pdf.grid(
        (16, 16, 16, 16, 20, 24, 28, 22, 22),
        rows,
        ("卷", "人数", "题数", "满分", "信度 α", "测量标准误", "合格线处标准误", "判定一致率", "判定正确率"),
    )
    if facts["calibration_refused"]:
        pdf.words(f"未标定：{facts['calibration_refused']['message_zh']}")


def _distribution(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("二、成绩分布")
    found = facts["distribution"]
    if found is None:
        pdf.words("成绩尚未到本岗位可见的阶段，不印成绩分布。 Scores may not be seen yet.")
        return
    pdf.words(
        f"均值 {_number(found['mean'])}，标准差 {_number(found['sd'])}，中位 {_number(found['median'])}，"
        f"最低 {_number(found['minimum'])}，最高 {_number(found['maximum'])}，合格率 {_share(found['pass_rate'])}"
    )
    if pdf.will_page_break(CHART_HEIGHT + 14):
        pdf.add_page()
    top, base = pdf.get_y() + 4, pdf.get_y() + 4 + CHART_HEIGHT
    most = max([count for _, _, count in found["bars"]] + [1])
    pdf.set_font(FAMILY, size=6.5)
    for low, high, count in found["bars"]:
        left, width = MARGIN + low / 100 * CHART_WIDTH, (high - low) / 100 * CHART_WIDTH
        height = count / most * (CHART_HEIGHT - 6)
        pdf.set_fill_color(*(INK if low >= facts["pass_mark"] else PALE))
        if count:
            pdf.rect(left + 0.4, base - height, width - 0.8, height, style="F")
            pdf.text(left + width / 2 - 1.2, base - height - 1, str(count))
        pdf.text(left - 1, base + 3.5, f"{low:.0f}")
    pdf.text(MARGIN + CHART_WIDTH - 2, base + 3.5, "100")
    pdf.set_draw_color(*CUT)
    cut = MARGIN + facts["pass_mark"] / 100 * CHART_WIDTH
    pdf.line(cut, top, cut, base)
    pdf.text(cut + 1, top + 2, f"合格线 {facts['pass_mark']:.0f}")
    pdf.set_draw_color(0, 0, 0)
    pdf.set_fill_color(255, 255, 255)  # else the tables that follow are filled
    pdf.line(MARGIN, base, MARGIN + CHART_WIDTH, base)
    pdf.set_y(base + 6)
    pdf.set_font(FAMILY, size=9)


def _items(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("三、试题")
    rows = []
    for line in facts["items"]:
        figures = line["figures"]
        told = dict.fromkeys(FLAG_WORDS.get(flag["code"], flag["code"]) for flag in figures["flags"])
        rows.append(
            (
                line["label"],
                KINDS.get(line["kind"], line["kind"]),
                line["point"],
                str(figures["n"]),
                _number(figures["p"]),
                _number(figures["d27"]),
                _number(figures["item_rest_r"]),
                _share(figures["omitted"]),
                _number(figures["b"]),
                "、".join(told),
            )
        )
    pdf.grid(
        (13, 12, 24, 14, 15, 15, 16, 14, 15, 42),
        rows,
        ("题", "题型", "鉴定点", "人数", "得分率", "区分度", "相关 r", "未答", "难度 b", "提示"),
        size=SMALL,
    )


def _similarity(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    found = facts["similarity"]
    pdf.section("四、雷同核查")
    if found["refused"]:
        pdf.words(found["refused"]["message_zh"])
        return
    cases = found["cases"]
    pdf.words(
        f"共 {found['pairs_total']} 对试卷，判定 {found['pairs_judged']} 对，提请复核 {found['flagged']} 对；"
        f"立案未办 {cases['open']}，在办 {cases['under_review']}，已结 {cases['closed']}。数字只用于提请复核，不能单独作废试卷。"
    )
    pdf.grid(
        (34, 34, 30, 40, 42),
        [
            (
                FAMILIES.get(each["family"], each["family"]),
                {"content": "内容", "letters": "屏显字母"}[each["test"]],
                str(each["pairs"]),
                _number(each["budget"], 3),
                _chance(each["threshold"]),
            )
            for each in found["families"]
        ],
        ("对的类别", "检验", "对数", "预期误报（场）", "门槛 p"),
        size=SMALL,
    )
    if found["pairs"]:
        pdf.ln(2)
        pdf.grid(
            (36, 36, 22, 20, 20, 24, 22),
            [
                (
                    each["a"],
                    each["b"],
                    FAMILIES.get(each["family"], each["family"]),
                    f"{each['identical']}/{each['common']}",
                    str(each["identical_wrong"]),
                    _chance(each["p"]),
                    _chance(each["letters_p"]),
                )
                for each in found["pairs"]
            ],
            ("位置", "位置", "类别", "相同", "同错", "内容 p", "字母 p"),
            size=SMALL,
        )
