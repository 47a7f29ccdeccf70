"""The pair of PostgreSQL servers that `mingyuan rehearse` starts, with what breaking it needs on top."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.rehearsal import own_services
from server.rehearsal.own_services import OWNER, STANDBY_NAME, PostgresCluster
from tests.support.processes import wait_until

#: a standby that is gone or back is noticed within seconds
SETTINGS = {"wal_receiver_timeout": "3s", "wal_sender_timeout": "3s", "wal_retrieve_retry_interval": "500ms",
            "hot_standby": "on", "wal_level": "replica"}  # fmt: skip
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class PostgresPair(own_services.PostgresPair):
    """`primary` and `standby`; either can be killed and started again. `synchronous=False`: commits wait for nobody."""

    def __init__(self, folder: Path, *, synchronous: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        super().__init__(folder)
        self._synchronous = synchronous

    def create(self) -> None:
        """Make both and let the standby catch up."""
        self.primary.create()
        self.start_primary()
        self._copy_standby()

    def start_primary(self) -> None:
        self.primary.start(**SETTINGS)

    def start_standby(self) -> None:
        self.standby.start(**SETTINGS)

    def rebuild(self) -> None:
        """After a promotion: what was the standby is the primary now, and the lost server becomes its standby, copied anew."""
        self.primary, self.standby = self.standby, self.primary
        shutil.rmtree(self.standby.data)
        self._copy_standby()

    def _copy_standby(self) -> None:
        self.standby.create_as_standby_of(self.primary)
        self.start_standby()
        if self._synchronous:
            self.demand()

    def demand(self) -> None:
        """From now on commits wait for the standby, which must be there."""
        wait_until(lambda: bool(self.streaming()), seconds=20, what="the standby streams")
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'")
        self.primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: self.streaming() == ["sync"], seconds=20, what="the standby counts")

    def promote(self) -> float:
        """What `mingyuan promote` does: forget whom commits waited for, then promote. The seconds it took."""
        self.standby.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.standby.execute("SELECT pg_reload_conf()")
        return self.standby.promote()

    def streaming(self) -> list[str]:
        """The sync_state of every standby that streams."""
        rows = self.primary.execute("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")
        return [str(row[0]) for row in rows]

    def waiting(self) -> list[int]:
        """Server processes whose commit waits for the standby."""
        return [int(row[0]) for row in self.primary.execute(WAITING)]

    def receiver_pid(self) -> int:
        """The standby's process that takes what the primary sends."""
        return int(self.standby.execute("SELECT pid FROM pg_stat_wal_receiver")[0][0])

    def both(self, database: str) -> str:
        """The address of both, as the nodes have it."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in sorted((self.primary.port, self.standby.port)))
        return f"postgresql://{OWNER}@{hosts}/{database}"

    def new_database(self, name: str = "exams") -> str:
        """On both; returns the address of both."""
        self.primary.create_database(name=name)
        return self.both(name)

    def stop(self) -> None:
        for cluster in (self.standby, self.primary):
            cluster.crash()


@contextmanager
def postgres_pair(folder: Path, *, synchronous: bool = True) -> Iterator[PostgresPair]:
    """A running pair, stopped at the end."""
    pair = PostgresPair(folder, synchronous=synchronous)
    try:
        pair.create()
        yield pair
    finally:
        pair.stop()


__all__ = ["STANDBY_NAME", "PostgresCluster", "PostgresPair", "postgres_pair"]
