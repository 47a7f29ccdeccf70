"""`mingyuan freeze`: what is frozen and why; how two people lift it."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.context import DataOption, JsonOption, platform_at, signed_in, tell
from server.core.permissions import Permission
from server.safekeeping.freeze import active_override
from server.safekeeping.open_sittings import open_sittings
from server.safekeeping.services.lift_freeze import lift_freeze

app = typer.Typer(
    help="冻结：场次进行中不升级、不改设置 While a sitting is open nothing changes.", no_args_is_help=True
)

FirstOption = Annotated[str, typer.Option("--login", help="第一名负责人的登录名 First person's login name.")]
SecondOption = Annotated[str, typer.Option("--second-login", help="第二名负责人的登录名 Second person's login name.")]
FirstPassword = Annotated[
    str, typer.Option(prompt="第一名密码 First password", hide_input=True, envvar="MINGYUAN_STAFF_PASSWORD")
]
SecondPassword = Annotated[
    str, typer.Option(prompt="第二名密码 Second password", hide_input=True, envvar="MINGYUAN_SECOND_PASSWORD")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="原因，记入审计日志 Why; goes on record.")]


@app.command()
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Which sittings freeze the system, and whether somebody lifted it."""
    with platform_at(data, migrate=False) as platform, platform.uow.read() as session:
        now = platform.clock.now()
        sittings = open_sittings(session, now)
        override = active_override(session, now)
    answer = {
        "frozen": bool(sittings) and override is None,
        "sittings": [{"id": one.id, "name": one.name} for one in sittings],
        "lifted_until": override.expires_at.isoformat() if override else None,
    }
    words = "、".join(one.name for one in sittings) or "没有进行中的场次 no open sitting"
    tell(answer, as_json, f"{'已冻结 frozen' if answer['frozen'] else '未冻结 not frozen'}：{words}")


@app.command()
def lift(
    login: FirstOption,
    second_login: SecondOption,
    reason: ReasonOption,
    password: FirstPassword,
    second_password: SecondPassword,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Two different people lift the freeze for 30 minutes; on record with both names and the reason."""
    permission = Permission.SAFEKEEPING_FREEZE_OVERRIDE
    with (
        platform_at(data, migrate=False) as platform,
        signed_in(platform, login, password, permission) as first,
        signed_in(platform, second_login, second_password, permission) as second,
    ):
        override = lift_freeze(platform.uow, first, second, reason)
        answer = {"lifted_until": override.expires_at.isoformat(), "id": override.id}
        tell(answer, as_json, f"已解除冻结，至 {override.expires_at:%H:%M} UTC。 Lifted until then.")
