"""The two processes of a measurement: the server under test on one core, the load generator on the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.rehearsal.server_process import ServerProcess, free_port
from tests.bench.hall import Hall
from tests.bench.measures import cpu_seconds, cpu_seconds_of_cluster, memory_kb

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


class Pump:
    """The load generator's process; `ask(do, …)` gives it one command and waits for what came of it."""

    def __init__(self, port: int, hall_file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.pump", str(port), str(hall_file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        os.sched_setaffinity(self._process.pid, {LOAD_CORE})

    def begin_asking(self, do: str, **arguments: Any) -> None:
        """Give a command and do not wait."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What came of the command given last."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator has ended")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.begin_asking(do, **arguments)
        return self.answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


class Served(ServerProcess):
    """`tests.bench.served` on the hall's data."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        port = free_port()
        self.figures_file = data / "figures.json"
        super().__init__(data, "127.0.0.1", port, {"BENCH_FIGURES": str(self.figures_file), **environment})
        self._command[self._command.index("server.entry")] = "tests.bench.served"
        self.port = port

    @property
    def alive(self) -> int:
        """The pid.

        Raises:
            RuntimeError: it has ended.
        """
        if self.pid is None:
            raise RuntimeError("the server has ended")
        return self.pid

    def figures(self) -> dict[str, int]:
        """Statements, flushes, lines up to now."""
        self.figures_file.unlink(missing_ok=True)
        os.kill(self.alive, signal.SIGUSR1)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.figures_file.exists():
                found: dict[str, int] = json.loads(self.figures_file.read_text())
                return found
            time.sleep(0.01)
        raise RuntimeError("the server does not say its figures")


class Stand:
    """A hall, its server and its load generator."""

    def __init__(self, hall: Hall, server: Served, pump: Pump, postmaster: int | None) -> None:
        self.hall, self.server, self.pump, self.postmaster = hall, server, pump, postmaster

    def cpu(self) -> tuple[float, float]:
        """Processor seconds up to now: of the server, of the database's processes."""
        cluster = cpu_seconds_of_cluster(self.postmaster) if self.postmaster else 0.0
        return cpu_seconds(self.server.alive), cluster

    def memory_kb(self) -> int:
        return memory_kb(self.server.alive)

    @contextmanager
    def metered(self, into: dict[str, Any]) -> Iterator[None]:
        """Adds what the time inside cost: CPU of server and database, flushes, lines, statements."""
        server_before, database_before = self.cpu()
        before = self.server.figures()
        yield
        after = self.server.figures()
        server_after, database_after = self.cpu()
        into["server_cpu_s"] = round(server_after - server_before, 2)
        into["database_cpu_s"] = round(database_after - database_before, 2)
        into.update({name: after[name] - before[name] for name in after})


@contextmanager
def a_stand(hall: Hall, *, postmaster: int | None = None, **environment: str) -> Iterator[Stand]:
    """Server and generator on the hall; both are gone afterwards."""
    data = hall.file.parent
    if postmaster is not None:
        environment["MINGYUAN_DATABASE_URL"] = hall.platform.database.url.render_as_string(hide_password=False)
    server = Served(data, environment)
    server.start()
    os.sched_setaffinity(server.alive, {SERVER_CORE})
    pump = Pump(server.port, hall.file)
    try:
        yield Stand(hall, server, pump, postmaster)
    finally:
        pump.close()
        server.stop()
