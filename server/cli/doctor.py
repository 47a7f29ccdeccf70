"""`mingyuan doctor`: is this machine ready for an exam? Exit status 0 yes, 1 with warnings, 2 something blocks."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.safekeeping.domain.readiness import Line, State, exit_status
from server.safekeeping.readiness import as_document, read_readiness

app = typer.Typer()
SIGNS = {State.OK: "✓ 正常", State.NOTE: "· 说明", State.WARNING: "! 注意", State.BLOCKING: "✗ 阻断"}
COLOURS = {State.OK: "green", State.NOTE: "", State.WARNING: "yellow", State.BLOCKING: "red"}


@app.command()
def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """考前体检：逐项列出状态、含义和该做什么 Readiness: each line says its state, what it means and what to do."""
    with platform_at(data, migrate=False) as platform:
        lines = read_readiness(platform)
    if as_json:
        tell(as_document(lines), True, "")
    else:
        _print(lines)
    if exit_status(lines):
        raise typer.Exit(exit_status(lines))


def _print(lines: list[Line]) -> None:
    table = Table(show_header=True, header_style="bold", box=None, pad_edge=False)
    for title in ("状态", "情况", "怎么办"):
        table.add_column(title, overflow="fold", no_wrap=title == "状态")
    for line in lines:
        colour = COLOURS[line.state]
        sign = f"[{colour}]{SIGNS[line.state]}[/]" if colour else SIGNS[line.state]
        table.add_row(
            sign, f"{line.zh}\n[dim]{line.en}[/]", f"{line.todo_zh}\n[dim]{line.todo_en}[/]" if line.todo_zh else ""
        )
    Console().print(table)
