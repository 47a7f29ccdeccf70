"""How we connect to PostgreSQL: several hosts, short waits, and a commit that says when it was not replicated.

When somebody cancels the wait for the synchronous standby, PostgreSQL answers COMMIT with success and a warning: the
transaction is on the primary alone and would be lost with it (realtime.md 10). Here such a commit raises, so that nobody
acknowledges it. Its outcome is unknown: repeating the same work is right.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.errors import Diagnostic
from sqlalchemy.engine import URL, make_url

#: seconds and milliseconds as libpq takes them; a dead host is noticed within about five seconds (realtime.md 10)
CONNECTION_DEFAULTS = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "application_name": "mingyuan",
}
#: the function of the server that waits for the standby: the same in every language of its messages
WAITS_FOR_STANDBY = "SyncRepWaitForLSN"
_AUTHORITY = re.compile(r"^(?P<scheme>[\w+]+)://(?P<authority>[^/?]*)(?P<rest>.*)$", re.DOTALL)


class CommitNotReplicated(psycopg.OperationalError):
    """The commit is on this server only: the wait for the synchronous standby was cancelled."""


class CommitsInFlight:
    """Commits that were sent and not answered yet; one object a `Database`."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._began: dict[int, float] = {}
        self.not_replicated = 0

    def begin(self) -> int:
        number = next(self._numbers)
        self._began[number] = time.monotonic()
        return number

    def end(self, number: int) -> None:
        self._began.pop(number, None)

    def longest_s(self) -> float:
        """For how long the oldest unanswered commit has been under way; 0.0 when there is none."""
        began = min(list(self._began.values()), default=None)
        return 0.0 if began is None else time.monotonic() - began


class DurableConnection(psycopg.Connection[Any]):
    """A connection whose `commit` returns only for what a synchronous standby holds as well, where there is one."""

    in_flight: CommitsInFlight | None = None
    _wait_was_cancelled = False

    def note(self, notice: Diagnostic) -> None:
        """Notice handler."""
        if notice.source_function == WAITS_FOR_STANDBY or "synchronous replication" in (notice.message_primary or ""):
            self._wait_was_cancelled = True

    def commit(self) -> None:
        """Commit.

        Raises:
            CommitNotReplicated: committed here, perhaps nowhere else; repeat the same work.
            psycopg.OperationalError: the connection broke; whether it was committed is unknown.
        """
        self._wait_was_cancelled = False
        number = self.in_flight.begin() if self.in_flight is not None else None
        try:
            super().commit()
        finally:
            if self.in_flight is not None and number is not None:
                self.in_flight.end(number)
        if self._wait_was_cancelled:
            if self.in_flight is not None:
                self.in_flight.not_replicated += 1
            raise CommitNotReplicated("the wait for the synchronous standby was cancelled: the commit is local only")


def connect_durably(cargs: Iterable[Any], cparams: dict[str, Any], in_flight: CommitsInFlight) -> DurableConnection:
    """What SQLAlchemy would have passed to `psycopg.connect`, on a connection of ours."""
    connection = DurableConnection.connect(*cargs, **cparams)
    connection.in_flight = in_flight
    connection.add_notice_handler(connection.note)
    return connection


def read_address(address: str) -> URL:
    """A `postgresql://` address as SQLAlchemy wants it, several hosts with ports included, with our defaults added.

    `postgresql://me:secret@db1:5432,db2:5433/exams?connect_timeout=3` is what libpq documents; what the address says
    itself stands.

    Raises:
        ValueError: not an address.
    """
    parts = _AUTHORITY.match(address)
    hosts: list[str] = []
    if parts is not None and "," in parts["authority"]:
        who, at, where = parts["authority"].rpartition("@")
        hosts = where.split(",")
        address = f"{parts['scheme']}://{who}{at}{parts['rest']}"
    url = make_url(address).set(drivername="postgresql+psycopg")
    query = {**CONNECTION_DEFAULTS, **url.query}
    if hosts:
        query["host"] = tuple(hosts)
    if len(hosts_of(url.set(query=query))) > 1:
        # Whoever is not writable is not the primary; the others are asked in turn.
        query.setdefault("target_session_attrs", "read-write")
    return url.set(query=query)


def hosts_of(url: URL) -> list[tuple[str, int]]:
    """The hosts of an address in the order in which they are tried; a socket folder counts as a host."""
    named = url.query.get("host", ())
    names = [named] if isinstance(named, str) else list(named)
    ports = url.query.get("port", ())
    own_ports = ([ports] if isinstance(ports, str) else list(ports)) or [str(url.port or 5432)]
    if not names:
        return [(url.host, url.port or 5432)] if url.host else []
    found = []
    for index, name in enumerate(one for entry in names for one in entry.split(",")):
        host, _, port = name.rpartition(":") if re.search(r":\d+$", name) else (name, "", "")
        found.append((host, int(port or own_ports[min(index, len(own_ports) - 1)])))
    return found
