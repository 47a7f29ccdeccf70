"""Work that repeats while the process lives: one thread (a greenlet under gevent) a duty, stopped with the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Background:
    """Starts repeating duties and stops them all. A failing round is logged; the next one comes all the same."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._duties: list[threading.Thread] = []

    def every(self, seconds: float, name: str, job: Callable[[], object]) -> None:
        """Run `job` now and then every `seconds` after its end."""

        def run() -> None:
            while not self._stopping.is_set():
                try:
                    job()
                except Exception:
                    log.exception("%s failed, next try in %s s", name, seconds)
                self._stopping.wait(seconds)

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._duties.append(thread)
        thread.start()

    def join(self, timeout: float = 3.0) -> None:
        """Wait for the duties to notice that the process is stopping."""
        for thread in self._duties:
            thread.join(timeout)
