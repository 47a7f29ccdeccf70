"""A server of our own as a real process: started, killed without warning, started again; stopped by its pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

START_TIMEOUT_S = 90.0


class ServerDidNotStart(Exception):
    """The process ended or stayed silent; `args[0]` says what it last wrote."""


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """`mingyuan serve` on the data folder."""

    def __init__(self, data: Path, host: str, port: int, environment: dict[str, str] | None = None) -> None:
        self.base_url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104 - asked for by the operator
        self._command = [
            sys.executable,
            "-m",
            "server.entry",
            "serve",
            "--data",
            str(data),
            "--host",
            host,
            "--port",
            str(port),
        ]
        self._environment = {**os.environ, "MINGYUAN_DATA": str(data), **(environment or {})}
        self._log = data / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start and wait until it answers; returns the seconds it took.

        Raises:
            ServerDidNotStart.
        """
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)  # noqa: S603 - ourselves
        while time.monotonic() - began < START_TIMEOUT_S:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.base_url}/healthz", timeout=1).status_code == 200:
                    return time.monotonic() - began
            except httpx.HTTPError:
                pass  # not there yet
            time.sleep(0.05)
        self.stop()
        tail = self._log.read_text(errors="replace")[-2000:]
        raise ServerDidNotStart(tail)

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def kill(self) -> None:
        """As if somebody pulled the plug: SIGKILL, no last words."""
        self._signal(signal.SIGKILL, 5)

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and does nothing."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not within some seconds."""
        if not self._signal(signal.SIGTERM, 10):
            self.kill()

    def _signal(self, number: int, timeout: float) -> bool:
        if self._process is None or self._process.poll() is not None:
            return True
        self._process.send_signal(number)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True
