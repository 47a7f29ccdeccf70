"""The bars, each with the figure it is about. A bar is a ratio or a count wherever it can be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """`path`: where the figure stands; `must` and `stretch`: at least, or at most when `at_most`."""

    what: str
    path: str
    must: float
    stretch: float | None = None
    at_most: bool = False
    unit: str = ""

    def meets(self, figure: float, bar: float) -> bool:
        return figure <= bar if self.at_most else figure >= bar


@dataclass(frozen=True, slots=True)
class Judged:
    """One line of the table."""

    what: str
    must: str
    stretch: str
    measured: str
    verdict: str


def _both(what: str, path: str, *numbers: Any, **more: Any) -> list[Bar]:
    return [
        Bar(f"{what}, {name}", f"{key}.{path}", *numbers, **more)
        for name, key in (("SQLite", "sqlite"), ("PostgreSQL", "postgresql"))
    ]


BARS: list[Bar] = [
    *_both("saves per CPU-second", "saves.saves_per_cpu_s", 1800, 3600),
    *_both("the same by HTTP", "http.saves_per_cpu_s", 1800, 3600),
    *_both("saves/s against the message that does nothing", "saves.ratio_to_nothing", 0.5, 0.8),
    *_both("rows per flush", "saves.rows_per_flush", 8, 30),
    *_both("saves/s with flushes 5 ms longer, against without", "slow.ratio_to_unslowed", 0.5, 0.8),
    *_both("start of 200, the last one", "start_200.last_one_s", 2.0, None, at_most=True, unit="s"),
    Bar("start of 1,000, the last one", "sqlite.start_1000.last_one_s", 10.0, None, at_most=True, unit="s"),
    *_both("CPU of a start", "start_200.cpu_ms_each", 10, 3, at_most=True, unit="ms"),
    *_both("statements of a lone save", "statements.of_a_lone_save", 2, None, at_most=True),
    *_both("statements of a save at saturation", "statements.of_a_save_at_saturation", 2, 0.1, at_most=True),
    *_both("statements of a start", "statements.of_a_start", 10, 5, at_most=True),
    Bar("bytes of a paper of 100 items", "paper_bytes_100", 12_000, None, at_most=True, unit="B"),
    Bar("bytes of a save, both ways", "sqlite.saves.bytes_a_save", 400, 160, at_most=True, unit="B"),
    Bar("memory of a connection", "sqlite.memory.kb_each", 150, 60, at_most=True, unit="kB"),
    Bar("CPU of a whole exam, 100 saves", "sqlite.exam.whole_ms", 80, 40, at_most=True, unit="ms"),
    Bar("save p95 beside 20 dashboards, against without", "sqlite.boards.p95_ratio", 1.10, None, at_most=True),
    *_both("save p95 beside an import of 1,200 items", "import.p95_ratio", 1.20, None, at_most=True),
]  # fmt: skip


def figure_at(facts: dict[str, Any], path: str) -> float | None:
    """The figure, None where it was not measured."""
    if path == "paper_bytes_100":
        per_item = facts.get("sqlite", {}).get("start_200", {}).get("paper_bytes")
        return round(per_item / facts["sqlite"]["items"] * 100) if per_item else None
    found: Any = facts
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None


def judge(facts: dict[str, Any]) -> list[Judged]:
    """Every bar with what was measured."""
    rows = []
    for bar in BARS:
        figure = figure_at(facts, bar.path)
        sign = "≤" if bar.at_most else "≥"
        if figure is None:
            verdict, measured = "not run", ""
        else:
            measured = f"{figure:,g} {bar.unit}".strip()
            is_stretch = bar.stretch is not None and bar.meets(figure, bar.stretch)
            verdict = "stretch" if is_stretch else "met" if bar.meets(figure, bar.must) else "NOT MET"
        stretch = "" if bar.stretch is None else f"{sign} {bar.stretch:g}"
        rows.append(Judged(bar.what, f"{sign} {bar.must:g} {bar.unit}".strip(), stretch, measured, verdict))
    return rows
