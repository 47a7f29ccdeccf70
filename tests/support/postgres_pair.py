"""Two PostgreSQL clusters of the test run's own: a primary and its synchronous standby."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import OWNER, PostgresCluster
from tests.support.processes import hand_over, wait_until

STANDBY_NAME = "standby1"


class PostgresPair:
    """`primary` and `standby`; either can be stopped, killed and started again. Commits wait for the standby."""

    def __init__(self, folder: Path, *, synchronous_commit: str = "on", synchronous: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self.primary = PostgresCluster(folder / "primary")
        self.standby = PostgresCluster(folder / "standby")
        self._settings = {"hot_standby": "on", "wal_level": "replica", "synchronous_commit": synchronous_commit,
                          "wal_receiver_timeout": "3s", "wal_sender_timeout": "3s", "wal_retrieve_retry_interval": "500ms"}  # fmt: skip
        self._synchronous = synchronous

    def create(self) -> None:
        """Make both, let the standby catch up, then make commits wait for it."""
        self.primary.create()
        self.primary.start(**self._settings)
        self.standby.folder.mkdir(parents=True, exist_ok=True)
        hand_over(self.standby.folder, "postgres")
        upstream = f"host=127.0.0.1 port={self.primary.port} user={OWNER} application_name={STANDBY_NAME}"
        self.standby.run("pg_basebackup", "--pgdata", self.standby.data, "--dbname", upstream, "--write-recovery-conf",
                         "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")  # fmt: skip
        self.start_standby()
        if self._synchronous:
            self.demand()

    def start_primary(self) -> None:
        self.primary.start(**self._settings)

    def start_standby(self) -> None:
        self.standby.start(**self._settings)

    def demand(self) -> None:
        """From now on commits wait for the standby."""
        wait_until(lambda: bool(self.streaming()), seconds=20, what="the standby streams")
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'")
        self.primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: self.streaming() == ["sync"], seconds=20, what="the standby counts")

    def streaming(self) -> list[str]:
        """The sync_state of every standby that streams."""
        rows = self.primary.execute("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")
        return [str(row[0]) for row in rows]

    def url(self, database: str) -> str:
        """The address of both, as the nodes have it."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://{OWNER}@{hosts}/{database}"

    def create_database(self, name: str = "exams") -> str:
        """On both; returns the address of both."""
        self.primary.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def stop(self) -> None:
        for cluster in (self.primary, self.standby):
            cluster.crash()


@contextmanager
def postgres_pair(folder: Path, *, synchronous_commit: str = "on", synchronous: bool = True) -> Iterator[PostgresPair]:
    """A running pair, stopped at the end."""
    pair = PostgresPair(folder, synchronous_commit=synchronous_commit, synchronous=synchronous)
    try:
        pair.create()
        yield pair
    finally:
        pair.stop()
