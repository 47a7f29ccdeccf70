"""What a rehearsal came to, as plain facts: for `--json`, for the report, for readiness. Bars are judged here and nowhere else."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from server.rehearsal.load_plan import LoadReport

#: goals of the fault matrix (fault-matrix.md 2) and of issue 3; a site's own machine is judged by them
SAVE_P99_MS = 1_000.0
RECONNECT_P95_S, RECONNECT_MAX_S = 5.0, 10.0
TIME_ERROR_S = 1.0
LEAST_SHARE_OF_RATE = 0.95


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise: what was wanted, what was found."""

    words_zh: str
    words_en: str
    wanted: str
    found: str
    met: bool


def judge(report: LoadReport, faults: Sequence[str]) -> list[Bar]:
    """The bars that apply; a figure that could not be measured (against somebody else's server) makes none."""
    counts = [
        ("已确认答案丢失", "acknowledged answers lost", report.lost),
        ("重复保存", "stored twice", report.duplicated),
        ("未发送却存在", "stored but never sent", report.foreign),
        ("最终答案不符", "wrong final answers", report.wrong_final),
    ]
    bars = [Bar(zh, en, "0", str(count), count == 0) for zh, en, count in counts if count is not None]
    ended_badly = sum(report.turned_away.values())
    bars.append(Bar("未能作答的考生", "candidates who could not answer", "0", str(ended_badly), ended_badly == 0))
    dead_pcs = sum(end.swapped for end in report.ends)
    if not dead_pcs:
        bars.append(Bar("始终未确认的答案", "never acknowledged", "0", str(report.unacked), report.unacked == 0))
    if not faults:
        p99 = report.save_ms["p99"]
        bars.append(Bar("保存耗时 99 %", "saving, p99", f"≤ {SAVE_P99_MS:g} ms", f"{p99:g} ms", p99 <= SAVE_P99_MS))
        share = report.saves_per_s / report.rate_per_s
        bars.append(
            Bar("达到计划速率", "of the planned rate", f"≥ {LEAST_SHARE_OF_RATE:.0%}", f"{share:.0%}", share >= LEAST_SHARE_OF_RATE)
        )  # fmt: skip
    if report.reconnects:
        p95, most = report.reconnect_s["p95"], report.reconnect_s["max"]
        met = p95 <= RECONNECT_P95_S and most <= RECONNECT_MAX_S
        wanted = f"95 % ≤ {RECONNECT_P95_S:g} s，全部 ≤ {RECONNECT_MAX_S:g} s"
        bars.append(Bar("重新连上", "reconnected", wanted, f"95 % {p95:g} s，最长 {most:g} s", met))
    if report.time_error_s_max is not None and report.judged_by == "database":
        error = report.time_error_s_max
        bars.append(
            Bar("补时误差", "error of time given back", f"≤ {TIME_ERROR_S:g} s", f"{error:g} s", error <= TIME_ERROR_S)
        )
    return bars


def facts_of(
    report: LoadReport, faults: Sequence[str], *, made_at: datetime, place: str, server: str, database: str, nodes: int
) -> dict[str, Any]:  # fmt: skip
    """Everything about one run, ready for JSON.

    Args:
        server: in words: whose server it was.
    """
    bars = judge(report, faults)
    return {
        **report.as_dict(),
        "faults": list(faults),
        "made_at": made_at.isoformat(timespec="seconds"),
        "place": place,
        "server": server,
        "nodes": nodes,
        "database": database,
        "machine": machine(),
        "versions": versions(),
        "acked_per_s": acked_per_second(report),
        "bars": [asdict(bar) for bar in bars],
        "passed": all(bar.met for bar in bars),
    }


def acked_per_second(report: LoadReport) -> list[int]:
    """Acknowledged answers in every second from the opening of the window on."""
    begin = report.window[0]
    counts = Counter(
        int(entry.acked_at - begin)
        for entry in report.history.sent.values()
        if entry.acked_at is not None and entry.standing == "counted" and entry.acked_at >= begin
    )
    return [counts[second] for second in range(max(counts, default=-1) + 1)]


def machine() -> dict[str, Any]:
    """Where it ran."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
    }


def versions() -> dict[str, str]:
    """What ran there."""
    return {
        "mingyuan": metadata.version("mingyuan"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
