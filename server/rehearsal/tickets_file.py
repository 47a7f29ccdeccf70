"""The tickets of a rehearsal sitting at somebody's server: CSV with the columns `ticket` and `pin` (准考证号, 密码)."""

from __future__ import annotations

import csv
from pathlib import Path

from server.core.errors import InvalidInput

TICKET_NAMES, PIN_NAMES = ("ticket", "准考证号", "number"), ("pin", "密码", "登录密码")


def read_tickets(path: Path) -> list[tuple[str, str]]:
    """(number, PIN) of every line; a byte order mark and spare columns do no harm.

    Raises:
        InvalidInput: `TICKETS_FILE_WRONG`, with the line.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if not rows:
        raise _wrong(path, 1)
    head = [cell.strip().lower() for cell in rows[0]]
    columns = [next((head.index(name) for name in names if name in head), None) for names in (TICKET_NAMES, PIN_NAMES)]
    if columns[0] is None or columns[1] is None:
        raise _wrong(path, 1)
    found = []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) <= max(columns[0], columns[1]) or not row[columns[0]].strip() or not row[columns[1]].strip():
            raise _wrong(path, line)
        found.append((row[columns[0]].strip(), row[columns[1]].strip()))
    if not found:
        raise _wrong(path, 2)
    return found


def _wrong(path: Path, line: int) -> InvalidInput:
    return InvalidInput(
        "TICKETS_FILE_WRONG",
        f"{path.name} 第 {line} 行不对：需要表头 ticket,pin，每行一个准考证号和密码。",
        f"{path.name}, line {line}: a header ticket,pin is needed, then a ticket number and its PIN a line.",
    )
