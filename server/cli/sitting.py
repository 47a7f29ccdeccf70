"""`mingyuan sitting`: plan a sitting from a description file, then roster, seats, tickets, proctors, publication."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from server.accounts.queries import find_account
from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.cli.sitting_file import SittingFile, profile_from, read_sitting_file
from server.core.actor import Actor
from server.core.errors import InvalidInput, NotFound
from server.core.permissions import Role
from server.safekeeping.disk_watch import require_room
from server.scheduling.queries import list_sittings, rooms_of_sitting, sitting_profile
from server.scheduling.services.assign_proctors import assign_proctors
from server.scheduling.services.assign_seats import DEFAULT_FORMS, assign_seats
from server.scheduling.services.import_roster import RosterReport, import_roster
from server.scheduling.services.issue_tickets import issue_tickets
from server.scheduling.services.plan_sitting import plan_sitting
from server.scheduling.services.publish_sitting import publish_sitting
from server.webkit.platform import Platform

app = typer.Typer(help="场次 Sittings, rosters, seats, tickets.", no_args_is_help=True)

CONSOLE = Actor("system", Role.EXAM_CLERK, "命令行", machine="command line")
ROWS_REFUSED = 2
PROBLEMS_SHOWN = 50

SittingArgument = Annotated[str, typer.Argument(help="场次编号 Id of the sitting.")]
DescriptionArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="场次描述 Description (TOML).")]
RosterArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="名单 Roster (.xlsx or .csv).")]


@app.command()
def create(description: DescriptionArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Plan a sitting; centre and rooms of the file are made when they do not exist yet."""
    with platform_at(data) as platform:
        wanted = _read_description(description)
        centre_id, room_ids = wanted.find_or_create_places(platform.uow, CONSOLE)
        sitting = plan_sitting(
            platform.uow, centre_id, wanted.name, wanted.occupation_code, wanted.occupation_name, wanted.level, wanted.starts_at,
            wanted.duration, room_ids, profile_from(wanted, description), CONSOLE, wanted.plan_number, wanted.session_number,
            is_rehearsal=wanted.is_rehearsal,
        )  # fmt: skip
    answer = {
        "sitting_id": sitting.id,
        "name": sitting.name,
        "plan_number": sitting.plan_number,
        "session_number": sitting.session_number,
        "profile": f"{sitting.profile_name}/{sitting.profile_version}",
        "room_ids": room_ids,
    }
    tell(answer, as_json, f"{sitting.id}  {sitting.name}  {sitting.plan_number}-{sitting.session_number}")


@app.command(name="import-roster")
def import_roster_(
    sitting_id: SittingArgument,
    roster: RosterArgument,
    accept_good: Annotated[
        bool, typer.Option("--accept-good", help="有问题的行之外全部录入 Store the good rows.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register everybody on a roster. Exit status 2 when rows were refused."""
    with platform_at(data) as platform:
        require_room(platform.settings, platform.settings.data)
        content = roster.read_bytes()
        report = import_roster(platform.uow, platform.vault, sitting_id, roster.name, content, CONSOLE, accept_good)
    tell(report.as_dict(), as_json, _report_lines(report))
    if report.problems:
        raise typer.Exit(ROWS_REFUSED)


@app.command()
def seats(
    sitting_id: SittingArgument,
    forms: Annotated[str, typer.Option("--forms", help="平行卷 Labels of the parallel forms.")] = ",".join(
        DEFAULT_FORMS
    ),
    seed: Annotated[int | None, typer.Option("--seed", help="重现同一编排 For the same plan again.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give everybody a seat and a form."""
    with platform_at(data) as platform:
        labels = [label.strip() for label in forms.split(",") if label.strip()] or list(DEFAULT_FORMS)
        assigned = assign_seats(platform.uow, sitting_id, CONSOLE, labels, seed)
    tell(assigned, as_json, f"已编排 {assigned.seated} 人，{len(assigned.by_room)} 个考场（种子 {assigned.seed}）")


@app.command()
def tickets(
    sitting_id: SittingArgument,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="输出目录 Folder for the files.")] = Path(),
    new_pins: Annotated[bool, typer.Option("--new-pins", help="全部换新密码 New PINs for everybody.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="换密码的原因 Why.")] = "",
    no_pdf: Annotated[bool, typer.Option("--no-pdf", help="只要清单 The list only.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue tickets; writes tickets.pdf and tickets.xlsx. PINs are in these two files and nowhere else."""
    from server.adapters.print_fonts import find_print_fonts
    from server.scheduling.ticket_sheets import write_ticket_list, write_ticket_pdf

    with platform_at(data) as platform:
        if not no_pdf:
            find_print_fonts()  # before PINs are made: a missing font must not leave tickets nobody can print
        out.mkdir(parents=True, exist_ok=True)
        issued = issue_tickets(platform.uow, platform.vault, sitting_id, CONSOLE, new_pins=new_pins, reason=reason)
        files = [out / "tickets.xlsx"]
        write_ticket_list(files[0], issued)
        if not no_pdf:
            with platform.database.read() as session:
                profile = sitting_profile(session, sitting_id)
            files.append(out / "tickets.pdf")
            write_ticket_pdf(files[1], issued, profile)
    names = [str(file) for file in files]
    tell({"tickets": len(issued), "files": names}, as_json, f"{len(issued)} 张准考证 tickets → {', '.join(names)}")


@app.command()
def proctors(
    sitting_id: SittingArgument,
    room: Annotated[str, typer.Argument(help="考场名称或编号 Room name or number.")],
    chief: Annotated[str, typer.Option("--chief", help="主监考登录名 Login name of the chief proctor.")],
    deputies: Annotated[list[str], typer.Option("--deputy", help="副监考登录名，可重复 Deputy; repeatable.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Assign the proctors of one room."""
    with platform_at(data) as platform:
        room_id = _room_id(platform, sitting_id, room)
        ids = [_account_id(platform, login_name) for login_name in (chief, *deputies)]
        assign_proctors(platform.uow, sitting_id, room_id, ids[0], ids[1:], CONSOLE)
    answer = {"sitting_id": sitting_id, "room_id": room_id, "chief": chief, "deputies": deputies}
    tell(answer, as_json, f"{room}：主监考 {chief}，副监考 {'、'.join(deputies)}")


@app.command()
def publish(sitting_id: SittingArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Fix roster, seats, tickets and rules."""
    with platform_at(data) as platform:
        sitting = publish_sitting(platform.uow, sitting_id, CONSOLE)
    answer = {
        "sitting_id": sitting.id,
        "state": sitting.state,
        "profile": f"{sitting.profile_name}/{sitting.profile_version}",
    }
    tell(
        answer,
        as_json,
        f"{sitting.name} 已发布 published（{sitting.profile_name} 第 {sitting.profile_version} 版规则）",
    )


@app.command(name="list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """All sittings, latest first."""
    with platform_at(data) as platform, platform.database.read() as session:
        sittings = [
            {
                "sitting_id": one.sitting.id,
                "name": one.sitting.name,
                "state": one.sitting.state,
                "starts_at": one.sitting.starts_at.isoformat(),
                "rooms": one.rooms,
                "tickets": one.tickets,
                "is_rehearsal": one.sitting.is_rehearsal,
            }
            for one in list_sittings(session)
        ]
    lines = [f"{s['sitting_id']}  {s['starts_at']}  {s['state']}  {s['tickets']} 人  {s['name']}" for s in sittings]
    tell({"sittings": sittings}, as_json, "\n".join(lines) or "还没有场次 No sittings yet.")


def _read_description(path: Path) -> SittingFile:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "SITTING_FILE_UNREADABLE", f"场次描述文件无法读取：{error}", f"The description file cannot be read: {error}"
        ) from None
    return read_sitting_file(document)


def _room_id(platform: Platform, sitting_id: str, room: str) -> str:
    with platform.database.read() as session:
        for one in rooms_of_sitting(session, sitting_id):
            if room in {one.name, str(one.number), one.id}:
                return one.id
    raise NotFound("ROOM_NOT_FOUND", "没有找到这个考场。", "There is no such room.")


def _account_id(platform: Platform, login_name: str) -> str:
    with platform.database.read() as session:
        account = find_account(session, login_name)
    if account is None:
        raise NotFound("ACCOUNT_NOT_FOUND", f"没有账号“{login_name}”。", f"There is no account '{login_name}'.")
    return account.id


def _report_lines(report: RosterReport) -> str:
    lines = [f"读取 {report.read} 行，可用 {report.accepted}，有问题 {report.rejected}，已录入 {report.stored}"]
    lines += [f"  {p.cell}  {p.code}  {p.message_zh} {p.remedy}" for p in report.problems[:PROBLEMS_SHOWN]]
    if len(report.problems) > PROBLEMS_SHOWN:
        lines.append(f"  …… 其余 {len(report.problems) - PROBLEMS_SHOWN} 处见 --json")
    lines += [f"  注意 {note.cell}  {note.message_zh}" for note in report.notes[:PROBLEMS_SHOWN]]
    return "\n".join(lines)
