"""Copying a database while it is used, and the files that belong to it.

SQLite: the online backup interface from a connection of its own, in one step: a reader in WAL mode, so writers go on, and
nobody can restart it by writing between steps (realtime.md 10). PostgreSQL: `pg_dump` of an exported snapshot, so that
what is counted is what is dumped.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from server.core.errors import Unavailable
from server.safekeeping.backup_files import APPEND_ONLY, COUNTED, FOLDERS, POSTGRES_FILE, SQLITE_FILE, sha256_of, sync
from server.storage.database import Database

DUMP_TIMEOUT_S = 900
COUNT_SQL = {name: f"SELECT count(*) FROM {name}" for name in COUNTED}  # noqa: S608 - our own names
HEAD_SQL = "SELECT h.seq, h.hash, e.hash FROM audit_head h LEFT JOIN audit_entry e ON e.seq = h.seq"
NEWEST_SQL = "SELECT max(received_at) FROM journal_entry"
REVISION_SQL = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What the copy of the database holds."""

    rows: dict[str, int]
    audit_seq: int
    audit_hash: str
    newest_answer_at: str | None
    revision: str


def copy_sqlite(source: Path, folder: Path) -> CopyFacts:
    """Copy, verify and flush the database; to be called in a real thread.

    Raises:
        Unavailable: `BACKUP_WRONG`: the copy does not hold what the source held.
        OSError, sqlite3.Error: the copy could not be made.
    """
    target = folder / SQLITE_FILE
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=10)) as live:
        before = _counts(live)
        with closing(sqlite3.connect(target)) as copy:
            live.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        after = _counts(live)
    target.chmod(0o600)
    facts = examine_sqlite(target)
    for name in APPEND_ONLY:
        if not before[name] <= facts.rows[name] <= after[name]:
            raise _wrong(f"{name}: {before[name]} <= {facts.rows[name]} <= {after[name]}")
    sync(target)
    return facts


def examine_sqlite(path: Path) -> CopyFacts:
    """Check a copy's pages, count its rows, look at the end of its audit chain.

    Raises:
        Unavailable: `BACKUP_WRONG`.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as copy:
        try:
            found = [row[0] for row in copy.execute("PRAGMA quick_check(5)")]
            if found != ["ok"]:
                raise _wrong("; ".join(found))
            rows = _counts(copy)
            head = copy.execute(HEAD_SQL).fetchone()
            newest = copy.execute(NEWEST_SQL).fetchone()[0]
            revision = copy.execute(REVISION_SQL).fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise _wrong(str(error)) from error
    return _facts(rows, head, f"{newest}+00:00" if newest else None, revision)


def dump_postgres(database: Database, folder: Path) -> CopyFacts:
    """`pg_dump` in its own format, of a snapshot that is counted as well.

    Raises:
        Unavailable: `BACKUP_WRONG`, `PG_DUMP_MISSING`, `PG_DUMP_FAILED`.
    """
    target = folder / POSTGRES_FILE
    with database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        rows = {name: int(connection.execute(text(sql)).scalar_one()) for name, sql in COUNT_SQL.items()}
        head = connection.execute(text(HEAD_SQL)).one_or_none()
        newest = connection.execute(text(NEWEST_SQL)).scalar()
        revision = connection.execute(text(REVISION_SQL)).scalar_one()
        info: Any = connection.connection.driver_connection
        run_postgres(
            "pg_dump", info.info, "--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={target}"
        )
    target.chmod(0o600)
    run_listing(target)
    sync(target)
    return _facts(rows, head, newest.astimezone(UTC).isoformat() if newest else None, revision)


def run_postgres(program: str, info: Any, *arguments: str) -> str:
    """One of PostgreSQL's own programs on the server that `info` (`psycopg.ConnectionInfo`) is connected to.

    Raises:
        Unavailable: `PG_DUMP_MISSING`, `PG_DUMP_FAILED`.
    """
    environment = {
        **os.environ,
        "PGHOST": info.host, "PGPORT": str(info.port), "PGUSER": info.user, "PGDATABASE": info.dbname,
        "PGPASSWORD": info.password or "",
    }  # fmt: skip
    return _run(
        [find_program(program), *arguments, *([] if program == "pg_dump" else ["--dbname", info.dbname])], environment
    )


def run_listing(dump: Path) -> str:
    """The table of contents of a dump: it can only be read when the file is whole."""
    return _run([find_program("pg_restore"), "--list", str(dump)], dict(os.environ))


def find_program(name: str) -> str:
    """PostgreSQL's programs are off the path on Debian; the newest one is taken.

    Raises:
        Unavailable: `PG_DUMP_MISSING`.
    """
    places = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        raise Unavailable(
            "PG_DUMP_MISSING",
            f"本机没有 {name}：请安装 postgresql-client。",
            f"{name} is not installed here: install postgresql-client.",
        )
    return found


def copy_files(data: Path, folder: Path, previous: tuple[Path, list[dict[str, Any]]] | None) -> list[dict[str, Any]]:
    """Papers and records into the backup; what `previous` (folder, its files) has already is linked.

    Returns: path, size, sha256, mtime_ns of each. To be called in a real thread.
    """
    known = {file["path"]: file for file in previous[1]} if previous else {}
    files: list[dict[str, Any]] = []
    for place in FOLDERS:
        for source in sorted((data / place).rglob("*")) if (data / place).is_dir() else []:
            if not source.is_file() or source.name.startswith("."):
                continue
            path = source.relative_to(data).as_posix()
            status = source.stat()
            old = known.get(path)
            same = old is not None and (old["size"], old["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
            digest = _link_or_copy(source, folder / path, previous[0] / path if previous and same else None, old)
            files.append({"path": path, "size": status.st_size, "sha256": digest, "mtime_ns": status.st_mtime_ns})
    return files


def _link_or_copy(source: Path, target: Path, earlier: Path | None, old: dict[str, Any] | None) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    if earlier is not None and old is not None:
        try:
            os.link(earlier, target)
            return str(old["sha256"])
        except OSError:
            pass  # another file system, or one without links: copied below
    shutil.copy2(source, target)
    sync(target)
    return sha256_of(target)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DUMP_TIMEOUT_S, check=False
    )  # fmt: skip
    if done.returncode:
        raise Unavailable(
            "PG_DUMP_FAILED",
            f"{Path(command[0]).name} 失败：{done.stderr.strip()[-500:]}",
            f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}",
        )
    return done.stdout


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {name: int(connection.execute(sql).fetchone()[0]) for name, sql in COUNT_SQL.items()}


def _facts(rows: dict[str, int], head: Any, newest: str | None, revision: str) -> CopyFacts:
    if head is not None and head[0] and head[1] != head[2]:
        raise _wrong(f"the audit chain does not end where its head says: {head[0]}")
    if head is None and rows["audit_entry"]:
        raise _wrong("the audit log has no head")
    stamp = datetime.fromisoformat(newest).isoformat() if newest else None
    return CopyFacts(rows, int(head[0]) if head else 0, str(head[1]) if head else "", stamp, str(revision))


def _wrong(what: str) -> Unavailable:
    return Unavailable("BACKUP_WRONG", f"备份核对不通过：{what}", f"The backup did not pass its check: {what}")
