"""The database: one engine, durable settings checked, one write turn per process on SQLite.

SQLite runs in WAL with `synchronous=FULL` and refuses to serve when the pragma reads back otherwise
(security-and-reliability.md 2.2). Every writing transaction begins with `BEGIN IMMEDIATE`; `write_turn`
keeps writers of one process in a queue of their own, so that none of them spins on the file lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from server.core.errors import Unavailable
from server.storage.base import Base

BUSY_TIMEOUT_MS = 8000


class Database:
    """An engine plus the rules above. `url` as SQLAlchemy writes it; PostgreSQL uses psycopg 3."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = self._make_engine(pool_size)
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
        return create_engine(self.url, pool_size=pool_size, max_overflow=20, pool_pre_ping=True)

    def create_all(self) -> None:
        """Make every table that is missing. Production uses the migrations; this is for tests and tools."""
        Base.metadata.create_all(self.engine)

    def check_durability(self) -> None:
        """Refuse to serve on a database that could forget a commit.

        Raises:
            Unavailable: `STORAGE_NOT_DURABLE` when a pragma or setting reads back otherwise.
        """
        with self.engine.connect() as connection:
            if self.is_sqlite:
                found = {
                    name: connection.execute(text(f"PRAGMA {name}")).scalar()
                    for name in ("journal_mode", "synchronous")
                }
                durable = found == {"journal_mode": "wal", "synchronous": 2}
            else:
                found = {
                    name: connection.execute(text(f"SHOW {name}")).scalar() for name in ("synchronous_commit", "fsync")
                }
                durable = found["synchronous_commit"] not in ("off", "local") and found["fsync"] == "on"
        if not durable:
            raise Unavailable(
                "STORAGE_NOT_DURABLE",
                f"数据库设置不能保证已确认的数据不丢失，拒绝启动：{found}。",
                f"The database settings could lose acknowledged data, refusing to start: {found}.",
            )

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
        with self.write_turn, self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


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


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # BEGIN is ours, not the driver's deferred one
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
