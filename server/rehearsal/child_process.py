"""Programs of ours that always end with us, and ports for them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def find_free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], *, seconds: float, what: str, every: float = 0.05) -> None:
    """Asks again and again until it is so.

    Raises:
        TimeoutError: it never was; the sentence says what.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(every)


def accepts_connections(port: int) -> bool:
    """Somebody listens on this port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A program of ours. It is stopped by its own pid, and dies by itself should whoever started it be killed.

    It also dies with the *thread* that started it: start it in a thread that stays until it may end.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - programs of ours
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no lock taken
            )

    @property
    def pid(self) -> int:
        """Its number, also after its end."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """It has not ended yet."""
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """A signal, if it still runs."""
        if self.running:
            self._process.send_signal(number)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 20, what: str = "start") -> None:
        """Likewise, and fails at once with the end of the log when the program has ended."""

        def ready_or_dead() -> bool:
            if not self.running:
                raise RuntimeError(f"{what}: ended with {self.returncode}\n{self.tail()}")
            return ready()

        try:
            wait_until(ready_or_dead, seconds=seconds, what=what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> int:
        """Asks it to end, insists after a while, and gives the exit code."""
        self.send(number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """As a power cut would."""
        self.send(signal.SIGKILL)
        return self._process.wait(10)


def as_unprivileged(user: str, command: Sequence[str | Path]) -> list[str]:
    """The command as another user when we are root: PostgreSQL refuses to run as root."""
    plain = [str(part) for part in command]
    if os.geteuid() != 0:
        return plain
    entry = pwd.getpwnam(user)
    # A change of user clears the wish to die with the parent, so setpriv has to say it again.
    return [
        *("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--pdeathsig=KILL"),
        *plain,
    ]


def hand_over(path: Path, user: str) -> None:
    """Gives a folder to the user that `as_unprivileged` runs as."""
    if os.geteuid() == 0:
        shutil.chown(path, user)
