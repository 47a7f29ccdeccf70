"""`mingyuan backup`: a verified copy of everything, while the exam goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.audit.actions import AuditAction
from server.audit.log import record
from server.cli.context import DataOption, JsonOption, platform_at, tell
from server.core.actor import SYSTEM
from server.safekeeping.services.make_backup import make_backup

app = typer.Typer()

ToOption = Annotated[
    Path | None,
    typer.Option("--to", help="备份到这个文件夹；默认数据目录的 backups Folder; default: the backup folder."),
]
KeyOption = Annotated[
    bool, typer.Option("--with-key", help="连同主密钥，用口令封存 The master key too, under a passphrase.")
]
PassphraseOption = Annotated[
    str,
    typer.Option("--passphrase", envvar="MINGYUAN_BACKUP_PASSPHRASE", help="封存主密钥的口令 Passphrase.", hidden=True),
]


@app.command()
def backup(
    to: ToOption = None,
    with_key: KeyOption = False,
    passphrase: PassphraseOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """备份数据库、试卷和考场记录，并核对 Copy database, papers and records, and verify the copy."""
    if with_key and not passphrase:
        passphrase = typer.prompt("口令 Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    with platform_at(data) as platform:
        made = make_backup(
            platform.uow, platform.vault, platform.settings, to=to, passphrase=passphrase if with_key else ""
        )
        manifest = made.manifest
        with platform.uow() as work:
            detail = {"folder": made.folder.name, "rows": manifest.rows, "with_key": manifest.has_key}
            record(work, SYSTEM, AuditAction.SAFEKEEPING_BACKUP_MADE, f"backup:{made.folder.name[:60]}", detail)
    answer = {
        "folder": str(made.folder),
        "taken_at": manifest.taken_at,
        "rows": manifest.rows,
        "audit_seq": manifest.audit_seq,
        "newest_answer_at": manifest.newest_answer_at,
        "files": len(manifest.files),
        "with_key": manifest.has_key,
        "took_ms": manifest.took_ms,
    }
    rows = manifest.rows
    tell(
        answer,
        as_json,
        f"已备份并核对 Backed up and verified: {made.folder}\n"
        f"  作答 answers {rows['journal_entry']} · 审计 audit {rows['audit_entry']} · 文件 files {len(manifest.files)}"
        f" · {manifest.took_ms} ms\n"
        + (
            "  主密钥已用口令封存在内 The master key is inside, under the passphrase."
            if manifest.has_key
            else "  主密钥不在备份里，请另行保管 keys/master.key The master key is not inside: keep it elsewhere."
        ),
    )
