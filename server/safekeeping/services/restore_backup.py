"""Use case: bring a backup back into a new data folder, with the answers the second journal holds beyond it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import inspect

from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.bus import InProcessBus
from server.core.clock import Clock, SystemClock
from server.core.errors import Conflict, Forbidden, InvalidInput
from server.delivery.second_journal import find_journal_files, read_second_journal
from server.safekeeping.backup_files import (
    SEALED_KEY_FILE,
    SETTINGS_FILE,
    Backup,
    open_master_key,
    read_backup,
    sha256_of,
    sync,
)
from server.safekeeping.checking import Examination, examine
from server.safekeeping.copying import run_postgres
from server.safekeeping.replaying import Replay, replay_entries
from server.settings import load_settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork

DATABASE_NAME = "mingyuan.db"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back."""

    data: Path
    backup: Backup
    examination: Examination
    replay: Replay
    #: file → what is wrong with it
    journal_problems: dict[str, str] = field(default_factory=dict)
    has_key: bool = False

    @property
    def ok(self) -> bool:
        """Everything that could be checked is right, and nothing was left out."""
        return self.examination.ok and not (
            self.replay.homeless or self.replay.contradicted or any(self.journal_problems.values())
        )


def restore_backup(
    source: Path,
    into: Path,
    *,
    journals: list[Path] | None = None,
    database_url: str = "",
    key_file: Path | None = None,
    passphrase: str = "",
    with_settings: bool = True,
    clock: Clock | None = None,
) -> Restored:
    """Restore the backup at `source` as the new data folder `into`; nothing that exists is ever overwritten.

    Args:
        journals: files or folders of the second journal, to add answers newer than the backup.
        database_url: PostgreSQL backups: an empty database to restore into.
        key_file: the master key as kept apart from the data; or the passphrase, when the key is in the backup.
        with_settings: False leaves the backup's settings.toml out.

    Raises:
        Conflict: `RESTORE_TARGET_NOT_EMPTY`, `RESTORE_DATABASE_NOT_EMPTY`.
        InvalidInput: `BACKUP_UNREADABLE`, `BACKUP_DAMAGED`, `KEY_DOES_NOT_FIT`, `KEY_NEEDED`, `DATABASE_ADDRESS_NEEDED`.
        NotFound: `BACKUP_NOT_FOUND`.
        Forbidden: `PASSPHRASE_WRONG`.
    """
    backup = read_backup(source)
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise Conflict(
            "RESTORE_TARGET_NOT_EMPTY",
            f"目标文件夹不是空的，恢复从不覆盖已有数据：{into}",
            f"The folder is not empty, and a restore never overwrites anything: {into}",
        )
    _verify_files(backup)
    key = _find_key(backup, key_file, passphrase)
    if journals and key is None:
        raise InvalidInput(
            "KEY_NEEDED",
            "读取第二份流水需要主密钥：请用 --key-file 或 --passphrase。",
            "The master key is needed to read the second journal: --key-file or --passphrase.",
        )
    making = into.parent / f".{into.name}.restoring"
    if making.exists():
        shutil.rmtree(making)
    making.mkdir(parents=True, mode=0o700)
    try:
        _lay_out(backup, making, key, with_settings=with_settings)
        database = _bring_database(backup, making, database_url)
        try:
            restored = _finish(backup, into, making, database, key, journals or [], clock or SystemClock())
        finally:
            database.dispose()
        if into.exists():
            into.rmdir()
        sync(making)
        making.rename(into)
        sync(into.parent)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return restored


def _finish(
    backup: Backup, into: Path, making: Path, database: Database, key: str | None, journals: list[Path], clock: Clock
) -> Restored:
    vault = Vault(bytes.fromhex(key)) if key else None
    entries: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    for path in (file for place in journals for file in find_journal_files(place)):
        assert vault is not None
        read = read_second_journal(path, vault)
        entries.extend(read.entries)
        problems[str(path)] = read.problem
    uow = UnitOfWork(database, InProcessBus(), clock)
    with uow() as work:
        replay = replay_entries(work.session, entries)
        record(
            work, SYSTEM, AuditAction.SAFEKEEPING_BACKUP_RESTORED, f"backup:{backup.folder.name[:60]}",
            {"taken_at": backup.manifest.taken_at, "entries_added": replay.added, "journal_files": len(problems)},
        )  # fmt: skip
    with uow.read() as session:
        keys = frozenset({vault.public_key_hex()}) if vault else frozenset()
        homeless = {line.split(" ", 1)[0] for line in replay.homeless}
        expected = [entry for entry in entries if entry["attempt_id"] not in homeless]
        found = examine(session, making / "papers", trusted_keys=keys, entries=expected)
    return Restored(into, backup, found, replay, problems, key is not None)


def _verify_files(backup: Backup) -> None:
    wrong = [
        file["path"]
        for file in backup.manifest.files
        if not (backup.folder / file["path"]).is_file() or sha256_of(backup.folder / file["path"]) != file["sha256"]
    ]
    if wrong:
        raise InvalidInput(
            "BACKUP_DAMAGED",
            f"备份中有 {len(wrong)} 个文件缺失或被改动，请用另一份备份：{'、'.join(wrong[:3])}",
            f"{len(wrong)} files of the backup are missing or were changed; take another one: {', '.join(wrong[:3])}",
            files=wrong[:10],
        )


def _find_key(backup: Backup, key_file: Path | None, passphrase: str) -> str | None:
    key: str | None = None
    if key_file is not None:
        key = key_file.read_text().strip()
    elif passphrase and backup.manifest.has_key:
        key = open_master_key((backup.folder / SEALED_KEY_FILE).read_text(), passphrase)
    elif passphrase:
        raise Forbidden("PASSPHRASE_WRONG", "这份备份里没有主密钥。", "There is no master key in this backup.")
    if key is None:
        return None
    try:
        fits = Vault(bytes.fromhex(key)).public_key_hex() == backup.manifest.public_key
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput(
            "KEY_DOES_NOT_FIT", "这不是封存这份数据的主密钥。", "This is not the master key this data was sealed with."
        )
    return key


def _lay_out(backup: Backup, making: Path, key: str | None, *, with_settings: bool) -> None:
    for file in backup.manifest.files:
        path = file["path"]
        if "/" in path or (path == SETTINGS_FILE and with_settings):
            target = (making / path).resolve()
            if not target.is_relative_to(making.resolve()):
                raise InvalidInput("BACKUP_DAMAGED", f"清单里有非法路径：{path}", f"A path points outside: {path}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(backup.folder / path, target)
    if key is not None:
        (making / "keys").mkdir(mode=0o700)
        place = making / "keys" / "master.key"
        place.touch(mode=0o600)
        place.write_text(key)


def _bring_database(backup: Backup, making: Path, database_url: str) -> Database:
    if backup.manifest.database == "sqlite":
        shutil.copyfile(backup.database, making / DATABASE_NAME)
        (making / DATABASE_NAME).chmod(0o600)
        return Database(f"sqlite:///{(making / DATABASE_NAME).resolve()}")
    if not database_url:
        configured = load_settings(making).database_url if (making / SETTINGS_FILE).is_file() else ""
        raise InvalidInput(
            "DATABASE_ADDRESS_NEEDED",
            "这是 PostgreSQL 的备份：请用 --database-url 指定一个空的数据库。",
            "This is a backup of PostgreSQL: name an empty database with --database-url.",
            configured=bool(configured),
        )
    database = Database(database_url)
    with database.engine.connect() as connection:
        is_empty = not inspect(connection).get_table_names()
        info: Any = connection.connection.driver_connection
        if is_empty:
            run_postgres(
                "pg_restore", info.info, "--exit-on-error", "--single-transaction", "--no-owner", str(backup.database)
            )
    if not is_empty:
        database.dispose()
        raise Conflict(
            "RESTORE_DATABASE_NOT_EMPTY",
            "目标数据库不是空的，恢复从不覆盖已有数据。",
            "The database is not empty, and a restore never overwrites anything.",
        )
    return database
