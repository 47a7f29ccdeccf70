"""`mingyuan audit`: verify, export and sign the audit log. Nothing here needs a running server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from server.audit.domain.chain import AuditVerdict
from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.core.actor import Actor
from server.core.permissions import Role

app = typer.Typer(help="审计日志 The audit log.", no_args_is_help=True)

CONSOLE = Actor("system", Role.AUDITADMIN, "命令行", machine="command line")
CHAIN_BAD = 3
UNREADABLE = 2

FileOption = Annotated[Path | None, typer.Option("--file", help="只核对这个导出文件 Judge this exported file alone.")]
HeadsOption = Annotated[
    Path | None,
    typer.Option("--heads", help="以前导出并另存的文件，其签名必须仍在链上 An earlier export kept elsewhere."),
]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--public-key", help="只信任这些公钥 Believe only heads signed with these keys (hex)."),
]
OutArgument = Annotated[Path, typer.Argument(help="导出文件 File to write (JSON lines).")]

PROBLEM_WORDS = {
    "ENTRY_CHANGED": ("记录内容被改动", "the entry was changed"),
    "ENTRY_MISSING": ("记录缺失", "the entry is missing"),
    "ENTRY_OUT_OF_ORDER": ("记录顺序被打乱", "entries are out of order"),
    "CHAIN_BROKEN": ("与前一条的链接不符", "it does not follow the entry before"),
    "TAIL_CUT": ("从这里起末尾被截掉", "the end was cut off from here"),
    "HEAD_CHANGED": ("链尾登记与记录不符", "the head row does not fit the entries"),
    "HEAD_REWRITTEN": ("与已签名的链尾不符：日志被整体改写", "not what was signed: the log was rewritten"),
    "SIGNATURE_WRONG": ("链尾签名不正确", "the head's signature is wrong"),
    "KEY_UNKNOWN": ("链尾由不受信任的密钥签名", "the head was signed with another key"),
    "FILE_UNREADABLE": ("文件无法读取", "the file cannot be read"),
}


@app.command()
def verify(
    data: DataOption = None,
    file: FileOption = None,
    heads: HeadsOption = None,
    public_keys: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the whole chain; names the first bad entry. Exit status 0 when it is whole, 3 when not, 2 unreadable."""
    trusted = frozenset(public_keys or ())
    try:
        verdict = _judge_file(file, heads, trusted) if file else _judge_database(data, heads, trusted)
    except OSError as error:
        print(f"文件无法读取 cannot be read: {error}", file=sys.stderr)
        raise typer.Exit(UNREADABLE) from None
    answer = {"ok": verdict.ok, "entries": verdict.entries, "first_bad": verdict.first_bad, "problem": verdict.problem}
    tell(answer, as_json, _line(verdict))
    if not verdict.ok:
        raise typer.Exit(CHAIN_BAD)


@app.command()
def export(out: OutArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Sign the present head and write the whole log to a file; keep the file, or its last lines, elsewhere."""
    from server.audit.actions import AuditAction
    from server.audit.export_file import write_export
    from server.audit.log import record
    from server.audit.services.sign_head import sign_head

    with platform_at(data) as platform:
        with platform.uow() as work:
            record(work, CONSOLE, AuditAction.AUDIT_LOG_EXPORTED, "audit:log", {"file": out.name})
        signed = sign_head(platform.uow, platform.vault, platform.settings.node_name[:32])
        with platform.database.read() as session, out.open("w", encoding="utf-8") as file:
            count = write_export(session, file)
        key = platform.vault.public_key_hex()
    answer = {"entries": count, "file": str(out), "head": signed.hash if signed else None, "public_key": key}
    tell(answer, as_json, f"{count} 条记录 entries → {out}\n公钥 public key {key}")


@app.command(name="sign-head")
def sign_head_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Sign where the chain ends now and print the line to keep elsewhere."""
    from server.audit.domain.chain import HeadSignature
    from server.audit.export_file import signed_head_line
    from server.audit.services.sign_head import sign_head

    with platform_at(data) as platform:
        row = sign_head(platform.uow, platform.vault, platform.settings.node_name[:32])
    if row is None:
        tell({"seq": 0}, as_json, "日志为空 The log is empty.")
        return
    line = signed_head_line(HeadSignature(row.seq, row.hash, row.at, row.node_id, row.public_key, row.signature))
    tell(json.loads(line), as_json, line.rstrip())


def _judge_file(file: Path, heads: Path | None, trusted: frozenset[str]) -> AuditVerdict:
    from server.audit.export_file import read_heads, verify_export

    return verify_export(file, trusted, read_heads(heads)[0] if heads else ())


def _judge_database(data: Path | None, heads: Path | None, trusted: frozenset[str]) -> AuditVerdict:
    from server.audit.export_file import read_heads
    from server.audit.log import verify as verify_log

    with platform_at(data) as platform, platform.database.read() as session:
        # Our own key is known here: a head signed with any other one is not believed.
        keys = trusted or frozenset({platform.vault.public_key_hex()})
        return verify_log(session, keys, read_heads(heads)[0] if heads else ())


def _line(verdict: AuditVerdict) -> str:
    if verdict.ok:
        return f"审计日志完整：{verdict.entries} 条 The audit log is whole: {verdict.entries} entries."
    zh, en = PROBLEM_WORDS.get(verdict.problem, (verdict.problem, verdict.problem))
    return f"审计日志有问题：第 {verdict.first_bad} 条，{zh}。 Entry {verdict.first_bad}: {en}."
