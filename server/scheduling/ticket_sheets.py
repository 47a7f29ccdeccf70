"""Tickets on paper: one PDF with a ticket a person, and one XLSX list for the office.

Both hold PINs and full ID numbers: files are written with mode 0600 and belong in an envelope, not in a shared folder;
over HTTP they are made in memory and sent once.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from datetime import timedelta, timezone
from pathlib import Path

import xlsxwriter
from fpdf import FPDF

from server.adapters.print_fonts import FAMILY, find_print_fonts
from server.scheduling.domain.candidate_notice import LEVEL_NAMES, candidate_rules
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.services.issue_tickets import IssuedTicket

CHINA = timezone(timedelta(hours=8))
MARGIN_MM = 14
TICKETS_A_PAGE = 2
LIST_HEADER = ("准考证号", "密码", "姓名", "证件号码", "单位", "场次", "考点", "考场", "座号", "卷别")
LIST_WIDTHS = (18, 9, 14, 22, 22, 24, 18, 14, 6, 6)


def write_ticket_pdf(path: Path, tickets: Sequence[IssuedTicket], profile: RuleProfile) -> None:
    """`draw_ticket_pdf` into a file nobody else may read.

    Raises:
        Unavailable: `PRINT_FONT_MISSING`.
    """
    _write_private(path, draw_ticket_pdf(tickets, profile))


def write_ticket_list(path: Path, tickets: Sequence[IssuedTicket]) -> None:
    """`draw_ticket_list` into a file nobody else may read."""
    _write_private(path, draw_ticket_list(tickets))


def draw_ticket_pdf(tickets: Sequence[IssuedTicket], profile: RuleProfile) -> bytes:
    """Two tickets a page, each with name, ID, number, PIN, occupation, level, time, place and notes (SZ-1 art.10).

    Raises:
        Unavailable: `PRINT_FONT_MISSING`.
    """
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(auto=False)
    pdf.set_title("准考证 Admission tickets")
    find_print_fonts().add_to(pdf)
    rules: dict[int, list[str]] = {}
    for index, ticket in enumerate(tickets):
        if index % TICKETS_A_PAGE == 0:
            pdf.add_page()
        top = MARGIN_MM + index % TICKETS_A_PAGE * (pdf.h / TICKETS_A_PAGE)
        if ticket.duration_s not in rules:
            rules[ticket.duration_s] = candidate_rules(profile, ticket.duration_s)[0]
        _draw_ticket(pdf, ticket, rules[ticket.duration_s], top)
        if index % TICKETS_A_PAGE == 0 and index + 1 < len(tickets):
            pdf.set_draw_color(150)
            pdf.set_dash_pattern(dash=2, gap=2)
            pdf.line(MARGIN_MM, pdf.h / 2, pdf.w - MARGIN_MM, pdf.h / 2)
            pdf.set_dash_pattern()
    return bytes(pdf.output())


def draw_ticket_list(tickets: Sequence[IssuedTicket]) -> bytes:
    """One row a ticket in order of ticket number; every cell is text, so that 18 digits survive (checklist E8, E9)."""
    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, as_text) as book:
        sheet = book.add_worksheet("准考证")
        bold, text = book.add_format({"bold": True, "bg_color": "#E8EEF4"}), book.add_format({"num_format": "@"})
        for column, (title, width) in enumerate(zip(LIST_HEADER, LIST_WIDTHS, strict=True)):
            sheet.set_column(column, column, width, text)
            sheet.write_string(0, column, title, bold)
        for row, ticket in enumerate(sorted(tickets, key=lambda one: one.number), start=1):
            for column, cell in enumerate(_list_row(ticket)):
                sheet.write_string(row, column, cell, text)
        sheet.freeze_panes(1, 0)
    return file.getvalue()


def _list_row(ticket: IssuedTicket) -> tuple[str, ...]:
    return (
        ticket.number,
        ticket.pin,
        ticket.name,
        ticket.id_number,
        ticket.organisation,
        ticket.sitting_name,
        ticket.centre_name,
        ticket.room_name,
        str(ticket.seat_number),
        ticket.form_label,
    )


def _draw_ticket(pdf: FPDF, ticket: IssuedTicket, rules: Sequence[str], top: float) -> None:
    width = pdf.w - 2 * MARGIN_MM
    pdf.set_draw_color(60)
    pdf.set_xy(MARGIN_MM, top)
    pdf.set_font(FAMILY, "B", 15)
    pdf.cell(width, 8, "准考证", align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(FAMILY, "", 10)
    pdf.set_x(MARGIN_MM)
    pdf.cell(width, 6, _fitting(pdf, ticket.sitting_name, width), align="C")
    starts = ticket.starts_at.astimezone(CHINA)
    ends = starts + timedelta(seconds=ticket.duration_s)
    lines = [
        [("姓名", ticket.name), ("准考证号", ticket.number)],
        [("证件号码", ticket.id_number), ("登录密码", ticket.pin)],
        [
            ("职业（工种）", f"{ticket.occupation_name} {ticket.occupation_code}"),
            ("等级", LEVEL_NAMES.get(ticket.level, "")),
        ],
        [("考试时间", f"{starts:%Y-%m-%d %H:%M}–{ends:%H:%M}"), ("单位", ticket.organisation)],
        [("考点", ticket.centre_name), ("考场 / 座号", f"{ticket.room_name}  {ticket.seat_number} 号")],
    ]
    y = top + 16
    for line in lines:
        for column, (label, value) in enumerate(line):
            x = MARGIN_MM + column * width / 2
            pdf.set_xy(x, y)
            pdf.set_font(FAMILY, "", 9)
            pdf.cell(24, 7.5, label, border=1)
            is_key = label in {"准考证号", "登录密码"}
            pdf.set_font(FAMILY, "B" if is_key else "", 12 if is_key else 10)
            pdf.cell(width / 2 - 24, 7.5, _fitting(pdf, value, width / 2 - 26), border=1)
        y += 7.5
    pdf.set_xy(MARGIN_MM, y + 2)
    pdf.set_font(FAMILY, "B", 9)
    pdf.cell(width, 5, "考生须知")
    pdf.set_font(FAMILY, "", 8)
    y += 7.5
    for number, rule in enumerate(rules, start=1):
        pdf.set_xy(MARGIN_MM, y)
        pdf.multi_cell(width, 4.2, f"{number}. {rule}", align="L")
        y = pdf.get_y()


def _fitting(pdf: FPDF, text: str, width: float) -> str:
    if pdf.get_string_width(text) <= width:
        return text
    while text and pdf.get_string_width(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    path.chmod(0o600)
