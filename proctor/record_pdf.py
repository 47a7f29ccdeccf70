"""The room record as A4 PDF, drawn from its facts alone. Slow (fonts): call it in a real thread."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import segno
from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, XPos, YPos

from server.adapters.print_fonts import FAMILY, PrintFonts
from server.delivery.time_keeping import SHANGHAI

MARGIN, LINE = 15.0, 5.6
HEAD_GROUPS = 16
QR_MM = 26
NOTHING = "无"


def draw_record(facts: Mapping[str, Any], fonts: PrintFonts) -> bytes:
    """The document; the same facts give the same content."""
    pdf = _Sheet(facts, fonts)
    pdf.add_page()
    pdf.title_block()
    _head(pdf, facts)
    _attendance(pdf, facts)
    _papers(pdf, facts)
    _events(pdf, facts)
    _signatures(pdf, facts)
    return bytes(pdf.output())


class _Sheet(FPDF):
    """A4 with our fonts and our foot."""

    def __init__(self, facts: Mapping[str, Any], fonts: PrintFonts) -> None:
        super().__init__(format="A4")
        self._facts = facts
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, margin=18)
        self.set_title("考场情况记录表")
        self.set_lang("zh-CN")
        self.set_creation_date(_moment(str(facts["made_at"])))
        fonts.add_to(self, json.dumps(facts, ensure_ascii=False))
        self.set_font(FAMILY, size=9.5)

    def footer(self) -> None:
        """Digest of the facts and the page number."""
        self.set_y(-13)
        self.set_font(FAMILY, size=7.5)
        digest = self._facts["facts_digest"]
        self.cell(0, 4, f"记录校验码 SHA-256 {digest}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 4, f"第 {self.page_no()} 页 共 {{nb}} 页", align="R")

    def title_block(self) -> None:
        self.set_font(FAMILY, "B", 16)
        self.cell(0, 10, "考场情况记录表", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        marks = [
            words
            for is_so, words in (
                (not self._facts["is_final"], "草稿 · 未签名"),
                (self._facts["is_rehearsal"], "模拟考"),
            )
            if is_so
        ]
        if marks:
            self.set_font(FAMILY, "B", 11)
            self.cell(0, 6, "　".join(marks), align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FAMILY, size=9.5)
        self.ln(1)

    def section(self, title: str) -> None:
        if self.will_page_break(3 * LINE):
            self.add_page()
        self.ln(2)
        self.set_font(FAMILY, "B", 11)
        self.cell(0, 7, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FAMILY, size=9.5)

    def pairs(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Two names with their values a line."""
        self.grid((24, 66, 24, 66), rows, names=(0, 2))

    def grid(
        self,
        widths: Sequence[float],
        rows: Iterable[Sequence[str]],
        *,
        head: Sequence[str] = (),
        names: Sequence[int] = (),
    ) -> None:
        """A bordered table; `head` is repeated on every page, columns in `names` are bold."""
        bold = FontFace(emphasis="BOLD")
        with self.table(
            col_widths=tuple(widths),
            line_height=LINE,
            borders_layout=TableBordersLayout.ALL,
            first_row_as_headings=bool(head),
            headings_style=bold,
            text_align="LEFT",
            padding=(0.6, 1.2),
        ) as table:
            if head:
                table.row(list(head))
            for cells in rows:
                row = table.row()
                for index, text in enumerate(cells):
                    row.cell(text, style=bold if index in names else None)


def _head(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    planned, real = facts["planned"], facts["real"]
    pdf.pairs(
        [
            (
                "场次",
                f"{facts['sitting']}（{facts['plan_number']}-{facts['session_number']:02d}）",
                "考点",
                facts["centre"],
            ),
            ("职业", facts["occupation"], "考场", facts["room"]),
            ("等级", facts["level"], "规则", facts["profile"]),
            (
                "计划时间",
                f"{_full(planned['start'])}，{_length(planned['minutes'] * 60)}",
                "实际开考",
                _when(real["start"]),
            ),
            ("开门入场", _when(facts["gates"]["admission"]), "宣读须知", _when(facts["gates"]["notes"])),
            ("登记缺考", _when(facts["gates"]["absent_listed"]), "实际结束", _when(real["end"])),
        ]
    )


def _attendance(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    counts, check = facts["counts"], facts["five_point"]
    pdf.section("一、到考情况")
    pdf.pairs(
        [
            ("应考", f"{counts['expected']} 人", "实考", f"{counts['present']} 人"),
            (
                "缺考",
                f"{counts['absent']} 人",
                "五对照",
                f"已核对 {check['checked']} 人，不符 {len(check['failed'])} 人",
            ),
        ]
    )
    lists = [
        ("缺考名单", facts["absent"], False),
        ("五对照不符", check["failed"], False),
        ("未做五对照", check["unchecked"], False),
        ("迟到入场", facts["late"], True),
        ("提前离场", facts["early"], True),
        ("监考收卷", facts["collected"], True),
    ]
    pdf.grid((24, 156), [(title, _people(people, with_time)) for title, people, with_time in lists], names=(0,))


def _papers(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    scripts, witnesses = facts["scripts"], facts["witnesses"]
    pdf.section("二、试卷")
    pdf.pairs(
        [
            ("试卷袋", scripts["label"] or NOTHING, "领取", f"{_when(facts['gates']['fetched'])}　{_names(witnesses['fetch'])}"),
            ("启封时间", _when(facts["gates"]["opened"]), "启封见证", _names(witnesses["open"])),
            ("收到／使用", f"{scripts['received']} 份／{scripts['used']} 份", "退回／作废", f"{scripts['returned']} 份／{scripts['void']} 份"),
            ("备用卷", scripts["backup_label"] or NOTHING, "备用卷启封",
             f"{_when(scripts['backup_opened_at'])}　{_names(witnesses['backup'])}" if scripts["backup_opened_at"] else "未启用"),
        ]
    )  # fmt: skip
    pdf.grid((24, 156), [("袋校验码", _groups(scripts["digest"]) or NOTHING)], names=(0,))


def _events(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("三、换机")
    _table(
        pdf,
        (24, 16, 34, 28, 78),
        ("时间", "机位", "准考证号", "姓名", "换到／原因"),
        [
            (
                _when(one["at"]),
                _seat(one["from"]),
                one["ticket"],
                one["name"],
                f"{_seat(one['to'])} 号　{one['reason']}",
            )
            for one in facts["swaps"]
        ],
    )
    pdf.section("四、中断与补时")
    _table(
        pdf,
        (38, 16, 16, 26, 24, 20, 40),
        ("起止", "机位", "类别", "原因", "时长", "状态", "说明"),
        [
            (
                _when(one["from"]) + (f"—{_when(one['to'])}" if one["to"] else ""),
                one["whom"],
                one["kind"],
                one["cause"],
                _length(one["seconds"]),
                one["status"],
                one["reason"],
            )
            for one in facts["interruptions"]
        ],
    )
    pdf.section("五、违纪")
    _table(
        pdf,
        (24, 14, 34, 26, 14, 68),
        ("时间", "机位", "准考证号", "姓名", "档次", "情况与处理（考生签名：　　　　）"),
        [
            (_when(one["at"]), _seat(one["seat"]), one["ticket"], one["name"], str(one["tier"] or ""), _told(one))
            for one in facts["violations"]
        ],
    )
    pdf.section("六、其他情况")
    _table(
        pdf,
        (24, 14, 34, 26, 22, 60),
        ("时间", "机位", "准考证号", "姓名", "类别", "情况与处理"),
        [
            (_when(one["at"]), _seat(one["seat"]), one["ticket"], one["name"], one["kind"], _told(one))
            for one in facts["incidents"]
        ],
    )


def _signatures(pdf: _Sheet, facts: Mapping[str, Any]) -> None:
    pdf.section("七、签名")
    pdf.grid(
        (24, 40, 46, 70),
        [
            *(
                (
                    one["duty"],
                    one["name"],
                    _when(one["at"]) if one["at"] else "未签",
                    f"备注：{one['remark'] or NOTHING}",
                )
                for one in facts["signatures"]
            ),
            ("巡考", "", "", "签名："),
            ("质量督导", "", "", "意见与签名："),
        ],
        names=(0,),
    )
    audit = facts["audit"]
    if pdf.will_page_break(QR_MM + 12):
        pdf.add_page()
    pdf.ln(3)
    top = pdf.get_y()
    image = io.BytesIO()
    segno.make(f"mingyuan-audit:{audit['seq']}:{audit['head']}", error="m", micro=False).save(
        image, kind="png", scale=6, border=1
    )
    pdf.image(image, x=MARGIN, y=top, w=QR_MM, alt_text="审计链头")
    pdf.set_xy(MARGIN + QR_MM + 4, top + 1)
    pdf.set_font(FAMILY, "B", 9.5)
    pdf.cell(0, 6, f"审计链头（第 {audit['seq']} 条）", new_x=XPos.LEFT, new_y=YPos.NEXT)
    pdf.set_font(FAMILY, size=9.5)
    groups = _groups(audit["head"]).split(" ")
    for start in range(0, len(groups), 8):
        pdf.cell(0, 5.5, " ".join(groups[start : start + 8]), new_x=XPos.LEFT, new_y=YPos.NEXT)
    pdf.cell(0, 5.5, f"制表时间 {_full(str(facts['made_at']))}（北京时间）", new_x=XPos.LEFT, new_y=YPos.NEXT)


def _table(pdf: _Sheet, widths: Sequence[float], head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        pdf.grid(widths, rows, head=head)
    else:
        pdf.cell(0, LINE, NOTHING, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _people(people: Sequence[Mapping[str, Any]], with_time: bool) -> str:
    told = (
        f"{_seat(one['seat'])} 号 {one['name']} {one['ticket']}" + (f" {_when(one['at'])}" if with_time else "")
        for one in people
    )
    return "；".join(told) or NOTHING


def _told(one: Mapping[str, Any]) -> str:
    return f"{one['words']}　处理：{one['action'] or NOTHING}"


def _names(names: Sequence[str]) -> str:
    return "、".join(names) or NOTHING


def _seat(number: int | None) -> str:
    return "—" if number is None else str(number)


def _groups(digest: str) -> str:
    width = max(1, len(digest) // HEAD_GROUPS)
    return " ".join(digest[start : start + width] for start in range(0, len(digest), width))


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} 分 {rest:02d} 秒"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SHANGHAI)


def _when(text: str | None) -> str:
    return "—" if text is None else _moment(text).strftime("%H:%M:%S")


def _full(text: str) -> str:
    return _moment(text).strftime("%Y-%m-%d %H:%M:%S")
