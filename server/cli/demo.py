"""`mingyuan demo`: a whole exam day on this machine, compressed, with simulated people; one seat is yours."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

import gevent
import typer
from gevent import pywsgi
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from scoring.reference_receiver import ReferenceReceiver
from server.cli.context import DataOption, JsonOption, open_platform
from server.rehearsal.demo_day import DayReport, DemoDayRunner
from server.rehearsal.demo_site import DemoSite, compressed_day, prepare_demo
from server.rehearsal.server_process import ServerProcess, free_port
from server.scheduling.models import Sitting
from server.webkit.platform import Platform

app = typer.Typer()
screen = Console(stderr=True)

#: `--auto`: 90 minutes in 34 seconds, so that the whole day takes about a minute
AUTO_FACTOR = 160
#: with a person at one seat: 90 minutes in 15, the doors open at once
PERSON_FACTOR = 6
PERSON_BEFORE_START = timedelta(seconds=100)
PLUG_PULLED_FOR = timedelta(seconds=2)


@app.command()
def demo(
    data: DataOption = None,
    candidates: Annotated[int, typer.Option(min=2, max=300, help="考生人数 How many candidates.")] = 60,
    auto: Annotated[
        bool, typer.Option("--auto", help="不需要人，从头到尾自动进行 Play the day without a person.")
    ] = False,
    prepare_only: Annotated[bool, typer.Option("--prepare-only", help="只准备数据 Set up the data and stop.")] = False,
    as_json: JsonOption = False,
    host: Annotated[str, typer.Option(help="监听地址 Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口，0 为任选 Port; 0 = any free one.")] = -1,
    crash: Annotated[
        bool, typer.Option(help="自动演示中途强行终止服务器 Kill the server in mid-exam (with --auto).")
    ] = True,
    speed: Annotated[
        int, typer.Option(min=10, max=250, help="自动演示快多少倍 How many times as fast (with --auto).")
    ] = AUTO_FACTOR,
    nodes: Annotated[
        int,
        typer.Option(
            min=1, max=8, help="考试服务进程数，多于 1 需 PostgreSQL 和 Redis Server processes (with --auto)."
        ),
    ] = 1,
) -> None:
    """在本机演示完整的一天 A whole exam day on this machine."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    began = time.monotonic()
    platform = open_platform(data)
    if nodes > 1 and (platform.database.is_sqlite or not platform.settings.redis_url.get_secret_value()):
        raise typer.BadParameter(
            "多个进程需要 PostgreSQL 和 Redis Several nodes need PostgreSQL and Redis: MINGYUAN_DATABASE_URL, MINGYUAN_REDIS_URL"
        )
    _refuse_a_real_site(platform)
    port = (free_port() if auto else 8600) if port < 0 else (port or free_port())
    if prepare_only:
        site = _prepare(platform, candidates, speed if auto else 0)
        _print(
            {"items": site.bank.items, "points": site.bank.points, "candidates": len(site.tickets), "spec": "demo"},
            as_json,
        )
        return
    with _receiver(platform) as address:
        servers = _servers(platform, host, [port, *(free_port() for _ in range(nodes - 1))], address)
        server = servers[0]
        screen.print("启动考试服务 starting the server …")
        try:
            for one in servers:
                one.start()
            site = _prepare(platform, candidates, speed if auto else 0)
            runner = DemoDayRunner(platform, site, servers, lambda words: screen.print(f"· {words}"))
            if auto:
                report = _play(runner, site, crash=crash)
                report.wall_s = round(time.monotonic() - began, 1)
                _print(report.as_dict(), as_json)
            else:
                _let_a_person_in(runner, site, server)
        finally:
            for one in servers:
                one.stop()


def _refuse_a_real_site(platform: Platform) -> None:
    """Made-up people do not belong among real candidates."""
    with platform.uow.read() as session:
        is_real = session.scalar(select(Sitting.id).where(Sitting.is_rehearsal.is_(False)).limit(1)) is not None
    if is_real:
        raise typer.BadParameter(
            "这个数据目录里有正式场次，请用 --data 指定另一个目录 This data folder holds real sittings: name another with --data"
        )


def _servers(platform: Platform, host: str, ports: list[int], certification_url: str) -> list[ServerProcess]:
    addresses = json.dumps([f"http://127.0.0.1:{port}" for port in ports])
    several = {"MINGYUAN_NODE_ADDRESSES": addresses, "MINGYUAN_PUBLIC_ORIGINS": addresses} if len(ports) > 1 else {}
    return [
        ServerProcess(
            platform.settings.data,
            host,
            port,
            {"MINGYUAN_NODE_NAME": f"node-{number}", "MINGYUAN_CERTIFICATION_URL": certification_url, **several},
        )
        for number, port in enumerate(ports, start=1)
    ]


def _prepare(platform: Platform, candidates: int, speed: int) -> DemoSite:
    with screen.status("准备 preparing …") as status:
        return prepare_demo(
            platform,
            candidates,
            lambda: (
                compressed_day(platform.clock.now(), speed)
                if speed
                else compressed_day(platform.clock.now(), PERSON_FACTOR, before_start=PERSON_BEFORE_START)
            ),
            lambda words: status.update(f"准备 preparing：{words}"),
        )


def _play(runner: DemoDayRunner, site: DemoSite, *, crash: bool) -> DayReport:
    report = DayReport(candidates=len(site.tickets))
    day = site.day
    screen.print(f"开考 T = {day.starts_at:%H:%M:%S} UTC，考试 {day.duration.total_seconds():.0f} 秒")
    runner.begin(site.tickets)
    if crash:
        runner.pull_the_plug(report, PLUG_PULLED_FOR)
    runner.finish(report)
    return report


def _let_a_person_in(runner: DemoDayRunner, site: DemoSite, server: ServerProcess) -> None:
    yours, others = site.tickets[0], site.tickets[1:]
    runner.begin(others, patience=timedelta(seconds=8))
    table = Table(title="明远演示 Mingyuan demo", show_lines=True)
    for title in ("您是 You are", "登录 Log-in", "密码 Password"):
        table.add_column(title, overflow="fold")
    table.add_row(f"考生 {yours.name}，{yours.room_name} {yours.seat_number} 号", yours.number, yours.pin)
    for room in site.rooms[:2]:
        for person, secret in zip((room.chief, room.deputy), room.opening_secrets, strict=True):
            who = f"{room.name} {person.duty} {person.display_name}\n启封口令 secret {secret}"
            table.add_row(who, person.login_name, person.password)
    for person in (site.clerk, site.head, site.keeper):
        table.add_row(f"{person.display_name}，{person.duty}", person.login_name, person.password)
    screen.print(
        f"考生页 candidate   {server.base_url}/?seat={yours.seat_number}\n工作人员 staff     {server.base_url}/staff"
    )
    screen.print(table)
    screen.print(
        f"开考 {site.day.starts_at.astimezone():%H:%M:%S}，考试 {site.day.duration.total_seconds() / 60:.0f} 分钟。"
        "监考的各个关口先留给您，8 秒没人按就由模拟监考员按。Ctrl+C 结束。\n"
        "Gates are left to you for eight seconds, then simulated proctors press them. Ctrl+C ends."
    )
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, asked_to_stop.set)
    try:
        while server.pid is not None and not asked_to_stop.wait(1):
            pass
        screen.print("结束 stopping …")
    finally:
        runner.stop()


@contextmanager
def _receiver(platform: Platform) -> Any:
    """A small certification system on loopback that checks signatures and takes doubles without harm."""
    receiver = ReferenceReceiver(trusted_keys={platform.vault.public_key_hex()})
    port = free_port()
    server = pywsgi.WSGIServer(("127.0.0.1", port), receiver.app, log=None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}/results"
    finally:
        server.stop(timeout=1)


def _print(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    table = Table(title="结果 Report", show_header=False)
    for name, value in facts.items():
        table.add_row(name, json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value))
    Console().print(table)
