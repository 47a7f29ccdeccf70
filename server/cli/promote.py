"""`mingyuan promote`: on the standby's own machine, when the primary is gone and a person has decided."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from server.cli.context import REFUSED, DataOption, JsonOption, LoginOption
from server.core.errors import Conflict, InvalidInput, MingyuanError
from server.storage.postgres_connection import read_address

app = typer.Typer()

STANDBY_HELP = (
    "备库地址（超级用户，本机）Address of the standby, as its superuser; default: the local socket, user postgres."
)


@app.command()
def promote(
    login: LoginOption = "",
    password: Annotated[str, typer.Option(envvar="MINGYUAN_STAFF_PASSWORD", help="该登录名的密码 Password.")] = "",
    data: DataOption = None,
    standby: Annotated[str, typer.Option("--standby", help=STANDBY_HELP)] = "",
    look: Annotated[bool, typer.Option("--look", help="只看，不改动 Look only.")] = False,
    old_primary_is_off: Annotated[
        str,
        typer.Option(
            "--old-primary-is-off", help="亲眼确认已断电的旧主库主机名 Its host name, typed by who saw it off."
        ),
    ] = "",
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="备库可能缺少作答也提升 Even so.")] = False,
    yes: Annotated[str, typer.Option("--yes", help="本机主机名，代替当面输入 This host's name, typed.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="原因 Why, for the record.")] = "",
    as_json: JsonOption = False,
) -> None:
    """主库失去后，把本机的备库提升为主库（由人确认） Make this host's standby the primary; a person confirms it."""
    try:
        answer = _promote(
            data, login, password, standby, look, old_primary_is_off, accept_loss, yes, reason, quiet=as_json
        )
    except MingyuanError as refusal:
        print(json.dumps(refusal.as_dict(), ensure_ascii=False, default=str), file=sys.stderr)
        raise typer.Exit(REFUSED) from None
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, default=str))


def _promote(
    data: Path | None,
    login: str,
    password: str,
    standby: str,
    look: bool,
    old_primary_is_off: str,
    accept_loss: bool,
    yes: str,
    reason: str,
    *,
    quiet: bool,
) -> dict[str, Any]:
    import server.schema  # noqa: F401 - every folder's tables
    from server.accounts.services.recognise_person import recognise_person
    from server.core.bus import InProcessBus
    from server.core.clock import SystemClock
    from server.core.permissions import Permission
    from server.settings import load_settings
    from server.storage.database import Database
    from server.storage.unit_of_work import UnitOfWork
    from server.takeover.domain.replication import Standing
    from server.takeover.services.promote_standby import fence, look_ahead, promote_standby
    from server.takeover.standby_watch import last_seen_standing

    settings = load_settings(data)
    if not settings.database_url.startswith("postgres"):
        raise Conflict("NO_STANDBY", "本机用 SQLite，没有备库。", "This installation runs on SQLite: no standby.")
    standby = (
        standby or f"postgresql://postgres@/{read_address(settings.database_url).database}?host=/var/run/postgresql"
    )
    here = socket.gethostname()
    database = Database(standby)
    uow = UnitOfWork(database, InProcessBus(), SystemClock())
    try:
        seen = last_seen_standing(settings.data)
        standing = Standing(seen["standing"]) if seen else None
        outlook = look_ahead(uow, standby, settings.database_url, standing)
        shown = dataclasses.asdict(outlook)
        if not quiet:
            _show(shown, seen, here)
        if look:
            return {"host": here, "outlook": shown, "done": False}
        password = password or typer.prompt("密码 Password", hide_input=True)
        actor = recognise_person(uow, login, password, Permission.TAKEOVER_STANDBY_DECIDE, here)
        if (yes or typer.prompt(f"输入本机主机名确认提升 Type this host's name ({here}) to promote")) != here:
            raise InvalidInput(
                "HOST_NAME_WRONG", "主机名不符，没有改动。", "Not this host's name; nothing was changed."
            )
        fenced_by = ""
        if settings.fencing_command:
            fenced_by = fence(settings.fencing_command)
        elif old_primary_is_off:
            fenced_by = _seen_off(old_primary_is_off, [other.host for other in outlook.others])
        # Once more, after the fencing: a primary that still takes writes ends the matter.
        outlook = look_ahead(uow, standby, settings.database_url, standing)
        done = promote_standby(
            uow, standby, outlook, actor, fenced_by=fenced_by, accepts_loss=accept_loss, reason=reason
        )
    finally:
        database.dispose()
    if not quiet:
        typer.echo(f"已提升，审计记录 {done.audit_seq} 号。Promoted; audit entry {done.audit_seq}.")
        typer.echo("现在没有备机：尽快重建旧主机为备机，然后 mingyuan standby require。Rebuild a standby soon.")
    return {"host": here, "outlook": shown, "done": True, **dataclasses.asdict(done)}


def _seen_off(typed: str, hosts: list[str]) -> str:
    if typed not in hosts:
        raise InvalidInput(
            "OLD_PRIMARY_UNKNOWN",
            f"设置里没有这台主机：{typed}（有 {'、'.join(hosts)}）。",
            f"There is no such host in database_url: {typed}.",
        )
    return f"person: {typed} is off"


def _show(shown: dict[str, Any], seen: dict[str, Any] | None, here: str) -> None:
    standby = shown["standby"]
    typer.echo(f"本机 {here}：{'备库 standby' if standby['in_recovery'] else '主库 primary'}")
    typer.echo(f"  收到 received {standby['receive_lsn']}，已应用 replayed {standby['replay_lsn']}")
    typer.echo(f"  最后心跳 last beat {shown['last_beat_at']}，最后作答 last answer {shown['last_answer_at']}")
    typer.echo(
        f"  最后看到 last seen: {seen['standing']} @ {seen['seen_at']}" if seen else "  本机节点没有记录 no record"
    )
    for other in shown["others"]:
        typer.echo(f"  {other['host']}:{other['port']} {other['state']}")
