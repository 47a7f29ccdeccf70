"""Figures: percentiles of waits, processor seconds of a process, tables for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def percentiles(waits_ms: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the longest, in ms."""
    ordered = sorted(waits_ms)
    if not ordered:
        return {}
    place = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    figures = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in place.items()}
    return {name: round(value, 1) for name, value in {**figures, "max": ordered[-1]}.items()}


def cpu_seconds(pid: int) -> float:
    """Processor seconds a process has used, all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
