"""`mingyuan bank`: import, generate, readiness, the demonstration bank."""

from __future__ import annotations

import getpass
import json
import platform as machine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from itembank.importers.bank_files import read_spec_file, read_template_file
from itembank.importers.item_reader import read_items
from itembank.importers.report import Severity
from itembank.importers.sheets import read_source
from itembank.importers.template_sheet import write_template_sheet
from itembank.readiness import bank_readiness
from itembank.services.create_spec_table import create_spec_table
from itembank.services.generate_items import generate_items
from itembank.services.import_items import ChaptersTable, ImportOutcome, import_items
from itembank.services.load_demo_bank import load_demo_bank
from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.core.actor import Actor
from server.core.permissions import Role
from server.safekeeping.disk_watch import require_room
from server.scheduling.domain.rule_profile import load_profile

app = typer.Typer(help="题库 The item bank.", no_args_is_help=True)

OccupationOption = Annotated[str, typer.Option("--occupation", help="职业编码 Occupation code, e.g. 6-31-01-03.")]
LevelOption = Annotated[int, typer.Option("--level", min=1, max=5, help="等级 Level code, 1 (highest) to 5.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="文件 The file.")]


def command_line_actor() -> Actor:
    """The person at the keyboard, by the name the operating system knows."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "unknown"
    return Actor(id=f"cli:{name}"[:64], role=Role.BANK_KEEPER, name=name, machine=machine.node()[:64])


@app.command("import")
def import_(
    file: FileArgument,
    occupation: OccupationOption,
    level: LevelOption,
    file_format: Annotated[str, typer.Option("--format", help="auto | csv | xlsx")] = "auto",
    source: Annotated[str, typer.Option("--source", help="来源名 Name of the source; default folder/file.")] = "",
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="该题库已由别处验收，直接入库并签名记录 Already accepted elsewhere; signed and recorded."
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="有一行错误就全部不导入 All rows or none.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入 Judge only, store nothing.")] = False,
    spec_from_chapters: Annotated[
        str,
        typer.Option(
            "--spec-from-chapters", metavar="NAME", help="按章节列建立细目表 Make a flat spec table from the chapters."
        ),
    ] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import items from CSV or XLSX; every rejected row is named."""
    with platform_at(data) as platform:
        require_room(platform.settings, platform.settings.data)
        read = read_source(file, file_format)
        outcome = import_items(
            platform.uow,
            platform.vault,
            read_items(read.rows),
            occupation,
            level,
            source or f"{file.resolve().parent.name}/{file.stem}",
            command_line_actor(),
            notes=read.notes,
            take_over=accept,
            strict=strict,
            dry_run=dry_run,
            chapters_table=ChaptersTable(spec_from_chapters, occupation) if spec_from_chapters else None,
        )
        tell(outcome.to_document(), as_json, _import_in_words(outcome))


def _import_in_words(outcome: ImportOutcome) -> str:
    head = "（试运行，未写入）" if outcome.dry_run else ""
    lines = [
        f"读取 {outcome.read} 行，接受 {outcome.accepted}（新增 {outcome.stored}，已有 {outcome.unchanged}），拒绝 {outcome.rejected}{head}"
    ]
    lines += [f"  {note.message_zh}" for note in outcome.notes]
    lines += [
        f"  第 {each.row} 行 {each.cell} {each.code}：{each.message_zh}{each.remedy_zh}"
        for each in outcome.problems
        if each.severity is not Severity.NOTE
    ]
    return "\n".join(lines)


@app.command()
def readiness(
    occupation: OccupationOption,
    level: LevelOption,
    profile: Annotated[str, typer.Option("--profile", help="规则方案 Rule profile.")] = "default",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether the bank of an occupation and level may be used, and what it lacks."""
    with platform_at(data) as platform:
        rules = load_profile(profile)
        with platform.uow.read() as session:
            found = bank_readiness(session, occupation, level, rules.items_required, rules.items_per_point)
        words = "可以使用" if found.ready else "；".join(lack.message_zh for lack in found.lacks)
        kinds = "，".join(f"{kind} {count}" for kind, count in found.by_type.items())
        tell(
            asdict(found),
            as_json,
            f"已验收 {found.accepted}/{found.required}（{kinds}；另有重复 {found.duplicates}），可组 {found.papers_possible} 份卷：{words}",
        )


@app.command()
def generate(
    file: FileArgument,
    occupation: OccupationOption,
    level: LevelOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate items from a template file (TOML) into the bank, as drafts."""
    with platform_at(data) as platform:
        made = generate_items(
            platform.uow, platform.vault, read_template_file(file), occupation, level, file.stem, command_line_actor()
        )
        answer = {"generated": made.generated, "stored": made.stored, "known": made.known}
        tell(answer, as_json, f"生成 {made.generated} 题，新增草稿 {made.stored}，题库中已有 {made.known}")


@app.command()
def spec(file: FileArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Take a spec table (TOML) into the bank."""
    with platform_at(data) as platform:
        table = read_spec_file(file)
        table_id = create_spec_table(platform.uow, table, command_line_actor())
        answer = {"spec": table_id, "name": table.name, "points": len(table.points)}
        tell(answer, as_json, f"细目表“{table.name}”已建立：{len(table.points)} 个鉴定点（{table_id}）")


@app.command()
def demo(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Load the demonstration bank: 电工, level 4."""
    with platform_at(data) as platform:
        loaded = load_demo_bank(platform.uow, platform.vault, command_line_actor())
        answer = {"spec": loaded.spec_table_id, "items": loaded.items, "points": loaded.points}
        tell(
            answer,
            as_json,
            f"示例题库：{loaded.items} 题，{loaded.points} 个鉴定点，细目表 demo（{loaded.spec_table_id}）",
        )


@app.command()
def template(file: FileArgument) -> None:
    """Write an empty import sheet (XLSX) with our headers."""
    write_template_sheet(file)
    print(json.dumps({"file": str(file)}, ensure_ascii=False))
