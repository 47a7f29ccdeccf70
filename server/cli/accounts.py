"""`mingyuan accounts`: create, list, disable, set-up codes."""

from __future__ import annotations

from typing import Annotated

import typer

from server.accounts.queries import find_account, list_accounts
from server.accounts.services.create_account import create_account
from server.accounts.services.disable_account import disable_account
from server.accounts.services.issue_setup_code import issue_setup_code
from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.permissions import Role
from server.webkit.platform import Platform

app = typer.Typer(help="工作人员账号 Staff accounts.", no_args_is_help=True)

#: Whoever may run commands on the server's console administers it.
CONSOLE = Actor("system", Role.SYSADMIN, "命令行", machine="command line")

LoginArgument = Annotated[str, typer.Argument(help="登录名 Login name.")]
RoleOption = Annotated[list[Role], typer.Option("--role", help="角色，可重复 Role; repeatable.")]


@app.command()
def create(
    login_name: LoginArgument,
    name: Annotated[str, typer.Option("--name", help="姓名 Name as shown.")],
    roles: RoleOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an account and print its one-time set-up code; the person chooses the password with it."""
    with platform_at(data) as platform:
        account = create_account(platform.uow, login_name, name, roles, None, CONSOLE)
        code = issue_setup_code(platform.uow, account.id, CONSOLE)
    answer = {"account_id": account.id, "login_name": account.login_name, "roles": account.roles, "setup_code": code}
    tell(answer, as_json, f"{account.login_name}  {name}  设置码 set-up code: {code}")


@app.command(name="list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """All accounts with their roles."""
    with platform_at(data) as platform, platform.database.read() as session:
        found = list_accounts(session)
    accounts = [
        {
            "account_id": account.id,
            "login_name": account.login_name,
            "name": account.display_name,
            "roles": account.roles,
            "is_active": account.is_active,
            "has_password": bool(account.password_hash),
        }
        for account in found
    ]
    lines = [
        f"{account.login_name}  {account.display_name}  {', '.join(account.roles)}{'' if account.is_active else '  停用'}"
        for account in found
    ]
    tell({"accounts": accounts}, as_json, "\n".join(lines) or "还没有账号 No accounts yet.")


@app.command()
def disable(
    login_name: LoginArgument,
    reason: Annotated[str, typer.Option("--reason", help="原因 Why.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Disable an account and end its log-ins at once."""
    with platform_at(data) as platform:
        account_id = _account_id(platform, login_name)
        disable_account(platform.uow, account_id, CONSOLE, reason)
    tell({"account_id": account_id, "is_active": False}, as_json, f"{login_name} 已停用 disabled")


@app.command(name="setup-code")
def setup_code(
    login_name: Annotated[str, typer.Argument(help="登录名；省略则为首个账号 Empty: the very first account.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new one-time set-up code: for somebody who forgot the password, or for the first account of all."""
    with platform_at(data) as platform:
        account_id = _account_id(platform, login_name) if login_name else None
        code = issue_setup_code(platform.uow, account_id, CONSOLE)
    tell({"account_id": account_id, "setup_code": code}, as_json, f"设置码 Set-up code: {code}")


def _account_id(platform: Platform, login_name: str) -> str:
    with platform.database.read() as session:
        account = find_account(session, login_name)
    if account is None:
        raise NotFound("ACCOUNT_NOT_FOUND", "没有找到这个账号。", "There is no such account.")
    return account.id
