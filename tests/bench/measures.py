"""Figures: percentiles of waits, processor seconds and memory of processes, the machine's load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def percentiles(waits_ms: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the longest, in ms."""
    ordered = sorted(waits_ms)
    if not ordered:
        return {}
    place = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    figures = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in place.items()}
    return {name: round(value, 2) for name, value in {**figures, "max": ordered[-1]}.items()}


def cpu_seconds(pid: int, *, with_ended_children: bool = False) -> float:
    """Processor seconds a process has used, all its threads, user and system; those of children that ended, if wanted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    used = int(fields[11]) + int(fields[12])
    if with_ended_children:
        used += int(fields[13]) + int(fields[14])
    return used / TICKS_PER_SECOND


def children_of(pid: int) -> list[int]:
    """Direct children that live."""
    return [
        int(each) for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()
    ]


def cpu_seconds_of_cluster(postmaster: int) -> float:
    """A PostgreSQL cluster whole: the postmaster, the backends that live and those that ended."""
    used = cpu_seconds(postmaster, with_ended_children=True)
    for pid in children_of(postmaster):
        try:
            used += cpu_seconds(pid)
        except FileNotFoundError:
            continue  # ended meanwhile: the postmaster has its time now
    return used


def memory_kb(pid: int) -> int:
    """Private and proportionally shared memory of a process, kB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise LookupError(f"no memory figure of process {pid}")


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 2)


def median(figures: Iterable[float]) -> float:
    """The middle one; the lower of two."""
    ordered = sorted(figures)
    return ordered[(len(ordered) - 1) // 2]
