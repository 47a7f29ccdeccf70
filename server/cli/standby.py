"""`mingyuan standby`: see the synchronous standby, let two people release the wait for it, demand it again."""

from __future__ import annotations

import dataclasses
import socket
from typing import Annotated

import psycopg
import typer

from server.cli.context import DataOption, JsonOption, LoginOption, PasswordOption, open_without_writing, tell
from server.core.errors import Unavailable
from server.storage.postgres_connection import read_address

app = typer.Typer(help="同步备机 The synchronous standby.", no_args_is_help=True)

PrimaryOption = Annotated[
    str, typer.Option("--primary", help="主库地址（超级用户）Address of the primary, as its superuser.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="原因 Why, for the record.")]
SecondLoginOption = Annotated[str, typer.Option("--second-login", help="第二个人的登录名 The other person.")]
SecondPasswordOption = Annotated[
    str, typer.Option(prompt=True, hide_input=True, envvar="MINGYUAN_SECOND_PASSWORD", help="其密码 Password.")
]


@app.command()
def status(data: DataOption = None, primary: PrimaryOption = "", as_json: JsonOption = False) -> None:
    """现在每份已确认的作答在几台机器上 On how many machines acknowledged answers are now."""
    from server.storage import postgres_control

    with open_without_writing(data) as (settings, _):
        try:
            with postgres_control.administrating(primary or _local(settings.database_url)) as connection:
                view = postgres_control.look(connection)
        except psycopg.OperationalError as error:
            raise Unavailable(
                "PRIMARY_UNREACHABLE", "连不上主库。", f"The primary cannot be reached: {error}"
            ) from error
    synchronous = [one["name"] for one in view.standbys if one["sync_state"] in ("sync", "quorum")]
    tell(
        {**dataclasses.asdict(view), "synchronous": synchronous},
        as_json,
        f"要求 demanded: {view.names or '（无 none）'}；同步 synchronous: {', '.join(synchronous) or '（无 none）'}",
    )


@app.command()
def release(
    login: LoginOption,
    second_login: SecondLoginOption,
    reason: ReasonOption,
    password: PasswordOption,
    second_password: SecondPasswordOption,
    data: DataOption = None,
    primary: PrimaryOption = "",
    as_json: JsonOption = False,
) -> None:
    """备机失去、保存停住时，两人放行：此后作答只在主库一台上 Two people let saving go on without the standby."""
    from server.accounts.services.recognise_person import recognise_person
    from server.core.permissions import Permission
    from server.takeover.services.release_standby_wait import release_standby_wait

    with open_without_writing(data) as (settings, uow):
        here = socket.gethostname()
        people = (
            recognise_person(uow, login, password, Permission.TAKEOVER_STANDBY_DECIDE, here),
            recognise_person(uow, second_login, second_password, Permission.TAKEOVER_STANDBY_DECIDE, here),
        )
        address = primary or _local(settings.database_url)
        names = release_standby_wait(uow, address, people, reason, is_allowed=settings.standby == "release")
    tell(
        {"released": names},
        as_json,
        f"已放行，不再等待 {names}。此后作答只在一台机器上：请尽快修好备机，再 mingyuan standby require。\n"
        "Released. Answers are on one machine now; do not promote that standby before it has caught up.",
    )


@app.command()
def require(
    login: LoginOption,
    names: Annotated[str, typer.Option("--names", help="synchronous_standby_names，如 'ANY 1 (db1, db2)'")],
    password: PasswordOption,
    data: DataOption = None,
    primary: PrimaryOption = "",
    as_json: JsonOption = False,
) -> None:
    """备机跟上之后，重新要求同步 Demand the standby again, once it streams."""
    from server.accounts.services.recognise_person import recognise_person
    from server.core.permissions import Permission
    from server.takeover.services.release_standby_wait import demand_standby

    with open_without_writing(data) as (settings, uow):
        actor = recognise_person(uow, login, password, Permission.TAKEOVER_STANDBY_DECIDE, socket.gethostname())
        demand_standby(uow, primary or _local(settings.database_url), actor, names)
    tell({"required": names}, as_json, f"已重新要求同步 Commits wait again for {names}.")


def _local(database_url: str) -> str:
    return f"postgresql://postgres@/{read_address(database_url).database}?host=/var/run/postgresql"
