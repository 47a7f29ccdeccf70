"""`python -m tests.bench [--quick] [--json FILE]`: every bar of the product against what this machine shows, in one run.

Ratios of one run may be compared; seconds of different machines may not. The machine's load stands beside the figures: with
other work on the same cores wall-clock figures are 1.5 to 3 times worse, processor time by a tenth to a half.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from server.rehearsal.server_process import ServerDidNotStart
from tests.bench import group_commit, runs, statistics
from tests.bench.bars import BARS, judge
from tests.bench.hall import Hall, furnish
from tests.bench.load import a_stand
from tests.bench.measures import load_average
from tests.support.postgres import PostgresCluster, why_not

Facts = dict[str, Any]
FEW, MANY, EXAMS = 200, 1_000, 20


def on_sqlite(folder: Path, facts: Facts, *, quick: bool, say: Callable[[str], None]) -> None:
    """Everything on SQLite, into `facts`."""
    say("a hall on SQLite")
    rounds, seconds, paced = (2, 1.5, 6.0) if quick else (3, 2.5, 16.0)
    many = 0 if quick else MANY
    boarded = FEW if quick else 500
    people = FEW + many + EXAMS + 20
    folder.mkdir()
    hall = furnish(folder, people)
    facts["items"] = hall.item_count
    with a_stand(hall) as stand:
        say(f"start of {FEW}")
        facts["start_200"] = runs.start_stampede(stand, 0, FEW)
        if many:
            say(f"start of {MANY}")
            facts["start_1000"] = runs.start_stampede(stand, FEW, FEW + many)
        say("saturation, by the live channel and by HTTP")
        facts["saves"] = runs.saturation(stand, rounds, seconds)
        facts["http"] = runs.by_http(stand, seconds)
        say("100 candidates, one answer each two seconds")
        facts["usual"] = runs.usual_rate(stand, paced)
        say("memory of connections")
        facts["memory"] = runs.memory(stand, SATURATING_AND_ONE, FEW if quick else 600)
        say("dashboards")
        facts["boards"] = runs.dashboards(stand, hall, 2, paced / 2, boarded)
        stand.pump.ask("disconnect")
        say("an import of 1,200 items")
        facts["import"] = runs.large_import(stand, hall, 12.0 if quick else 20.0)
        say("whole exams")
        facts["exam"] = runs.whole_exam(stand, FEW + many, FEW + many + EXAMS)
    say("flushes 5 ms longer")
    with a_stand(hall, BENCH_SLOW_FLUSH_MS="5") as stand:
        facts["slow"] = runs.slow_flushes(stand, facts["saves"]["saves_per_s"], seconds)
    say("counting statements")
    with a_stand(hall, BENCH_COUNT_STATEMENTS="1") as stand:
        stand.pump.ask("papers_early", first=people - 20, last=people)
        facts["statements"] = runs.statements(stand, people - 20, people)
    close(hall)


def on_postgres(folder: Path, facts: Facts, *, quick: bool, say: Callable[[str], None]) -> None:
    """The hot path on a PostgreSQL cluster of our own, its processes counted in; into `facts`."""
    reason = why_not()
    if reason:
        facts["not_run"] = reason
        return
    say("a hall on PostgreSQL")
    rounds, seconds, paced = (2, 1.5, 5.0) if quick else (3, 2.5, 12.0)
    folder.mkdir()
    folder.chmod(0o755)
    cluster = PostgresCluster(folder / "cluster")
    cluster.create()
    cluster.start(max_connections="60")
    try:
        data = folder / "data"
        data.mkdir()
        url = cluster.url(cluster.create_database())
        hall = furnish(data, FEW + 20, url)
        postmaster = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
        with a_stand(hall, postmaster=postmaster) as stand:
            say("start and saves on PostgreSQL")
            facts["start_200"] = runs.start_stampede(stand, 0, FEW)
            facts["saves"] = runs.saturation(stand, rounds, seconds)
            facts["http"] = runs.by_http(stand, seconds)
            facts["usual"] = runs.usual_rate(stand, paced)
            facts["import"] = runs.large_import(stand, hall, 12.0 if quick else 20.0)
        with a_stand(hall, postmaster=postmaster, BENCH_SLOW_FLUSH_MS="5") as stand:
            facts["slow"] = runs.slow_flushes(stand, facts["saves"]["saves_per_s"], seconds)
        with a_stand(hall, postmaster=postmaster, BENCH_COUNT_STATEMENTS="1") as stand:
            stand.pump.ask("papers_early", first=FEW, last=FEW + 20)
            facts["statements"] = runs.statements(stand, FEW, FEW + 20)
        close(hall)
    finally:
        cluster.stop()


def close(hall: Hall) -> None:
    """Give the hall's own connections back."""
    hall.platform.database.dispose()


SATURATING_AND_ONE = runs.SATURATING + 1


def print_tables(facts: Facts) -> None:
    """For people: the bars first, then every figure."""
    console = Console()
    table = Table(title="Bars", show_lines=False)
    for column in ("what", "must", "stretch", "measured", ""):
        table.add_column(column)
    for row in judge(facts):
        table.add_row(row.what, row.must, row.stretch, row.measured, row.verdict)
    console.print(table)
    console.print_json(json.dumps(facts))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--quick", action="store_true", help="the short form: 200 seats, fewer rounds")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one of the two databases")
    wanted = parser.parse_args()
    began = time.monotonic()
    loads, failures = [load_average()], list[str]()

    def say(what: str) -> None:
        loads.append(load_average())
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    facts: Facts = {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    }
    with tempfile.TemporaryDirectory(prefix="mingyuan-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not wanted.quick:
            say("group commit alone")
            facts["group_commit"] = group_commit.measure(folder)
            facts["statistics"] = statistics.measure()
        for part, run in (("sqlite", on_sqlite), ("postgresql", on_postgres)):
            if wanted.only not in (None, part):
                continue
            facts[part] = {}
            try:
                run(folder / part, facts[part], quick=wanted.quick, say=say)
            except (RuntimeError, OSError, ServerDidNotStart) as failure:  # what was measured before it is worth having
                failures.append(f"{part}: {failure}")
                say(failures[-1][:400])
    say("done")
    facts["machine"] |= {
        "load_at_start": loads[0], "load_highest": max(loads), "load_at_end": loads[-1],
        "wall_s": round(time.monotonic() - began, 1), "quick": wanted.quick, "bars": len(BARS),
    }  # fmt: skip
    print_tables(facts)
    if wanted.json:
        wanted.json.write_text(json.dumps(facts, indent=1) + "\n")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
