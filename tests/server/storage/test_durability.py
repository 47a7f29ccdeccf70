"""A database that could forget a commit, or whose pages contradict each other, is not opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from server.core.errors import Unavailable
from server.storage.database import SQLITE_DURABLE, Database, prepare_sqlite


class Forgetful(sqlite3.Connection):
    """A connection on which one pragma does not stick, as with a file system without shared memory."""

    ignores = ""

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute(
            "SELECT 1" if statement.startswith(f"PRAGMA {self.ignores}=") else statement, *parameters
        )


@pytest.mark.parametrize("pragma", ["journal_mode", "foreign_keys"])
def test_a_connection_that_does_not_read_back_what_was_asked_is_refused(tmp_path: Path, pragma: str) -> None:
    connection = sqlite3.connect(tmp_path / "a.db", factory=Forgetful)
    connection.ignores = pragma  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match="STORAGE_NOT_DURABLE"):
        prepare_sqlite(connection)
    connection.close()


def test_a_synchronous_mode_lowered_afterwards_is_found_by_the_check(sqlite_database: Database) -> None:
    sqlite_database.check_durability()
    assert sqlite_database.durability() == SQLITE_DURABLE

    def tamper(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    sqlite_database.dispose()
    event.listen(sqlite_database.engine, "connect", tamper)
    with pytest.raises(Unavailable, match="STORAGE_NOT_DURABLE"):
        sqlite_database.check_durability()


@pytest.mark.postgres
def test_postgresql_that_acknowledges_before_the_flush_is_refused(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.check_durability()
    name = database.url.database
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    database.dispose()
    with pytest.raises(Unavailable, match="STORAGE_NOT_DURABLE"):
        database.check_durability()
    database.dispose()


def test_a_log_left_behind_says_that_nobody_said_farewell(sqlite_database: Database) -> None:
    sqlite_database.dispose()
    assert not sqlite_database.stopped_without_farewell()
    with sqlite_database.write_connection() as connection:
        connection.execute(text("CREATE TABLE one (a INTEGER)"))
    assert sqlite_database.stopped_without_farewell(), "still open: a log is there"
    assert sqlite_database.examine()
    sqlite_database.dispose()
    assert not sqlite_database.stopped_without_farewell()


def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE line (a TEXT)")
    connection.execute("CREATE INDEX by_a ON line (a)")
    connection.executemany("INSERT INTO line VALUES (?)", [(f"{n:05d}" * 40,) for n in range(2000)])
    connection.commit()
    connection.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 8192)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(Unavailable, match="STORAGE_DAMAGED") as refused:
        database.examine()
    assert "mingyuan restore" in refused.value.message_zh
    database.dispose()


def test_the_examination_of_a_large_file_ends_in_time(sqlite_database: Database) -> None:
    with sqlite_database.write_connection() as connection:
        connection.execute(text("CREATE TABLE line (a TEXT)"))
        connection.execute(text(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) "
            "INSERT INTO line SELECT printf('%080d', i) FROM n"
        ))  # fmt: skip
    assert sqlite_database.examine(seconds=0) is False
    assert sqlite_database.examine() is True
