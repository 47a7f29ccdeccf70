"""PostgreSQL and Redis of our own for a rehearsal (and for tests): on 127.0.0.1 alone, in folders of their own.

`PostgresPair` is a primary with a synchronous standby, as `deploy/docs` sets up two hosts: an acknowledged answer is on both.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import redis

from server.core.errors import Unavailable
from server.rehearsal.child_process import Child, accepts_connections, as_unprivileged, find_free_port, hand_over
from server.rehearsal.process_cpu import family

RUN_AS = "postgres"  # when we are root
OWNER = "mingyuan"
STANDBY_NAME = "standby"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",  # what is shown is durability
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────


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


def why_no_postgres() -> str | None:
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


def require_postgres() -> None:
    """Raises Unavailable: `POSTGRES_MISSING`, with what to install."""
    reason = why_no_postgres()
    if reason is not None:
        raise Unavailable(
            "POSTGRES_MISSING",
            "这项演练需要本机的 PostgreSQL 程序，但现在不能用。请安装 postgresql（Debian/Ubuntu：apt-get install postgresql），不需要启动系统服务。",
            f"This rehearsal needs PostgreSQL's programs: {reason}. Install postgresql; its system service need not run.",
        )


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
        """An empty cluster."""
        self._own_folder()
        self.run("initdb", "--pgdata", self.data, "--username", OWNER, "--auth", "trust", "--encoding", "UTF8",
                 "--locale", "C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip

    def create_as_standby_of(self, primary: PostgresCluster) -> None:
        """A copy of a running cluster that follows it as a synchronous standby may."""
        self._own_folder()
        self.run("pg_basebackup", "--pgdata", self.data, "--dbname", f"host=127.0.0.1 port={primary.port} user={OWNER}",
                 "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")  # fmt: skip
        settings = self.data / "postgresql.auto.conf"
        text = settings.read_text(encoding="utf-8")
        # PostgreSQL takes the last word; the standby's name is what synchronous_standby_names asks for
        settings.write_text(
            f"{text}primary_conninfo = 'host=127.0.0.1 port={primary.port} user={OWNER} application_name={STANDBY_NAME}'\n",
            encoding="utf-8",
        )

    def _own_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        hand_over(self.folder, RUN_AS)

    def run(self, program: str, *arguments: str | Path) -> str:
        """One of PostgreSQL's own programs, as the cluster's user."""
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            as_unprivileged(RUN_AS, [self.programs / program, *arguments]),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers."""
        chosen = {"port": str(self.port), "unix_socket_directories": str(self.folder), **SETTINGS, **settings}
        options = [option for name, value in chosen.items() for option in ("-c", f"{name}={value}")]
        command = as_unprivileged(RUN_AS, [self.programs / "postgres", "-D", self.data, *options])
        self._child = Child(command, log=self.folder / "postgres.log", cwd=self.folder)
        self._child.wait_until(self.answers, seconds=30, what="PostgreSQL")

    @property
    def pid(self) -> int | None:
        """The postmaster, while it runs."""
        return self._child.pid if self._child is not None and self._child.running else None

    def answers(self) -> bool:
        """It takes connections."""
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

    def kill(self) -> None:
        """SIGKILL to the postmaster and to every process it started: the host is gone."""
        if self._child is None or not self._child.running:
            return
        everybody = family(self._child.pid)
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._child.kill()

    def promote(self) -> float:
        """Make a standby the primary; the seconds until it takes writes."""
        began = time.monotonic()
        self.run("pg_ctl", "promote", "--pgdata", self.data, "--wait", "--timeout", "30")
        return time.monotonic() - began

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement; the rows it gave, if it gives rows."""
        with psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def dsn(self, database: str) -> str:
        """As libpq writes it."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def url(self, database: str) -> str:
        """As SQLAlchemy writes it."""
        return self.dsn(database).replace("postgresql:", "postgresql+psycopg:", 1)

    def create_database(self, *, name: str | None = None, template: str = "template0") -> str:
        """A database; its name."""
        name = name or f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Cut its connections and drop it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class PostgresPair:
    """A primary and its synchronous standby; `promote_standby` is what a person does when the primary's host is gone."""

    DATABASE = "mingyuan"

    def __init__(self, folder: Path) -> None:
        self.primary = PostgresCluster(folder / "primary")
        self.standby = PostgresCluster(folder / "standby")

    def start(self) -> None:
        """Make both, let the standby catch up, then make it synchronous."""
        self.primary.create()
        self.primary.start()
        self.primary.create_database(name=self.DATABASE)
        self.standby.create_as_standby_of(self.primary)
        # the name list is set on the primary alone: a promoted standby that still had it would hang at its first commit
        self.standby.start(synchronous_standby_names="")
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'")
        self.primary.execute("SELECT pg_reload_conf()")
        self._wait_until_synchronous()

    def _wait_until_synchronous(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.primary.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
                return
            time.sleep(0.05)
        raise TimeoutError("the standby did not become synchronous within 20 s")

    @property
    def url(self) -> str:
        """Both hosts; whichever takes writes is used (realtime.md 10)."""
        hosts = "&".join(f"host=127.0.0.1:{one.port}" for one in (self.primary, self.standby))
        more = "target_session_attrs=read-write&connect_timeout=2&tcp_user_timeout=3000&keepalives_idle=2"
        return f"postgresql+psycopg://{OWNER}@/{self.DATABASE}?{hosts}&{more}"

    @property
    def pids(self) -> list[int]:
        """Whatever runs of the two."""
        return [one.pid for one in (self.primary, self.standby) if one.pid is not None]

    def promote_standby(self) -> float:
        """The standby takes over; it waits for no other standby. The seconds it took."""
        return self.standby.promote()

    def stop(self) -> None:
        """The standby first, else the primary would wait for it."""
        self.standby.stop()
        self.primary.stop()


# ── Redis ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def why_no_redis() -> str | None:
    """Why there can be none here, or None."""
    return None if shutil.which("redis-server") else "Redis is not installed (make test-tools)"


def require_redis() -> None:
    """Raises Unavailable: `REDIS_MISSING`, with what to install."""
    if why_no_redis() is not None:
        raise Unavailable(
            "REDIS_MISSING",
            "这项演练需要本机的 redis-server 程序，但没有找到。请安装 redis-server（Debian/Ubuntu：apt-get install redis-server），不需要启动系统服务。",
            "This rehearsal needs the program redis-server. Install redis-server; its system service need not run.",
        )


class RedisServer:
    """One server, nothing on disk. It can be killed and started again on the same port."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or find_free_port()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._child.pid if self._child is not None and self._child.running else None

    def start(self) -> None:
        """Start it, empty."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._child = Child(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder,
             "--save", "", "--appendonly", "no"],
            log=self.folder / "redis.log",
        )  # fmt: skip
        self._child.wait_until(lambda: accepts_connections(self.port), what="Redis")

    def empty(self) -> None:
        """Forget everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def deafen(self) -> int:
        """Cut every subscriber's connection; how many there were."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.client_kill_filter(_type="pubsub"))

    def stop(self) -> None:
        """An orderly end."""
        if self._child:
            self._child.stop()

    def crash(self) -> None:
        """SIGKILL."""
        if self._child:
            self._child.kill()
