"""CPU seconds of processes and of everything they started, from /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.25


def cpu_seconds(pid: int) -> float | None:
    """User and system seconds of one process, with those of its children that have ended; None: it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(int(one) for one in fields[11:15]) / TICKS


def family(pid: int) -> list[int]:
    """The process and all its living descendants."""
    found, look = [], [pid]
    while look:
        one = look.pop()
        found.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                look += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return found


class CpuMeter:
    """Adds up what changing processes use: a killed one counts with its last sample, its successor from zero.

    Args:
        roots: asked at every sample: the pids of the moment.
    """

    def __init__(self, roots: Callable[[], Iterable[int]]) -> None:
        self._roots = roots
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._seen_before = False
        self._lock = threading.Lock()

    def sample(self) -> None:
        """Look now."""
        with self._lock:
            for root in self._roots():
                # what ended children used moves into their parent's figure at that moment: the sum stays whole
                parts = [used for pid in family(root) if (used := cpu_seconds(pid)) is not None]
                if parts:
                    self._first.setdefault(root, 0.0 if self._seen_before else sum(parts))
                    self._last[root] = max(self._last.get(root, 0.0), sum(parts))
            self._seen_before = True

    @property
    def seconds(self) -> float:
        """Used since the first sample."""
        return sum(self._last[root] - self._first[root] for root in self._last)
