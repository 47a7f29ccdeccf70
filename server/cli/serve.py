"""`mingyuan serve`: one node."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from server.app import ExamServer, build_platform
from server.cli.context import DataOption
from server.core.errors import MingyuanError
from server.settings import load_settings

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
        node = ExamServer(build_platform(settings))
    except MingyuanError as refusal:
        print(f"{refusal.message_zh}\n{refusal.message_en}", file=sys.stderr)
        raise typer.Exit(1) from None
    node.serve(host or settings.host, port if port is not None else settings.port)
