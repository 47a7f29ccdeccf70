"""What every command begins with: settings, database, keys; and how a refusal leaves the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from server.accounts.queries import actor_for
from server.accounts.services.sign_in import sign_in
from server.accounts.services.sign_out import sign_out
from server.core.actor import SYSTEM, Actor
from server.core.errors import Forbidden, MingyuanError
from server.core.permissions import Permission
from server.settings import Settings, load_settings
from server.storage.unit_of_work import UnitOfWork
from server.webkit.platform import Platform

REFUSED = 1

DataOption = Annotated[Path | None, typer.Option("--data", help="数据目录 Data folder; default MINGYUAN_DATA or var/.")]
JsonOption = Annotated[bool, typer.Option("--json", help="只在标准输出打印一个 JSON 对象 Print one JSON object.")]
LoginOption = Annotated[str, typer.Option("--login", help="执行人的登录名 Login name of the person doing this.")]
PasswordOption = Annotated[
    str, typer.Option(prompt=True, hide_input=True, envvar="MINGYUAN_STAFF_PASSWORD", help="该登录名的密码 Password.")
]


def open_platform(data: Path | None = None, *, migrate: bool = True) -> Platform:
    """This machine's platform: settings of the data folder, its database with every table, its keys.

    Raises:
        pydantic.ValidationError: a wrong setting, with its name.
        Unavailable: `STORAGE_NOT_DURABLE`, `SOCKETS_NOT_PATCHED`.
    """
    from server.app import build_platform

    return build_platform(load_settings(data), migrate=migrate)


@contextmanager
def platform_at(data: Path | None, *, migrate: bool = True) -> Iterator[Platform]:
    """The platform for one command; refusals are printed in both languages and end the command with status 1.

    Args:
        migrate: False for what only looks, and for lifting the freeze: the schema stays as it is.
    """
    platform: Platform | None = None
    with refusals_told():
        try:
            platform = open_platform(data, migrate=migrate)
            yield platform
        finally:
            if platform is not None:
                platform.database.dispose()


@contextmanager
def refusals_told() -> Iterator[None]:
    """A refusal is printed in both languages and ends the command with status 1."""
    try:
        yield
    except MingyuanError as refusal:
        print(json.dumps(refusal.as_dict(), ensure_ascii=False), file=sys.stderr)
        raise typer.Exit(REFUSED) from None


@contextmanager
def open_without_writing(data: Path | None) -> Iterator[tuple[Settings, UnitOfWork]]:
    """Settings and database for emergencies: nothing is migrated, checked or written by opening it."""
    import server.schema  # noqa: F401 - every folder's tables
    from server.core.bus import InProcessBus
    from server.core.clock import SystemClock
    from server.storage.database import Database

    settings = load_settings(data)
    database = Database(settings.effective_database_url)
    try:
        yield settings, UnitOfWork(database, InProcessBus(), SystemClock())
    except MingyuanError as refusal:
        print(json.dumps(refusal.as_dict(), ensure_ascii=False, default=str), file=sys.stderr)
        raise typer.Exit(REFUSED) from None
    finally:
        database.dispose()


@contextmanager
def signed_in(platform: Platform, login: str, password: str, permission: Permission) -> Iterator[Actor]:
    """The person at the command line, checked by password: two people stay two people here as well.

    Raises:
        NotSignedIn: `NAME_OR_PASSWORD_WRONG`.
        Forbidden: `FORBIDDEN`: none of the person's roles has the permission.
    """
    from server.accounts.models import Account

    actor: Actor = SYSTEM
    token, staff_session = sign_in(platform.uow, login, password, "command line")
    try:
        with platform.database.read() as session:
            found = actor_for(session.get_one(Account, staff_session.account_id), staff_session, permission)
        if found is None:
            raise Forbidden(
                "FORBIDDEN", "您的岗位没有这项权限。", "Your role does not allow this.", permission=permission.value
            )
        actor = found
        yield actor
    finally:
        sign_out(platform.uow, token, actor)


def tell(answer: Any, as_json: bool, line: str) -> None:
    """One JSON object, or one line for people."""
    if as_json:
        print(
            json.dumps(
                asdict(answer) if is_dataclass(answer) and not isinstance(answer, type) else answer, ensure_ascii=False
            )
        )
    else:
        print(line)
