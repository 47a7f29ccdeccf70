"""Progress of an analysis on standard error: a moving line on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from server.core.clock import SystemClock

QUIET_S = 2.0
PARTS = {
    "screen": "比较全部考生 comparing everybody",
    "letters": "屏显字母 displayed letters",
    "indices": "指标 indices",
}


class AnalysisProgress:
    """Used as a context; nothing it prints goes to standard output."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=console, transient=True)
        self._clock = SystemClock()
        self._said_at = self._clock.monotonic()
        self._name = ""

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, name: str) -> None:
        """A new step begins."""
        self._name = name
        if self._bar is None:
            self._say(name)
            return
        for task in self._bar.tasks:
            self._bar.update(task.id, visible=False)
        self._bar.add_task(name, total=None)

    def note(self, words: str) -> None:
        """Something within the step, said only when it takes long."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[-1], description=f"{self._name} {words}")
        elif self._clock.monotonic() - self._said_at > QUIET_S:
            self._say(f"{self._name} {words}")

    def part_done(self, part: str, done: int, total: int) -> None:
        """So much of a part of the step."""
        self.note(f"· {PARTS.get(part, part)} {done / max(total, 1):.0%}")

    def _say(self, words: str) -> None:
        self._said_at = self._clock.monotonic()
        print(words, file=sys.stderr, flush=True)
