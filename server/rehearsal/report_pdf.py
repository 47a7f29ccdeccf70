"""The report of a rehearsal as A4 PDF that a site can sign, drawn from its facts alone. Slow (fonts): call it in a real thread."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, XPos, YPos

from server.adapters.print_fonts import FAMILY, PrintFonts
from server.delivery.time_keeping import SHANGHAI

MARGIN, LINE = 15.0, 5.6
CHART_W, CHART_H = 180.0, 46.0
INK, SOFT, BROKEN = (30, 62, 98), (200, 208, 216), (250, 222, 214)
UNMEASURED = "未测"


def draw_report(facts: Mapping[str, Any], fonts: PrintFonts) -> bytes:
    """The document; the same facts give the same content."""
    pdf = _Sheet(facts, fonts)
    pdf.add_page()
    pdf.head()
    if facts.get("kind") == "drill":
        _drill(pdf, facts)
    else:
        _load(pdf, facts)
    _bars(pdf, facts["bars"])
    _signatures(pdf, facts)
    return bytes(pdf.output())


class _Sheet(FPDF):
    """A4 with our fonts and our foot."""

    def __init__(self, facts: Mapping[str, Any], fonts: PrintFonts) -> None:
        super().__init__(format="A4")
        self._facts = facts
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, margin=16)
        self.set_title("演练报告 Rehearsal report")
        self.set_lang("zh-CN")
        self.set_creation_date(_moment(facts["made_at"]))
        fonts.add_to(self, json.dumps(facts, ensure_ascii=False))
        self.set_font(FAMILY, size=9.5)

    def footer(self) -> None:
        """When it was made, and the page number."""
        self.set_y(-12)
        self.set_font(FAMILY, size=7.5)
        made = _moment(self._facts["made_at"]).strftime("%Y-%m-%d %H:%M:%S")
        self.cell(
            0,
            4,
            f"制表 {made}（北京时间）　明远 {self._facts['versions']['mingyuan']}　第 {self.page_no()} 页 共 {{nb}} 页",
            align="R",
        )

    def head(self) -> None:
        """Title, verdict, where and when."""
        facts = self._facts
        self.set_font(FAMILY, "B", 16)
        self.cell(0, 10, "考前演练报告 Rehearsal report", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FAMILY, "B", 11)
        verdict = "结论：全部达标 All bars met" if facts["passed"] else "结论：有未达标项 Not all bars met"
        self.cell(0, 7, verdict, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FAMILY, size=9.5)
        machine = facts["machine"]
        self.grid(
            (24, 66, 24, 66),
            [
                ("地点", facts["place"] or "—", "时间", _moment(facts["made_at"]).strftime("%Y-%m-%d %H:%M")),
                ("被测服务", facts["server"], "数据库", f"{facts['database']}，{facts['nodes']} 个节点"),
                ("机器", f"{machine['name']}，{machine['cores']} 核，{machine['memory_gb']} GB", "处理器", machine["processor"]),
                ("系统", machine["system"], "版本", "，".join(f"{name} {v}" for name, v in facts["versions"].items())),
            ],
            names=(0, 2),
        )  # fmt: skip

    def section(self, title: str) -> None:
        """A numbered heading."""
        if self.will_page_break(4 * LINE):
            self.add_page()
        self.ln(2)
        self.set_font(FAMILY, "B", 11)
        self.cell(0, 7, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FAMILY, size=9.5)

    def grid(
        self, widths: Sequence[float], rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), names: Sequence[int] = ()
    ) -> None:  # fmt: skip
        """A bordered table."""
        bold = FontFace(emphasis="BOLD")
        with self.table(
            col_widths=tuple(widths), line_height=LINE, borders_layout=TableBordersLayout.ALL,
            first_row_as_headings=bool(head), headings_style=bold, text_align="LEFT", padding=(0.6, 1.2),
        ) as table:  # fmt: skip
            if head:
                table.row(list(head))
            for cells in rows:
                row = table.row()
                for index, text in enumerate(cells):
                    row.cell(text, style=bold if index in names else None)


def _load(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    save, back = facts["save_ms"], facts["reconnect_s"]
    pdf.section("一、负载 Load")
    pdf.grid(
        (24, 66, 24, 66),
        [
            ("考生", f"{facts['candidates']} 人（模拟，真实协议）", "计划", f"每秒 {facts['rate_per_s']:g} 次，{facts['seconds']:g} 秒"),
            ("已确认", f"{facts['acked']} 次", "每秒", f"{facts['saves_per_s']:g} 次"),
            ("保存耗时", f"中位 {save['p50']:g} ms，95 % {save['p95']:g} ms", "", f"99 % {save['p99']:g} ms，最长 {save['max']:g} ms"),
            ("服务器 CPU", _seconds(facts["server_cpu_s"]), "数据库 CPU", _seconds(facts["database_cpu_s"])),
            ("机器负载", " / ".join(f"{one:.2f}" for one in facts["load_average"]), "种子", str(facts["seed"])),
        ],
        names=(0, 2),
    )  # fmt: skip
    pdf.section("二、每秒已确认保存 Acknowledged saves per second")
    _chart(pdf, facts["acked_per_s"], facts["nemesis_log"])
    pdf.section("三、故障 Faults")
    if facts["nemesis_log"]:
        pdf.grid(
            (36, 54, 24, 24, 42),
            [
                (one["fault"], one["what"], f"{one['began_at']:.1f} s", f"{one['ended_at'] - one['began_at']:.1f} s", _figures(one))
                for one in facts["nemesis_log"]
            ],
            head=("故障", "对象", "开始于", "持续", "测得"),
        )  # fmt: skip
    else:
        pdf.cell(0, LINE, "无 none", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.grid(
        (24, 66, 24, 66),
        [
            ("重新连上", f"{facts['reconnects']} 次，中位 {back['p50']:g} s，95 % {back['p95']:g} s", "最长", f"{back['max']:g} s"),
            ("实际中断", f"最长 {facts['lost_time_s_max']:g} s", "系统补时", f"最长 {facts['given_back_s_max']:g} s"),
        ],
        names=(0, 2),
    )  # fmt: skip


def _chart(pdf: _Sheet, counts: Sequence[int], log: Sequence[Mapping[str, Any]]) -> None:
    """Bars per second; the time of a fault is shaded."""
    if pdf.will_page_break(CHART_H + 10):
        pdf.add_page()
    left, top = pdf.get_x(), pdf.get_y() + 2
    seconds = max(1, len(counts), *(round(one["ended_at"]) + 1 for one in log)) if log else max(1, len(counts))
    most = max(counts, default=1) or 1
    width = CHART_W / seconds
    pdf.set_fill_color(*BROKEN)
    for one in log:
        begin, end = max(0.0, one["began_at"]), min(seconds, one["ended_at"])
        pdf.rect(left + begin * width, top, max(0.4, (end - begin) * width), CHART_H, style="F")
    pdf.set_fill_color(*INK)
    for second, count in enumerate(counts):
        height = CHART_H * count / most
        if height:
            pdf.rect(left + second * width, top + CHART_H - height, width * 0.85, height, style="F")
    pdf.set_draw_color(*SOFT)
    pdf.rect(left, top, CHART_W, CHART_H)
    pdf.set_draw_color(0, 0, 0)
    pdf.set_fill_color(255, 255, 255)  # else the tables that follow are filled
    pdf.set_xy(left, top + CHART_H + 0.5)
    pdf.set_font(FAMILY, size=7.5)
    pdf.cell(CHART_W / 2, 4, f"0 — {seconds} 秒，纵轴最高 {most} 次/秒；底色为故障时段")
    pdf.cell(CHART_W / 2, 4, "shaded: while the fault lasted", align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(FAMILY, size=9.5)


def _drill(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("一、现场演习 Drill")
    pdf.grid(
        (8, 64, 28, 28, 20, 32),
        [
            (
                str(number), one["words_zh"], one["done_by"] or "—",
                _moment(one["began_at"]).strftime("%H:%M:%S"),
                UNMEASURED if one["recovered_s"] is None else f"{one['recovered_s']:g} s",
                ("通过" if one["passed"] else "未通过") + (f"：{one['remark']}" if one["remark"] else ""),
            )
            for number, one in enumerate(facts["steps"], start=1)
        ],
        head=("", "步骤", "执行人", "开始", "恢复", "结果"),
    )  # fmt: skip


def _bars(pdf: _Sheet, bars: Sequence[Mapping[str, Any]]) -> None:
    pdf.section("达标情况 Bars")
    pdf.grid(
        (74, 42, 42, 22),
        [(f"{one['words_zh']} {one['words_en']}", one["wanted"], one["found"], "达标" if one["met"] else "未达标") for one in bars],
        head=("项目", "要求", "测得", "结果"),
    )  # fmt: skip


def _signatures(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("签字 Signatures")
    pdf.grid(
        (36, 66, 24, 54),
        [("技术负责人 technician", "\n\n", "日期 date", ""), ("考点负责人 head of site", "\n\n", "日期 date", "")],
        names=(0, 2),
    )
    how = "以数据库逐条核对" if facts.get("judged_by") == "database" else "以服务器自述的计分答案核对"
    if facts.get("kind") != "drill":
        pdf.ln(1)
        pdf.multi_cell(
            0, LINE, f"核对方式：{how}。所有数字均为本次实测，未作任何修饰。Every figure was measured in this run."
        )


def _figures(event: Mapping[str, Any]) -> str:
    return "，".join(f"{name} {value}" for name, value in event["figures"].items()) or "—"


def _seconds(value: float | None) -> str:
    return UNMEASURED if value is None else f"{value:g} s"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SHANGHAI)
