"""`mingyuan rehearse`: many real-protocol candidates, named faults, and a report a site can sign."""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from server.adapters.print_fonts import find_print_fonts
from server.adapters.real_thread import in_real_thread
from server.cli.context import REFUSED, JsonOption
from server.core.clock import SystemClock
from server.core.errors import InvalidInput, MingyuanError
from server.rehearsal.drill import STEPS, Drill, DrillStep, Watch, drill_facts
from server.rehearsal.drill_watch import BoardWatch, HealthWatch, PersonWatch
from server.rehearsal.load import LoadFailed, run_load
from server.rehearsal.load_plan import LoadPlan, LoadReport, Progress
from server.rehearsal.nemesis.catalogue import FAULTS, FaultKind, find_fault
from server.rehearsal.outcome import facts_of
from server.rehearsal.past_rehearsals import store_rehearsal
from server.rehearsal.rehearse import Wish, rehearse
from server.rehearsal.report_pdf import draw_report
from server.rehearsal.server_process import ServerDidNotStart
from server.rehearsal.staff import StaffRefused
from server.rehearsal.tickets_file import read_tickets
from server.rehearsal.where_allowed import check_addresses

app = typer.Typer(invoke_without_command=True)
screen = Console(stderr=True)
#: a bar that was not met is told in the facts (`passed`, `bars`); damaged answers are an exit status as well
ANSWERS_DAMAGED = 2
STEP_FAILED = 3
LINE_EVERY_S = 5.0

AddressOption = Annotated[
    list[str] | None,
    typer.Option("--address", help="已有服务器的地址，可多次；不写则自己启动 A running server; else our own."),
]
ForeignOption = Annotated[
    list[str] | None,
    typer.Option("--yes-foreign", help="非内网地址须在此重复一次 Repeat an address outside private networks."),
]
ReportOption = Annotated[Path | None, typer.Option("--report", help="把可签字的报告写成 PDF Write the report as PDF.")]
PlaceOption = Annotated[str, typer.Option(help="报告上的地点 The place, for the report.")]
RecordOption = Annotated[
    Path | None, typer.Option("--record", help="把结果登记到这个数据目录，供 doctor 查看 Keep the outcome in this data folder.")
]  # fmt: skip


@app.callback()
def rehearse_command(
    context: typer.Context,
    candidates: Annotated[int, typer.Option(help="考生人数 How many candidates.")] = 100,
    rate: Annotated[
        float, typer.Option(help="每秒作答次数（合计），0 为每人 2 秒一次 Answers per second, all together.")
    ] = 0,
    seconds: Annotated[float, typer.Option(help="作答多少秒 For how many seconds.")] = 60,
    fault: Annotated[list[str] | None, typer.Option(help=f"故障名，可多次 Faults: {', '.join(FAULTS)}.")] = None,
    fault_seconds: Annotated[float, typer.Option(help="故障持续秒数，0 为默认 How long a fault lasts.")] = 0,
    nodes: Annotated[int, typer.Option(help="自己启动几个节点 Nodes of our own.")] = 1,
    database: Annotated[str, typer.Option(help="sqlite 或 postgres，默认按故障所需 sqlite or postgres.")] = "",
    data: Annotated[
        Path | None, typer.Option("--data", help="演练的数据目录，默认临时 Data folder; default: temporary.")
    ] = None,
    seed: Annotated[int, typer.Option(help="随机种子 Seed of everything random.")] = 1,
    submit: Annotated[bool, typer.Option("--submit", help="结束时交卷 Hand in at the end.")] = False,
    address: AddressOption = None,
    tickets: Annotated[
        Path | None,
        typer.Option(help="模拟场次的准考证 CSV（ticket,pin），配合 --address Tickets of a rehearsal sitting."),
    ] = None,
    yes_foreign: ForeignOption = None,
    report: ReportOption = None,
    place: PlaceOption = "",
    record: RecordOption = None,
    as_json: JsonOption = False,
) -> None:
    """考前演练：真实协议的模拟考生、故障、可签字的报告 Load and faults with a report to sign."""
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    signal.signal(signal.SIGTERM, _leave)
    with refusals_told():
        kinds = [find_fault(name) for name in fault or ()]
        plan = LoadPlan(
            candidates, rate or candidates / 2, seconds, seed, submit=submit or any(kind.submits for kind in kinds),
            proctors=not address,
        )  # fmt: skip
        plan.check()
        if address:
            outcome = _against(plan, check_addresses(address, yes_foreign or ()), tickets, kinds, as_json)
            facts = _facts(outcome, kinds, place, "、".join(address), "—", len(address))
        else:
            wish = Wish(plan, kinds, fault_seconds or None, nodes, database, data)
            needs = wish.needs
            with _shown(plan, as_json) as show:
                outcome = rehearse(wish, on_progress=show, say=lambda words: screen.print(f"· {words}"))
            facts = _facts(outcome, kinds, place, "自带服务（本机） own server", needs.database, needs.nodes)
        keep(facts, report, record or data)
    _print(facts, as_json)
    if any(facts[name] for name in ("lost", "duplicated", "foreign", "wrong_final")):
        raise typer.Exit(ANSWERS_DAMAGED)


def _leave(number: int, _frame: object) -> None:
    """Asked to stop: servers, databases and folders of our own go first."""
    raise SystemExit(128 + number)


def _against(
    plan: LoadPlan, addresses: list[str], tickets: Path | None, kinds: list[FaultKind], as_json: bool
) -> LoadReport:
    """Somebody's running server: nothing is broken there, and only a rehearsal sitting is entered."""
    if kinds and any(not kind.submits for kind in kinds):
        raise InvalidInput(
            "FAULT_NEEDS_OWN_SERVER",
            "对已有服务器的演练不制造故障。请去掉 --fault，或用 mingyuan rehearse drill 由人动手。",
            "Nothing is broken at a running server: leave out --fault, or use `mingyuan rehearse drill`.",
        )
    if tickets is None:
        raise InvalidInput(
            "TICKETS_FILE_MISSING",
            "对已有服务器演练需要模拟场次的准考证：--tickets 文件.csv（ticket,pin）。",
            "A running server needs tickets of a rehearsal sitting: --tickets FILE.csv (ticket,pin).",
        )
    people = read_tickets(tickets)
    if len(people) < plan.candidates:
        raise InvalidInput(
            "TICKETS_TOO_FEW",
            f"文件里只有 {len(people)} 张准考证，少于考生人数 {plan.candidates}。",
            f"The file has {len(people)} tickets, fewer than the {plan.candidates} candidates.",
        )
    with _shown(plan, as_json) as show:
        return run_load(None, addresses, plan, on_progress=show, folder=Path.cwd(), tickets=people)


def _facts(
    outcome: LoadReport, kinds: list[FaultKind], place: str, server: str, database: str, nodes: int
) -> dict[str, Any]:
    names = [kind.name for kind in kinds]
    now = SystemClock().now().astimezone(UTC)
    return facts_of(outcome, names, made_at=now, place=place, server=server, database=database, nodes=nodes)


@contextmanager
def refusals_told() -> Iterator[None]:
    """Refusals in both languages, exit status 1."""
    try:
        yield
    except MingyuanError as refusal:
        print(json.dumps(refusal.as_dict(), ensure_ascii=False), file=sys.stderr)
        raise typer.Exit(REFUSED) from None
    except (LoadFailed, ServerDidNotStart) as failure:
        print(f"演练未能进行 The rehearsal did not run:\n{failure}", file=sys.stderr)
        raise typer.Exit(REFUSED) from None


def keep(facts: dict[str, Any], report: Path | None, data: Path | None) -> None:
    """The report to sign, and the outcome for readiness."""
    if report is not None:
        report.write_bytes(in_real_thread(draw_report, facts, find_print_fonts()))
        screen.print(f"报告 report: {report}")
    if data is not None:
        screen.print(f"已登记 kept: {store_rehearsal(data, facts)}")


@contextmanager
def _shown(plan: LoadPlan, as_json: bool) -> Iterator[Any]:
    """A live table for people; a line now and then where nobody watches."""
    if as_json or not screen.is_terminal:
        last: dict[str, Any] = {"at": 0.0, "phase": ""}

        def tell(progress: Progress) -> None:
            if progress.phase != last["phase"] or time.monotonic() - last["at"] > LINE_EVERY_S:
                last.update(at=time.monotonic(), phase=progress.phase)
                screen.print(f"· {_line(progress)}")

        yield tell
        return
    with Live(console=screen, refresh_per_second=2) as live:
        yield lambda progress: live.update(_table(plan, progress))


PHASES = {
    "preparing": "准备", "waiting": "入场、等待开考", "starting": "领卷", "answering": "作答", "finishing": "收尾",
}  # fmt: skip


def _line(progress: Progress) -> str:
    return (
        f"{PHASES.get(progress.phase, progress.phase)} {progress.phase}: {progress.answering}/{progress.candidates} 人, "
        f"已确认 acked {progress.acked}, {progress.saves_per_s:.0f}/s, p95 {progress.save_ms_p95:.0f} ms, "
        f"未确认 unsent {progress.unsent}, 断线 away {progress.away_count}"
        + (f"  !! {progress.fault}" if progress.fault else "")
    )


def _table(plan: LoadPlan, progress: Progress) -> Table:
    table = Table(
        title=f"演练 rehearsal：{plan.candidates} 人，每秒 {plan.rate_per_s:g} 次，{plan.seconds:g} 秒",
        show_header=False,
    )
    rows = [
        ("阶段 phase", PHASES.get(progress.phase, progress.phase)),
        ("拿到试卷 hold the paper", f"{progress.answering} / {progress.candidates}"),
        ("已确认 acknowledged", f"{progress.acked}（每秒 {progress.saves_per_s:.0f}）"),
        ("保存 p95", f"{progress.save_ms_p95:.0f} ms"),
        ("未确认 unsent", str(progress.unsent)),
        ("断线 away", f"{progress.away_count}" + (f"：{' '.join(progress.away)} …" if progress.away else "")),
        ("故障 fault", progress.fault or "—"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table


def _print(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    table = Table(title="结果 Result")
    for title in ("项目", "要求", "测得", "结果"):
        table.add_column(title)
    for bar in facts["bars"]:
        mark = "[green]达标[/]" if bar["met"] else "[red]未达标[/]"
        table.add_row(f"{bar['words_zh']} {bar['words_en']}", bar["wanted"], bar["found"], mark)
    console = Console()
    console.print(table)
    save = facts["save_ms"]
    console.print(
        f"已确认 {facts['acked']} 次，每秒 {facts['saves_per_s']:g} 次；保存 p50 {save['p50']:g} · p95 {save['p95']:g} · "
        f"p99 {save['p99']:g} · 最长 {save['max']:g} ms；服务器 CPU {facts['server_cpu_s']} s"
    )


@app.command("drill")
def drill_command(
    address: Annotated[
        list[str], typer.Option("--address", help="考试服务器地址，可多次 Address of a node; repeat for all.")
    ],
    step: Annotated[list[str] | None, typer.Option(help=f"步骤，可多次，默认全部 Steps: {', '.join(STEPS)}.")] = None,
    by: Annotated[str, typer.Option(help="执行人，不写则逐步询问 Who does it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="不等待确认 Do not wait for the Enter key.")] = False,
    wait: Annotated[float, typer.Option(help="每步最多等待秒数，0 为默认 Wait at most so long.")] = 0,
    login: Annotated[str, typer.Option(help="看换机步骤的监考员登录名 A proctor's log-in, to watch the swap.")] = "",
    password: Annotated[str, typer.Option(envvar="MINGYUAN_STAFF_PASSWORD", help="其密码 Password.")] = "",
    sitting: Annotated[str, typer.Option(help="模拟场次编号 The rehearsal sitting.")] = "",
    room: Annotated[str, typer.Option(help="考场编号 The room.")] = "",
    yes_foreign: ForeignOption = None,
    report: ReportOption = None,
    place: PlaceOption = "",
    record: RecordOption = None,
    as_json: JsonOption = False,
) -> None:
    """现场演习：按提示动手，程序观察并计时 People break real machines; this watches and measures."""
    with refusals_told():
        addresses = check_addresses(address, yes_foreign or ())
        steps = [_step(name, wait) for name in step or STEPS]
        board = (login, password, sitting, room) if all((login, password, sitting, room)) else None
        drill = Drill(lambda one: _ask_who(one, by, yes=yes), lambda words: screen.print(f"· {words}"))
        for one in steps:
            watch = _watch(one, addresses, board, yes=yes)
            try:
                drill.play(one, watch)
            finally:
                watch.close()
        now = SystemClock().now().astimezone(UTC)
        facts = drill_facts(drill.outcomes, made_at=now, place=place, server="、".join(addresses), nodes=len(addresses))
        keep(facts, report, record)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    if not facts["passed"]:
        raise typer.Exit(STEP_FAILED)


def _step(name: str, wait: float) -> DrillStep:
    if name not in STEPS:
        names = ", ".join(STEPS)
        raise InvalidInput(
            "STEP_UNKNOWN", f"没有步骤 {name}。可用：{names}。", f"There is no step {name}. There are: {names}."
        )
    found = STEPS[name]
    return replace(found, disturbed_within_s=wait, recovered_within_s=wait) if wait else found


def _ask_who(step: DrillStep, by: str, *, yes: bool) -> str:
    screen.rule(f"{step.words_zh} {step.words_en}")
    screen.print(step.instruction_zh)
    if yes:
        return by
    who = by or typer.prompt("执行人 Who does it", err=True)
    typer.prompt("准备好后按回车，然后立即动手 Press Enter, then do it", default="", show_default=False, err=True)
    return str(who)


def _watch(step: DrillStep, addresses: list[str], board: tuple[str, str, str, str] | None, *, yes: bool) -> Watch:
    if step.key in ("server-kill", "lan-cut"):
        return HealthWatch(addresses)
    if step.key == "pc-swap" and board is not None:
        try:
            return BoardWatch(addresses[0], *board)
        except (StaffRefused, httpx.HTTPError) as error:
            raise InvalidInput("BOARD_NOT_SEEN", f"看板打不开：{error}", f"The board cannot be read: {error}") from None

    def ask() -> None:
        if not yes:
            typer.prompt(
                "考生已能继续作答时按回车 Press Enter when the candidate goes on",
                default="",
                show_default=False,
                err=True,
            )

    return PersonWatch(ask)
