"""Use case: make a verified copy of everything, while the exam goes on."""

from __future__ import annotations

import importlib.metadata
import shutil
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from server.adapters.real_thread import in_real_thread
from server.adapters.vault import Vault
from server.core.errors import Unavailable
from server.safekeeping.backup_files import (
    SEALED_KEY_FILE,
    SETTINGS_FILE,
    SQLITE_FILE,
    Backup,
    Manifest,
    folder_name,
    list_backups,
    read_backup,
    seal_master_key,
    sha256_of,
    sync,
    write_manifest,
)
from server.safekeeping.copying import CopyFacts, copy_files, copy_sqlite, dump_postgres
from server.safekeeping.disk_watch import require_room
from server.safekeeping.open_sittings import open_sittings
from server.safekeeping.records import note_keeping
from server.settings import Settings
from server.storage.unit_of_work import UnitOfWork

PROGRAM = "mingyuan"


def make_backup(
    uow: UnitOfWork,
    vault: Vault,
    settings: Settings,
    *,
    to: Path | None = None,
    kind: str = "manual",
    passphrase: str = "",
) -> Backup:
    """Copy database, papers and records into a new folder below `to` (default: the backup folder) and verify the copy.

    The master key is not part of it unless a passphrase is given: a backup that falls into wrong hands must not open
    the sealed papers and the ID numbers in it.

    Raises:
        Unavailable: `DISK_FULL`, `BACKUP_WRONG`, `PG_DUMP_MISSING`, `PG_DUMP_FAILED`.
        InvalidInput: `PASSPHRASE_TOO_SHORT`.
    """
    began = time.monotonic()
    store = to or settings.backup_store
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_room(settings, store)
    at = uow.clock.now()
    name = folder_name(at, settings.node_name)
    partial_folder = store / f".{name}.partial"
    partial_folder.mkdir(mode=0o700)
    try:
        facts = _copy_database(uow, partial_folder)
        earlier = next(iter(list_backups(store)), None)
        files = in_real_thread(
            partial(
                copy_files, settings.data, partial_folder, (earlier.folder, earlier.manifest.files) if earlier else None
            )
        )
        files += _extras(settings, partial_folder, passphrase)
        database = next(path for path in partial_folder.glob("database.*"))
        files.append(
            {
                "path": database.name,
                "size": database.stat().st_size,
                "sha256": in_real_thread(sha256_of, database),
                "mtime_ns": 0,
            }
        )
        with uow.read() as session:
            sittings = [one.id for one in open_sittings(session, at)]
        write_manifest(
            partial_folder,
            Manifest(
                kind=kind,
                taken_at=at.isoformat(),
                node_name=settings.node_name,
                database="sqlite" if uow.database.is_sqlite else "postgresql",
                version=importlib.metadata.version(PROGRAM),
                revision=facts.revision,
                rows=facts.rows,
                audit_seq=facts.audit_seq,
                audit_hash=facts.audit_hash,
                newest_answer_at=facts.newest_answer_at,
                open_sittings=sittings,
                public_key=vault.public_key_hex(),
                has_key=bool(passphrase),
                took_ms=round((time.monotonic() - began) * 1000),
                files=files,
            ),
        )
        in_real_thread(_publish, partial_folder, store / name)
    except BaseException as error:
        shutil.rmtree(partial_folder, ignore_errors=True)
        _note_failure(uow, settings, at, error)
        raise
    backup = read_backup(store / name)
    note_keeping(uow, settings.node_name, "backup", at, ok=True, place=str(backup.folder), detail={"kind": kind})
    return backup


def clear_unfinished(store: Path) -> None:
    """Remove what an earlier process left half-made."""
    for folder in store.glob(".*Z-*.partial") if store.is_dir() else []:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_database(uow: UnitOfWork, folder: Path) -> CopyFacts:
    database = uow.database
    if database.is_sqlite:
        return in_real_thread(copy_sqlite, Path(str(database.url.database)), folder)
    return dump_postgres(database, folder)


def _extras(settings: Settings, folder: Path, passphrase: str) -> list[dict[str, object]]:
    made: list[Path] = []
    source = settings.data / SETTINGS_FILE
    if source.is_file():
        made.append(Path(shutil.copyfile(source, folder / SETTINGS_FILE)))
    if passphrase:
        key = (settings.master_key_file or settings.data / "keys" / "master.key").read_text().strip()
        sealed = folder / SEALED_KEY_FILE
        sealed.write_text(in_real_thread(seal_master_key, key, passphrase))
        made.append(sealed)
    for path in made:
        path.chmod(0o600)
        sync(path)
    return [{"path": path.name, "size": path.stat().st_size, "sha256": sha256_of(path), "mtime_ns": 0} for path in made]


def _publish(folder: Path, final: Path) -> None:
    sync(folder)
    folder.rename(final)
    sync(final.parent)


def _note_failure(uow: UnitOfWork, settings: Settings, at: datetime, error: BaseException) -> None:
    if isinstance(error, Exception):
        try:
            note_keeping(uow, settings.node_name, "backup", at, ok=False, place="", detail={"error": str(error)[:500]})
        except Exception:  # noqa: BLE001 - the first error is the one to tell
            return


__all__ = ["SQLITE_FILE", "Unavailable", "clear_unfinished", "make_backup"]
