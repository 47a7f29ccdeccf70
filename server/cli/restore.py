"""`mingyuan restore`: a backup back into a new data folder; `--drill` tries it and throws the result away."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from server.cli.context import REFUSED, DataOption, JsonOption, platform_at, refusals_told, tell
from server.safekeeping.services.restore_backup import Restored, restore_backup

app = typer.Typer()
#: restored, but something is missing or does not add up
DOUBTFUL = 2

SourceArgument = Annotated[
    Path | None, typer.Argument(help="备份文件夹；演练时默认最新的一份 The backup's folder; a drill takes the newest.")
]
IntoOption = Annotated[Path | None, typer.Option("--into", help="新的数据目录（必须不存在或为空）A new data folder.")]
JournalOption = Annotated[
    list[Path] | None,
    typer.Option("--journal", help="第二份流水的文件或文件夹，补上更新的作答 The second journal, for newer answers."),
]
DatabaseOption = Annotated[
    str, typer.Option("--database-url", help="PostgreSQL：一个空的数据库 An empty database to restore into.")
]
KeyFileOption = Annotated[
    Path | None, typer.Option("--key-file", help="另行保管的主密钥 The master key, kept elsewhere.")
]
PassphraseOption = Annotated[
    str, typer.Option("--passphrase", envvar="MINGYUAN_BACKUP_PASSPHRASE", help="备份内主密钥的口令 Its passphrase.")
]
DrillOption = Annotated[
    bool, typer.Option("--drill", help="恢复演练，不动正式数据 Try a restore; nothing real is touched.")
]


@app.command()
def restore(
    source: SourceArgument = None,
    into: IntoOption = None,
    journal: JournalOption = None,
    database_url: DatabaseOption = "",
    key_file: KeyFileOption = None,
    passphrase: PassphraseOption = "",
    drill: DrillOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """从备份恢复到新的数据目录，核对全部内容 Restore into a new data folder and check everything. Never overwrites."""
    if drill:
        _drill(source, data, database_url, as_json)
        return
    if source is None or into is None:
        print(
            "用法：mingyuan restore 备份 --into 新数据目录 Usage: mingyuan restore BACKUP --into NEW_FOLDER",
            file=sys.stderr,
        )
        raise typer.Exit(REFUSED)
    with refusals_told():
        restored = restore_backup(
            source, into, journals=journal or [], database_url=database_url, key_file=key_file, passphrase=passphrase
        )
    tell(_facts(restored), as_json, _words(restored))
    if not restored.ok:
        raise typer.Exit(DOUBTFUL)


def _drill(source: Path | None, data: Path | None, database_url: str, as_json: bool) -> None:
    from server.cli.restore_drill import run_drill

    with platform_at(data) as platform:
        outcome = run_drill(platform, source, database_url=database_url)
    line = (
        f"恢复演练{'成功' if outcome.ok else '失败'}：{outcome.seconds:.1f} 秒，{outcome.words_zh}\n"
        f"Restore drill {'passed' if outcome.ok else 'failed'}: {outcome.seconds:.1f} s, {outcome.words_en}"
    )
    tell(asdict(outcome), as_json, line)
    if not outcome.ok:
        raise typer.Exit(DOUBTFUL)


def _facts(restored: Restored) -> dict[str, Any]:
    return {
        "ok": restored.ok,
        "data": str(restored.data),
        "taken_at": restored.backup.manifest.taken_at,
        "checks": restored.examination.as_dict(),
        "journal": asdict(restored.replay),
        "journal_problems": restored.journal_problems,
        "newest_answer_at": restored.examination.newest_answer_at,
        "has_key": restored.has_key,
    }


def _words(restored: Restored) -> str:
    found, replay = restored.examination, restored.replay
    lines = [
        f"{'已恢复并核对无误' if restored.ok else '已恢复，但有问题'} → {restored.data}",
        f"  备份时刻 taken at {restored.backup.manifest.taken_at}；最新作答 newest answer {found.newest_answer_at}",
        f"  审计 audit {found.audit_entries} {found.audit_problem or 'ok'}",
        f"  已结束 ended {found.ended}，摘要不符 wrong {len(found.wrong_digests)}",
        f"  试卷 papers {found.papers}，有误 wrong {len(found.wrong_papers)}",
        f"  第二份流水 second journal：补入 added {replay.added}，已有 there {replay.stored}，缺 missing {found.missing_entries}",
        f"  无处可放 homeless {len(replay.homeless)}，矛盾 contradicted {len(replay.contradicted)}",
    ]
    lines += [f"  {path}: {problem}" for path, problem in restored.journal_problems.items() if problem]
    if not restored.has_key:
        lines.append("  还缺主密钥：放到 keys/master.key（0600）The master key is still needed: keys/master.key (0600)")
    return "\n".join(lines)
