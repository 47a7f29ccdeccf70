"""What a backup is on disk: a folder `<moment>-<node>` with the database, papers, records and a manifest.

It is made beside its place under a name that begins with a dot and renamed when it is whole and verified. Papers and
records that the previous backup has are linked to it, not copied, so that every folder is complete and cheap.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from server.adapters.vault import open_with, seal_with
from server.core.errors import Forbidden, InvalidInput, NotFound

FORMAT = "mingyuan-backup/1"
MANIFEST = "manifest.json"
SQLITE_FILE = "database.sqlite3"
POSTGRES_FILE = "database.pgdump"
SEALED_KEY_FILE = "master.key.sealed"
SETTINGS_FILE = "settings.toml"
#: folders of the data folder that belong to a backup
FOLDERS = ("papers", "records")
#: no code updates or deletes rows of these
APPEND_ONLY = ("journal_entry", "audit_entry", "time_entry")
COUNTED = (*APPEND_ONLY, "attempt", "admission_ticket", "sitting", "script", "account")
MOMENT_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"^(\d{8}T\d{6}\.\d{6}Z)-[\w.-]{1,80}$")
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
LEAST_PASSPHRASE = 10


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says about itself; moments as ISO 8601."""

    kind: str
    #: the copy holds what was committed before this moment
    taken_at: str
    node_name: str
    database: str
    version: str
    revision: str
    #: rows by table
    rows: dict[str, int]
    audit_seq: int
    audit_hash: str
    newest_answer_at: str | None
    open_sittings: list[str]
    #: of the key that seals the contents, so that the wrong key is told before anything is tried
    public_key: str
    has_key: bool
    took_ms: int
    #: [{path, size, sha256, mtime_ns}] of every other file of the folder
    files: list[dict[str, Any]] = field(default_factory=list)
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class Backup:
    """One complete backup."""

    folder: Path
    manifest: Manifest

    @property
    def taken_at(self) -> datetime:
        """When its contents were current."""
        return datetime.fromisoformat(self.manifest.taken_at)

    @property
    def database(self) -> Path:
        """The database inside."""
        return self.folder / (SQLITE_FILE if self.manifest.database == "sqlite" else POSTGRES_FILE)


def folder_name(at: datetime, node_name: str) -> str:
    """Sorted by name is sorted by time."""
    safe = re.sub(r"[^\w.-]", "_", node_name)[:80]
    return f"{at.astimezone(UTC).strftime(MOMENT_FORMAT)}-{safe}"


def read_backup(place: Path) -> Backup:
    """The backup at this place: its folder, or any file in it.

    Raises:
        NotFound: `BACKUP_NOT_FOUND`.
        InvalidInput: `BACKUP_UNREADABLE`: no manifest of ours.
    """
    folder = place if place.is_dir() else place.parent
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFound("BACKUP_NOT_FOUND", f"这里没有备份：{place}", f"There is no backup here: {place}")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.get("format") != FORMAT:
            raise ValueError(document.get("format"))
        return Backup(folder, Manifest(**document))
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "BACKUP_UNREADABLE", f"备份清单无法读取：{path}", f"The manifest cannot be read: {path}", cause=str(error)
        ) from None


def list_backups(store: Path) -> list[Backup]:
    """Every complete backup in the folder, newest first; what is unreadable is left out."""
    found = []
    for folder in sorted(store.glob("*Z-*"), reverse=True) if store.is_dir() else []:
        if _NAME.match(folder.name):
            try:
                found.append(read_backup(folder))
            except (NotFound, InvalidInput):
                continue
    return found


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """The last file of a backup."""
    content = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
    with (folder / MANIFEST).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seal_master_key(key_text: str, passphrase: str) -> str:
    """The master key under a passphrase, as JSON text.

    Raises:
        InvalidInput: `PASSPHRASE_TOO_SHORT`.
    """
    if len(passphrase) < LEAST_PASSPHRASE:
        raise InvalidInput(
            "PASSPHRASE_TOO_SHORT",
            f"口令至少 {LEAST_PASSPHRASE} 个字符。",
            f"The passphrase needs at least {LEAST_PASSPHRASE} characters.",
        )
    salt = os.urandom(16)
    sealed = seal_with(_passphrase_key(passphrase, salt), key_text.encode(), "backup:master_key")
    return json.dumps({"kdf": "scrypt", **_SCRYPT, "salt": salt.hex(), "sealed": sealed.hex()})


def open_master_key(document: str, passphrase: str) -> str:
    """Inverse of `seal_master_key`.

    Raises:
        Forbidden: `PASSPHRASE_WRONG`.
    """
    facts = json.loads(document)
    key = _passphrase_key(passphrase, bytes.fromhex(facts["salt"]))
    try:
        return open_with(key, bytes.fromhex(facts["sealed"]), "backup:master_key").decode()
    except Forbidden:
        raise Forbidden("PASSPHRASE_WRONG", "备份中主密钥的口令不对。", "The passphrase of the key is wrong.") from None


def _passphrase_key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase.encode())
