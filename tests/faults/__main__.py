"""`make faults`: make the faults of the matrix and write down what was seen."""

from __future__ import annotations

import json
import random
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.faults.catalogue import TITLES
from tests.faults.page import render_page
from tests.faults.records import DATA, FAIL, PAGE, Record, Records, read_records, this_machine, write_records
from tests.faults.registry import Fault, load_matrix
from tests.faults.runner import Asked, run_fault, share_budget

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True)
COLOURS = {"pass": "green", "fail": "red", "not run": "yellow"}


@app.command()
def main(
    only: Annotated[str, typer.Option(help="只做这些 Only these: F1,F5.")] = "",
    short: Annotated[bool, typer.Option("--short", help="短形式 The short form, as in CI.")] = False,
    seed: Annotated[int | None, typer.Option(help="随机种子 Seed; shown and kept.")] = None,
    repeat: Annotated[int | None, typer.Option(help="每项次数 Repetitions of each.")] = None,
    full_time_budget: Annotated[
        float | None, typer.Option(help="总分钟数 Fit the matrix into so many minutes.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="列出 List the faults.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="本次结果另存 This run's records into a file.")
    ] = None,
    render: Annotated[bool, typer.Option(help="只由数据重写页面 Only write the page again from its data.")] = False,
    keep: Annotated[bool, typer.Option(help="写入 faults.json 与页面 Write faults.json and the page.")] = True,
) -> None:
    """故障矩阵 Make each fault, check what was promised, show that the check can fail."""
    signal.signal(signal.SIGTERM, _leave_nothing_behind)
    faults = load_matrix()
    if list_only:
        console.print(_listed(faults))
        return
    if render:
        records = read_records()
        records.registered = list(faults)
        write_records(records)
        PAGE.write_text(render_page(records), encoding="utf-8")
        return
    chosen = _chosen(faults, only, short)
    seed = seed if seed is not None else random.SystemRandom().randrange(10**6)
    console.print(f"seed {seed}, {len(chosen)} faults")
    done = _run_all(chosen, seed, short=short, repeat=repeat, minutes=full_time_budget, keep=keep)
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(one) for one in done], ensure_ascii=False, indent=1), encoding="utf-8")
    if any(one.result == FAIL for one in done):
        raise typer.Exit(1)


def _leave_nothing_behind(*_: object) -> None:
    """A run that is told to stop takes its mounts, namespaces and servers away first."""
    raise SystemExit(143)


def _chosen(faults: dict[str, Fault], only: str, short: bool) -> dict[str, Fault]:
    wanted = [row.strip().upper() for row in only.split(",") if row.strip()]
    unknown = [row for row in wanted if row not in faults]
    if unknown:
        raise typer.BadParameter(f"not in the matrix or not written yet: {', '.join(unknown)}")
    if wanted:
        return {row: faults[row] for row in faults if row in wanted}
    return {row: one for row, one in faults.items() if one.repetitions.short or not short}


def _run_all(
    chosen: dict[str, Fault], seed: int, *, short: bool, repeat: int | None, minutes: float | None, keep: bool
) -> list[Record]:
    done: list[Record] = []
    began = time.monotonic()
    kept = read_records()
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    ) as bars:
        whole = bars.add_task("故障矩阵 fault matrix", total=len(chosen))
        for turn, (row, fault) in enumerate(chosen.items()):
            rest = dict(list(chosen.items())[turn:])
            asked = _asked(fault, rest, seed, short, repeat, minutes, kept, time.monotonic() - began)
            bar = bars.add_task(f"{row} {fault.title_en}", total=max(1, asked.repetitions))

            def tell(at: int, of: int, what: str, bar: object = bar, row: str = row) -> None:
                bars.update(bar, completed=at, total=max(1, of), description=f"{row} {what}")  # type: ignore[arg-type]

            record = run_fault(fault, asked, tell)
            bars.remove_task(bar)
            bars.advance(whole)
            console.print(_line(record))
            done.append(record)
            if keep:
                keep_record(record, registered=list(load_matrix()))
    return done


def _asked(
    fault: Fault, rest: dict[str, Fault], seed: int, short: bool, repeat: int | None, minutes: float | None,
    kept: Records, spent_s: float,
) -> Asked:  # fmt: skip
    if repeat is not None:
        return Asked(seed, repeat, "chosen")
    if short:
        return Asked(seed, max(1, fault.repetitions.short), "short")
    if minutes is None:
        return Asked(seed, fault.repetitions.full, "full")
    repetitions = share_budget(rest, minutes, kept.runs, spent_s)[fault.id]
    return Asked(seed, repetitions, "full" if repetitions == fault.repetitions.full else f"budget {minutes:g} min")


def keep_record(record: Record, *, registered: list[str], data: Path = DATA, page: Path = PAGE) -> None:
    """Put one record into the data, the others stay; write the page from it."""
    records = read_records(data)
    records.machine = this_machine()
    records.runs[record.id] = record
    records.registered = registered
    write_records(records, data)
    page.write_text(render_page(records), encoding="utf-8")


def _line(record: Record) -> str:
    colour = COLOURS[record.result]
    control = "" if record.control is None else f" · control: {record.control.what}"
    words = f"{record.worst}{control}" + (f" · {record.remark}" if record.remark else "")
    return f"[{colour}]{record.id:4} {record.result:8}[/] N={record.n} {record.wall_s:g} s · {words}".replace(
        "[fail", "\\[fail"
    )


def _listed(faults: dict[str, Fault]) -> Table:
    table = Table("#", "Fault 故障", "N short/full", "Goal", "Control")
    for row, (zh, en) in TITLES.items():
        fault = faults.get(row)
        if fault is None:
            table.add_row(row, f"{zh}\n{en}", "–", "not written yet", "")
            continue
        count = f"{fault.repetitions.short}/{fault.repetitions.full}"
        table.add_row(row, f"{zh}\n{en}", count, fault.goal, fault.control_text or "–")
    return table


if __name__ == "__main__":
    app()
