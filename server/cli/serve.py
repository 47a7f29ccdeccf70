"""`mingyuan serve`: one node."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from server.accounts.queries import list_accounts
from server.accounts.services.issue_setup_code import issue_setup_code
from server.app import ExamServer, build_platform
from server.cli.context import DataOption
from server.core.errors import MingyuanError
from server.settings import load_settings
from server.webkit.platform import Platform
from server.webkit.steady_memory import settle_memory

EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - what an operator may have configured, to be shown as an address one can open

app = typer.Typer()


@app.command()
def serve(
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(help="监听地址 Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="端口 Port.")] = None,
) -> None:
    """启动考试服务，Ctrl+C 平稳停止 Start the exam server; Ctrl+C stops it kindly."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for talkative in ("fontTools", "fpdf", "httpx"):
        # below WARNING they write from real threads, where a cooperative lock of the log must not be waited for
        logging.getLogger(talkative).setLevel(logging.WARNING)
    settings = load_settings(data)
    try:
        node = ExamServer(build_platform(settings, serving=True))
    except MingyuanError as refusal:
        print(f"{refusal.message_zh}\n{refusal.message_en}", file=sys.stderr)
        raise typer.Exit(1) from None
    host, port = host or settings.host, port if port is not None else settings.port
    tell_first_start(node.platform, host, port)
    settle_memory()
    try:
        node.serve(host, port)
    except MingyuanError as refusal:
        print(f"{refusal.message_zh}\n{refusal.message_en}", file=sys.stderr)
        raise typer.Exit(1) from None


def tell_first_start(platform: Platform, host: str, port: int) -> None:
    """While there is no account at all, a one-time code is the only way in, and this is the only place that shows it."""
    with platform.uow.read() as session:
        if list_accounts(session):
            return
    code = issue_setup_code(platform.uow)
    reached_at = f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}/setup"
    print(
        f"""
  首次启动：系统中还没有账号。请在浏览器打开 {reached_at}
  输入一次性设置码，建立第一个系统管理员账号（设置码只显示这一次，72 小时内有效）：

  First start: there is no account yet. Open {reached_at} in a browser
  and type the one-time set-up code to make the first system administrator (shown this once, good for 72 hours):

      {code}
""",
        flush=True,
    )
