"""`mingyuan results`: confirm, release, export, deliver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scoring.connectors import connector_from
from scoring.outbox import dead_letters, outbox_counts
from scoring.queries import sittings_with_results
from scoring.services.confirm_results import confirm_results
from scoring.services.deliver_outbox import deliver_outbox
from scoring.services.export_results import ExportKind, export_results
from scoring.services.release_results import release_results
from scoring.services.revive_dead_letters import revive_dead_letters
from server.cli.context import DataOption, JsonOption, LoginOption, PasswordOption, platform_at, signed_in, tell
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.permissions import Permission, Role

app = typer.Typer(help="成绩确认、发布、导出、交付 Results.", no_args_is_help=True)

SittingArgument = Annotated[str, typer.Argument(help="场次编号 Id of the sitting.")]
NOT_ALL_DELIVERED = 2
#: `status` shows counts only; whoever may run it on the server's console may see them.
CONSOLE = Actor("system", Role.OFFICE_HEAD, "命令行", machine="command line")


@app.command()
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """How far each sitting is, and what the outbox holds. Counts only, no score."""
    with platform_at(data) as platform:
        with platform.database.read() as session:
            sittings = [
                {
                    "sitting_id": counts.sitting_id,
                    "name": counts.name,
                    "attempts": counts.attempts,
                    "ended": counts.ended,
                    "by_state": counts.by_state,
                    "by_attendance": counts.by_attendance,
                    "delivered": counts.delivered,
                    "waiting": counts.waiting,
                    "dead": counts.dead,
                }
                for counts in sittings_with_results(session, CONSOLE)
            ]
            outbox = outbox_counts(session)
            letters = [
                {"idempotency_key": letter.idempotency_key, "tries": letter.tries, "error": letter.last_error}
                for letter in dead_letters(session)
            ]
        lines = [f"{s['sitting_id']}  {s['name']}  {s['ended']}/{s['attempts']}  {s['by_state']}" for s in sittings]
        lines.append(f"待交付 {outbox['waiting']}，已交付 {outbox['delivered']}，被拒收 {outbox['dead']}")
        tell({"sittings": sittings, "outbox": outbox, "dead_letters": letters}, as_json, "\n".join(lines))


@app.command()
def confirm(
    sitting: SittingArgument,
    login: LoginOption,
    password: PasswordOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """The exam clerk confirms that the sitting's results are complete."""
    permission = Permission.RESULTS_RESULT_CONFIRM
    with platform_at(data) as platform, signed_in(platform, login, password, permission) as actor:
        answer = confirm_results(platform.uow, sitting, actor)
        tell(answer, as_json, f"已确认 {answer.confirmed}（此前已确认 {answer.already}）")


@app.command()
def release(
    sitting: SittingArgument,
    login: LoginOption,
    password: PasswordOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Another person releases the confirmed results."""
    permission = Permission.RESULTS_RESULT_RELEASE
    with platform_at(data) as platform, signed_in(platform, login, password, permission) as actor:
        answer = release_results(platform.uow, sitting, actor)
        tell(answer, as_json, f"已发布 {answer.released}（此前已发布 {answer.already}）")


@app.command()
def export(
    sitting: SittingArgument,
    login: LoginOption,
    password: PasswordOption,
    kind: Annotated[ExportKind, typer.Option("--kind", help="xlsx 成绩单 / json 签名数据包")] = ExportKind.XLSX,
    out: Annotated[Path | None, typer.Option("--out", help="文件；默认在数据目录的 records 中 File to write.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the score list (XLSX) or the signed package (JSON) of a released sitting."""
    permission = Permission.RESULTS_RESULT_READ
    with platform_at(data) as platform, signed_in(platform, login, password, permission) as actor:
        made = export_results(platform.uow, platform.vault, sitting, kind, actor)
        file = out or platform.record_store / made.file_name
        file.write_bytes(made.content)
        tell({"file": str(file), "results": made.results}, as_json, f"已导出 {made.results} 人：{file}")


@app.command()
def deliver(
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多处理几条 At most so many.")] = 1000,
    revive: Annotated[
        str, typer.Option("--revive", help="重新交付被拒收的，写明原因 Reason to send dead letters again.")
    ] = "",
    login: Annotated[str, typer.Option("--login", help="--revive 时的执行人 Who revives.")] = "",
    password: Annotated[str, typer.Option(hide_input=True, envvar="MINGYUAN_STAFF_PASSWORD")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver what is due to the certification workflow. Status 2 when something is still undelivered."""
    with platform_at(data) as platform:
        connector = connector_from(platform.settings)
        if connector is None:
            raise Conflict(
                "NO_CERTIFICATION_ADDRESS",
                "没有设置 certification_url 或 certification_folder，无处交付；可以用 results export 手工移交。",
                "Neither certification_url nor certification_folder is set; use `results export` to hand over by hand.",
            )
        if revive:
            with signed_in(platform, login, password, Permission.RESULTS_RESULT_RELEASE) as actor:
                revive_dead_letters(platform.uow, revive, actor)
        run = deliver_outbox(platform.uow, platform.vault, connector, limit=limit)
        with platform.database.read() as session:
            outbox = outbox_counts(session)
        answer = {"delivered": run.delivered, "failed": run.failed, "dead": run.dead, "outbox": outbox}
        tell(answer, as_json, f"已交付 {run.delivered}，稍后重试 {run.failed}，被拒收 {run.dead}")
    if outbox["waiting"] or outbox["dead"]:
        raise typer.Exit(NOT_ALL_DELIVERED)
