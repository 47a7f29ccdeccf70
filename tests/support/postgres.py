"""A PostgreSQL cluster of the test run's own: made by initdb in a new folder, reached on 127.0.0.1 alone."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from tests.support.processes import Child, as_unprivileged, find_free_port, hand_over

RUN_AS = "postgres"  # when we are root
OWNER = "mingyuan"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",  # what is tested is durability
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


def find_programs() -> Path | None:
    """The folder with initdb and postgres, newest version first. Debian keeps it off the PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0,
        reverse=True,
    )
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return next(
        (folder for folder in folders if (folder / "initdb").is_file() and (folder / "postgres").is_file()), None
    )


def why_not() -> str | None:
    """Why there can be no cluster here, or None."""
    if find_programs() is None:
        return "PostgreSQL is not installed (make test-tools)"
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            return "running as root, and setpriv, which would start PostgreSQL as another user, is missing"
        try:
            pwd.getpwnam(RUN_AS)
        except KeyError:
            return f"running as root, and there is no user {RUN_AS} to run PostgreSQL as"
    return None


class PostgresCluster:
    """One cluster with any number of databases. It can be stopped, killed and started again."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        programs = find_programs()
        if programs is None:
            raise RuntimeError("PostgreSQL is not installed")
        self.programs = programs
        self.folder = folder
        self.data = folder / "data"
        self.port = port or find_free_port()
        self._child: Child | None = None
        self._numbers = itertools.count(1)

    def create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        hand_over(self.folder, RUN_AS)
        self.run("initdb", "--pgdata", self.data, "--username", OWNER, "--auth", "trust", "--encoding", "UTF8",
                 "--locale", "C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip

    def run(self, program: str, *arguments: str | Path) -> str:
        """One of PostgreSQL's own programs, as the cluster's user."""
        done = subprocess.run(
            as_unprivileged(RUN_AS, [self.programs / program, *arguments]),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, **settings: str) -> None:
        chosen = {"port": str(self.port), "unix_socket_directories": str(self.folder), **SETTINGS, **settings}
        options = [option for name, value in chosen.items() for option in ("-c", f"{name}={value}")]
        command = as_unprivileged(RUN_AS, [self.programs / "postgres", "-D", self.data, *options])
        self._child = Child(command, log=self.folder / "postgres.log", cwd=self.folder)
        self._child.wait_until(self.answers, seconds=30, what="PostgreSQL")

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """An orderly end: open connections are cut, everything is written."""
        if self._child:
            self._child.stop(signal.SIGINT, seconds=30)

    def crash(self) -> None:
        """An end without a farewell: the next start recovers from the log."""
        if self._child:
            self._child.stop(signal.SIGQUIT, seconds=30)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement; the rows it gave, if it gives rows."""
        with psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def dsn(self, database: str) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def url(self, database: str) -> str:
        """As SQLAlchemy writes it."""
        return self.dsn(database).replace("postgresql:", "postgresql+psycopg:", 1)

    def create_database(self, *, name: str | None = None, template: str = "template0") -> str:
        name = name or f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
