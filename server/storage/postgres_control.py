"""The few things an administrator does to a PostgreSQL server in an emergency: look, promote, change whom commits wait for.

Needs a superuser's connection to the server in question (peer authentication on its own machine, as a rule). Nothing here
waits for a synchronous standby: each statement is either a read or a setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy.engine import URL

from server.storage.postgres_connection import hosts_of, read_address

ASK_FOR_S = 3
PROMOTE_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class ServerView:
    """One server as it sees itself. `behind_bytes`: received and not replayed yet (a standby's own lag)."""

    in_recovery: bool
    names: str
    standbys: list[dict[str, Any]]
    receive_lsn: str | None
    replay_lsn: str | None
    behind_bytes: int
    last_replayed_at: datetime | None
    is_receiving: bool


@dataclass(frozen=True, slots=True)
class OtherServer:
    """What one of the configured hosts answers: `writes`, `standby` or `unreachable`."""

    host: str
    port: int
    state: str


@contextmanager
def administrating(address: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection for single statements to exactly the named server.

    Raises:
        psycopg.OperationalError: nobody answers, or not to us.
    """
    url = read_address(address)
    query = {**url.query, "target_session_attrs": "any", "connect_timeout": str(ASK_FOR_S)}
    conninfo = url.set(drivername="postgresql", query=query).render_as_string(hide_password=False)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '10s'")
        yield connection


def look(connection: psycopg.Connection[Any]) -> ServerView:
    """The server as it is now."""
    row = connection.execute(
        "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'), pg_last_wal_receive_lsn()::text, "
        "pg_last_wal_replay_lsn()::text, "
        "coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::bigint, "
        "pg_last_xact_replay_timestamp(), EXISTS (SELECT FROM pg_stat_wal_receiver)"
    ).fetchone()
    assert row is not None
    standbys = connection.execute(
        "SELECT application_name, coalesce(client_addr::text, 'local'), state, sync_state FROM pg_stat_replication ORDER BY 1"
    ).fetchall()
    return ServerView(
        in_recovery=row[0],
        names=row[1],
        standbys=[dict(zip(("name", "address", "state", "sync_state"), one, strict=True)) for one in standbys],
        receive_lsn=row[2],
        replay_lsn=row[3],
        behind_bytes=row[4],
        last_replayed_at=row[5],
        is_receiving=row[6],
    )


def wait_for_nobody(connection: psycopg.Connection[Any]) -> None:
    """Commits wait for no standby from now on; those that wait are released. Works on a standby as well.

    Raises:
        RuntimeError: something stronger than our setting names standbys (the command line, say).
    """
    demand_standbys(connection, "")


def demand_standbys(connection: psycopg.Connection[Any], names: str) -> None:
    """Commits wait for these (`synchronous_standby_names`), as soon as the server has read its settings again."""
    literal = psycopg.sql.Literal(names)
    connection.execute(psycopg.sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(literal))
    connection.execute("SELECT pg_reload_conf()")
    found = None
    for _ in range(50):
        found = connection.execute("SHOW synchronous_standby_names").fetchone()
        if found is not None and found[0] == names:
            return
        connection.execute("SELECT pg_sleep(0.1)")
    raise RuntimeError(f"synchronous_standby_names is still {found}: it is set somewhere stronger")


def promote(connection: psycopg.Connection[Any]) -> None:
    """Make this standby the primary; returns when it takes writes.

    Raises:
        RuntimeError: it did not, within a minute.
    """
    connection.execute(f"SET statement_timeout = '{PROMOTE_WITHIN_S + 10}s'")
    row = connection.execute("SELECT pg_promote(true, %s)", (PROMOTE_WITHIN_S,)).fetchone()
    if row is None or not row[0]:
        raise RuntimeError("pg_promote did not end in time")


def ask_others(url: URL) -> list[OtherServer]:
    """Each host of an address: does it take writes, is it a standby, or does it not answer? Not answering proves nothing."""
    found = []
    for host, port in hosts_of(url):
        conninfo: dict[str, Any] = {"host": host, "port": port, "dbname": url.database, "connect_timeout": ASK_FOR_S}
        conninfo |= {key: value for key, value in (("user", url.username), ("password", url.password)) if value}
        try:
            with psycopg.connect(**conninfo, autocommit=True) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                state = "standby" if row is not None and row[0] else "writes"
        except psycopg.OperationalError as error:
            # It answers, and does not let us in (starting, too many, a wrong password): that is not switched off.
            refused = getattr(error, "sqlstate", None) is not None or "FATAL" in str(error)
            state = "answers" if refused else "unreachable"
        found.append(OtherServer(host, port, state))
    return found
