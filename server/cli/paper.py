"""`mingyuan paper`: assemble, check, seal, open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from itembank.domain.assembly import assemble_forms
from itembank.domain.assembly_file import AssemblyFile, read_assembly_file
from itembank.services.assemble_paper import PaperSummary, assemble_paper, summarise
from itembank.services.check_paper import check_paper
from itembank.services.seal_package import seal_package
from itembank.services.unlock_package import prepare_opening, unlock_package
from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.core.actor import SYSTEM
from server.core.clock import SystemClock
from server.core.errors import InvalidInput
from server.safekeeping.disk_watch import require_room
from server.webkit.platform import Platform

app = typer.Typer(help="试卷 Papers and sealed packages.", no_args_is_help=True)

VIOLATIONS_FOUND = 2

PaperArgument = Annotated[str, typer.Argument(metavar="PAPER", help="试卷编号 Id of the paper.")]


@app.command()
def assemble(
    spec: Annotated[
        str, typer.Option("--spec", help="细目表编号、名称或 JSON 文件 Id, name or JSON file of a spec table.")
    ],
    forms: Annotated[int, typer.Option("--forms", help="平行卷份数 Parallel forms.")] = 4,
    backups: Annotated[int, typer.Option("--backups", help="备用卷份数 Backup forms.")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="随机种子 Same seed and bank: same forms.")] = 1,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Assemble parallel forms by spec table and store them as one paper."""
    with platform_at(data) as platform:
        require_room(platform.settings, platform.settings.data)
        summary = _assemble(platform, spec, forms, backups, seed)
        tell(summary.as_document(), as_json, _in_words(summary))


def _assemble(platform: Platform, spec: str, forms: int, backups: int, seed: int) -> PaperSummary:
    described = _read_spec_file(Path(spec)) if Path(spec).is_file() else AssemblyFile(spec=spec)
    if described.blueprint is None:
        return assemble_paper(
            platform.uow, platform.vault, described.spec, forms, backups, seed, SYSTEM, plan=described.plan
        )
    clock = SystemClock()
    started = clock.monotonic()
    assembly = assemble_forms(described.blueprint, described.items, forms, backups, seed)
    item_ids = {item.version_id: item.item_id for item in described.items}
    return summarise(assembly, described.blueprint.plan, item_ids, clock.monotonic() - started)


def _read_spec_file(path: Path) -> AssemblyFile:
    try:
        return read_assembly_file(json.loads(path.read_text(encoding="utf-8")))
    except (UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise InvalidInput(
            "SPEC_FILE_FORMAT",
            f"{path.name} 不是 UTF-8 的 JSON 文件（{problem}）。细目表请先导入题库，再用其名称组卷。",
            f"{path.name} is not a JSON file in UTF-8 ({problem}). Import the spec table and name it instead.",
            file=path.name,
        ) from None


def _in_words(summary: PaperSummary) -> str:
    lines = [
        f"试卷 {summary.paper_id}：{len(summary.forms)} 份，最多重复 {summary.max_overlap} 题，用时 {summary.seconds:.2f} 秒"
    ]
    for form in summary.forms:
        scores = " / ".join(f"{score:.2f}" for score in form.expected_scores)
        lines.append(f"  {form.label:>3}  {len(form.items)} 题  {form.points / 100:g} 分  预期得分 {scores}")
    lines += [f"  提示 {notice['message_zh']}" for notice in summary.notices]
    return "\n".join(lines)


@app.command()
def check(
    paper: PaperArgument,
    approve: Annotated[
        bool, typer.Option("--approve", help="核验通过后审定 Approve the paper when it is clean.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a stored paper with the independent checker. Status 2 when a rule is broken."""
    with platform_at(data) as platform:
        report = check_paper(platform.uow, paper, SYSTEM, approve=approve)
    document = report.to_document()
    words = [
        f"违反规则 {len(report.hard)} 处，提示 {len(report.soft)} 处",
        *(each.message_zh for each in report.violations),
    ]
    tell(document, as_json, "\n".join(words))
    if report.hard:
        raise typer.Exit(VIOLATIONS_FOUND)


@app.command()
def seal(
    paper: PaperArgument,
    label: Annotated[str, typer.Option("--label", help="袋面文字 Words on the bag.")],
    copies: Annotated[
        list[str], typer.Option("--copies", help="每卷份数，如 A=15（可重复） Copies of each form, e.g. A=15.")
    ],
    backup: Annotated[bool, typer.Option("--backup", help="备用卷 A package of backup forms.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal a package of scripts. The two opening secrets are shown this once: give each to its own person."""
    with platform_at(data) as platform:
        require_room(platform.settings, platform.settings.data)
        sealed = seal_package(
            platform.uow, platform.vault, platform.paper_store, paper, label, _read_copies(copies), backup, SYSTEM
        )
    answer: dict[str, Any] = {
        "package": sealed.package_id,
        "digest": sealed.digest,
        "scripts": sealed.script_count,
        "opening_secrets": list(sealed.opening_secrets),
    }
    first, second = sealed.opening_secrets
    tell(
        answer,
        as_json,
        f"试卷袋 {sealed.package_id}：{sealed.script_count} 份，摘要 {sealed.digest[:16]}…\n"
        f"  启封口令（主监考） {first}\n  启封口令（副监考） {second}\n  口令只显示这一次，请分别交给两人。",
    )


def _read_copies(copies: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in copies:
        form, equals, count = each.partition("=")
        if not equals or not count.isdigit():
            raise InvalidInput("COPIES_INVALID", f"份数写法不对：{each}，应如 A=15。", f"'{each}' is not like A=15.")
        found[form] = int(count)
    return found


@app.command(name="open")
def open_package(
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="试卷袋编号 Id of the package.")],
    first: Annotated[
        str, typer.Option("--secret-1", prompt="启封口令（第一人）", hide_input=True, help="第一人的口令 First secret.")
    ],
    second: Annotated[
        str,
        typer.Option("--secret-2", prompt="启封口令（第二人）", hide_input=True, help="第二人的口令 Second secret."),
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a package with both secrets, each typed by its own person."""
    with platform_at(data) as platform:
        with platform.database.read() as session:
            prepared = prepare_opening(session, package, first, second)
        with platform.uow() as work:
            opened = unlock_package(work, platform.vault, package, first, second, SYSTEM, prepared=prepared)
    answer = {"package": opened.package_id, "digest": opened.digest, "scripts": opened.script_count}
    tell(answer, as_json, f"已启封 {opened.package_id}：{opened.script_count} 份，摘要 {opened.digest}")
