"""Play exam days: `python -m tests.simulation --days 2000 --seed 7`, one of them again: `--replay SEED`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.day import DayReport, play_day, seed_of
from tests.simulation.rules import MUTATIONS, REAL

CHECKED = """checked in every day: I1 newest acknowledged answer stands · I2 nothing from nowhere, nothing twice · I3 no reading backwards
· I4 one paper · I5 every deadline is what the ledger says, counted another way, and the ledger is what was injected (<= 1 s an
outage) · I6 nothing accepted after the end, nothing refused before it, entry and hand-in at their moments · I7 one pen
· I8 one ending, the digest recomputed · duties under the newest lease only"""


def main() -> int:
    """The exit code: 0 when every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--days", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--replay", type=int, metavar="SEED", help="a day's own seed, as a failing run prints it")
    parser.add_argument("--without", choices=sorted(MUTATIONS), help="take one rule away: the run must then fail")
    chosen = parser.parse_args()
    rules = MUTATIONS[chosen.without][0] if chosen.without else REAL
    if chosen.replay is not None:
        report = play_day(chosen.replay, rules)
        print("\n".join(report.trace))
        print(report.broken or "every invariant holds")
        return 1 if report.broken else 0
    return _play_many(chosen.days, chosen.seed, rules)


def _play_many(days: int, seed: int, rules: object) -> int:
    began, cpu = time.monotonic(), time.process_time()
    happened, judged, ends = Counter[str](), Counter[str](), Counter[str]()
    rows, broken = 0, list[DayReport]()
    for day in range(days):
        report = play_day(seed_of(seed, day), rules)  # type: ignore[arg-type]
        happened.update(report.happened)
        judged.update(report.judged)
        ends.update(report.ends)
        rows += report.rows
        if report.broken:
            broken.append(report)
            print(f"broken: {report.broken}\n  again: python -m tests.simulation --replay {report.seed}")
    print(f"{days:,} exam days, seed {seed}: {time.process_time() - cpu:.1f} CPU s, {time.monotonic() - began:.1f} s")
    print(f"{sum(happened.values()):,} happenings: " + ", ".join(f"{name} {n:,}" for name, n in happened.most_common()))
    print("answers judged: " + ", ".join(f"{name} {n:,}" for name, n in judged.most_common()))
    print("attempts: " + ", ".join(f"{name} {n:,}" for name, n in ends.most_common()) + f"; {rows:,} rows of time")
    print(CHECKED)
    print(f"{len(broken)} days broke an invariant" if broken else "every invariant held on every day")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
