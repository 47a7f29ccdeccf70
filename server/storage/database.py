"""The database: one engine, durable settings checked, one write turn per process on SQLite.

SQLite runs in WAL with `synchronous=FULL` and refuses every connection on which a pragma reads back otherwise
(security-and-reliability.md 2.2); after a stop without farewell the file is examined before anybody is served. Every
writing transaction begins with `BEGIN IMMEDIATE`; `write_turn` keeps writers of one process in a queue of their own, so
that none of them spins on the file lock.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from server.core.errors import Unavailable
from server.storage.base import Base
from server.storage.postgres_connection import CommitsInFlight, connect_durably, read_address

log = logging.getLogger(__name__)
BUSY_TIMEOUT_MS = 8000
#: when every connection is taken for so long, the database hangs: better a refusal that says so than a queue
POOL_WAIT_S = 5
#: an open transaction that says nothing for so long belongs to a process that is frozen or cut off: the answer writer's
#: never pauses, a use case may compute or seal between two statements
WRITER_FROZEN_AFTER, FROZEN_AFTER = "5s", "15s"
#: the examination after a stop without farewell ends after this, so that a large file does not keep candidates waiting
EXAMINE_FOR_S = 20.0
#: what a SQLite connection must read back, or it is not used
SQLITE_DURABLE = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON")


class Database:
    """An engine plus the rules above. `url` as SQLAlchemy writes it; PostgreSQL uses psycopg 3."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = read_address(url) if url.startswith("postgres") else make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        #: PostgreSQL only: what waits for the database, and whether it waits for too long
        self.commits = CommitsInFlight()
        self.engine = self._make_engine(pool_size)
        self._writer_engine = self._make_writer_engine()
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        #: Held by whoever writes on SQLite; free for all on PostgreSQL. Not re-entrant: units of work do not nest.
        self.write_turn: Any = threading.Lock() if self.is_sqlite else _NoTurn()

    def _make_engine(self, pool_size: int) -> Engine:
        if self.is_sqlite:
            engine = create_engine(
                self.url,
                connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
                pool_size=pool_size,
                max_overflow=20,
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        return self._postgres_engine(pool_size, 20, FROZEN_AFTER)

    def _make_writer_engine(self) -> Engine:
        """The answer writer's connections: never taken by others."""
        if self.is_sqlite:
            return self.engine
        return self._postgres_engine(1, 1, WRITER_FROZEN_AFTER)

    def _postgres_engine(self, pool_size: int, overflow: int, frozen_after: str) -> Engine:
        """What a frozen process had locked must not hold the other nodes up for longer than `frozen_after`."""
        options = f"{self.url.query.get('options', '')} -c idle_in_transaction_session_timeout={frozen_after}"
        url = self.url.update_query_dict({"options": options.strip()})
        engine = create_engine(
            url, pool_size=pool_size, max_overflow=overflow, pool_pre_ping=True, pool_timeout=POOL_WAIT_S
        )
        event.listen(engine, "do_connect", self._connect)
        return engine

    def _connect(self, _dialect: Any, _record: Any, cargs: Any, cparams: dict[str, Any]) -> Any:
        return connect_durably(cargs, cparams, self.commits)

    def create_all(self) -> None:
        """Make every table that is missing. Production uses the migrations; this is for tests and tools."""
        Base.metadata.create_all(self.engine)

    def check_durability(self) -> None:
        """Refuse to serve on a database that could forget a commit.

        Raises:
            Unavailable: `STORAGE_NOT_DURABLE` when a pragma or setting reads back otherwise.
        """
        found = self.durability()
        if self.is_sqlite:
            durable = found == SQLITE_DURABLE
        else:
            durable = (
                found["synchronous_commit"] in ("on", "remote_apply")
                and found["fsync"] == "on"
                and found["full_page_writes"] == "on"
            )
        if not durable:
            raise _not_durable(found)

    def durability(self) -> dict[str, Any]:
        """What the settings that decide about durability read back as."""
        names = SQLITE_DURABLE if self.is_sqlite else ("synchronous_commit", "fsync", "full_page_writes")
        ask = "PRAGMA" if self.is_sqlite else "SHOW"
        with self.engine.connect() as connection:
            return {name: connection.execute(text(f"{ask} {name}")).scalar() for name in names}

    def stopped_without_farewell(self) -> bool:
        """SQLite, asked before the first connection of a serving process: a log was left behind, so nobody closed it."""
        if not self.is_sqlite or not self.url.database:
            return False
        try:
            return os.stat(f"{self.url.database}-wal").st_size > 0  # noqa: PTH116 - a suffix, not a path
        except FileNotFoundError:
            return False

    def examine(self, seconds: float = EXAMINE_FOR_S) -> bool:
        """`quick_check` of a SQLite file, for at most so long; False when the time was not enough for the whole file.

        Raises:
            Unavailable: `STORAGE_DAMAGED`: pages contradict each other; a backup has to be restored.
        """
        if not self.is_sqlite:
            return True  # PostgreSQL recovers by itself and refuses to start when it cannot
        raw = self.engine.raw_connection()
        try:
            driver: Any = raw.driver_connection
            end = time.monotonic() + seconds
            driver.set_progress_handler(lambda: int(time.monotonic() > end), 10_000)
            try:
                found = [row[0] for row in driver.execute("PRAGMA quick_check(5)").fetchall()]
            except sqlite3.OperationalError as error:
                if "interrupted" not in str(error):
                    raise
                log.warning("the examination of the database was not finished within %s s", seconds)
                return False
            except sqlite3.DatabaseError as error:
                found = [str(error)]
            finally:
                driver.set_progress_handler(None, 0)
        finally:
            raw.close()
        if found != ["ok"]:
            raise Unavailable(
                "STORAGE_DAMAGED",
                "数据库文件已损坏，拒绝启动。请用最近的备份和第二份流水恢复：mingyuan restore。",
                "The database file is damaged, refusing to start. Restore the newest backup with the second journal.",
                found=found[:5],
            )
        return True

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A short reading session; anything changed in it is thrown away. What was read may be used afterwards."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A writing transaction: commits at the end, rolls back on any exception."""
        with self.write_turn, self._sessions() as session:
            session.connection(execution_options={"writes": True})
            with _committing(session):
                yield session

    @contextmanager
    def write_connection(self) -> Iterator[Connection]:
        """As `write`, on a bare connection: the answer writer's way."""
        with self.write_turn, self._writer_engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        self._writer_engine.dispose()


@contextmanager
def _committing(session: Session) -> Iterator[None]:
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


class _NoTurn:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def prepare_sqlite(connection: Any) -> None:
    """Make a fresh `sqlite3.Connection` durable, and believe only what reads back.

    Raises:
        Unavailable: `STORAGE_NOT_DURABLE`.
    """
    connection.isolation_level = None  # BEGIN is ours, not the driver's deferred one
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in SQLITE_DURABLE}
    if found != SQLITE_DURABLE:
        raise _not_durable(found)


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    prepare_sqlite(dbapi_connection)


def _not_durable(found: dict[str, Any]) -> Unavailable:
    return Unavailable(
        "STORAGE_NOT_DURABLE",
        f"数据库设置不能保证已确认的数据不丢失，拒绝启动：{found}。",
        f"The database settings could lose acknowledged data, refusing to start: {found}.",
    )


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
