"""Statistics: how long the analyses take, how often honest sittings are flagged, how much copying is found.

`measure()` belongs to `make bench` (about a minute and a half). `python -m tests.bench.statistics power` runs the whole
power table; `… null` ten honest sittings of 3,000.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scoring.domain.statistics.classical import analyse_classically
from scoring.domain.statistics.dif import compare_groups
from scoring.domain.statistics.irt_2pl import calibrate_2pl
from scoring.domain.statistics.response_matrix import matrix_of_codes
from scoring.domain.statistics.similarity.budgets import Budgets
from scoring.domain.statistics.similarity.report import SimilarityReport, find_similar_papers
from tests.scoring.statistics.simulated_hall import OPTIONS, Hall, make_hall, shuffled_letters

#: assembly-and-scoring reference 6.3: share copied → all pairs, same room, four neighbours
POWER = {0.4: (0.04, 0.14, 0.17), 0.5: (0.15, 0.27, 0.40), 0.6: (0.30, 0.42, 0.54), 0.8: (0.60, 0.69, 0.76)}
LETTERS_POWER = {0.3: (0.13, 0.29, 0.42), 0.4: (0.48, 0.76, 0.88), 0.5: (0.93, 0.98, 1.00)}
LETTER_POSITIONS = 80
ALPHA = 0.05


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Wall and processor seconds of the better of two runs."""
    best = {"wall_s": float("inf"), "cpu_s": float("inf")}
    for _ in range(2):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        best["wall_s"] = min(best["wall_s"], round(time.perf_counter() - wall, 2))
        best["cpu_s"] = min(best["cpu_s"], round(time.process_time() - cpu, 2))
    return best


def measure() -> dict[str, Any]:
    """Times at 10,000 × 100 and 30,000 × 100; peak memory of this process in MB."""
    hall = make_hall(10_000, 100, 1)
    matrix = hall.matrix
    groups = ["A" if row % 3 else "B" for row in range(matrix.count)]
    facts: dict[str, Any] = {
        "classical_10000x100": timed(lambda: analyse_classically(matrix)),
        "2pl_10000x100": timed(lambda: calibrate_2pl(matrix)),
        "dif_10000x100": timed(lambda: compare_groups(matrix, groups)),
        "similarity_10000x100": timed(lambda: find_similar_papers(matrix, hall.seating)),
    }
    facts["peak_mb_10000"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    large = make_hall(3_000, 100, 2)
    codes = np.tile(large.codes, (10, 1))
    random = np.random.default_rng(3)
    # thirty thousand candidates without a thirty-thousand-fold simulation: each answer of a copy drawn anew from its item
    for column in range(codes.shape[1]):
        redrawn = random.random(len(codes)) < 0.5
        codes[redrawn, column] = random.permutation(codes[redrawn, column])
    rooms = make_hall(30_000, 1, 4).seating
    wide = matrix_of_codes(codes, large.key, OPTIONS)
    facts["similarity_30000x100"] = timed(lambda: find_similar_papers(wide, rooms))
    facts["peak_mb_30000"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    facts["null_flags_a_sitting_of_3"] = null_flags(3)
    return facts


def null_flags(sittings: int, candidates: int = 3_000) -> float:
    """Flagged pairs of an honest sitting, contents and letters together, on average."""
    flags = []
    for seed in range(sittings):
        hall = make_hall(candidates, 100, 100 + seed)
        shown = shuffled_letters(hall, seed, positions=LETTER_POSITIONS)
        flags.append(find_similar_papers(hall.matrix, hall.seating, shown=shown, every_pair_up_to=0).flagged)
    return sum(flags) / len(flags)


def found_share(report: SimilarityReport, hall: Hall) -> float:
    """Share of the copying pairs that were flagged."""
    flagged = {(pair.a, pair.b) for pair in report.pairs if pair.flagged_by}
    names = hall.matrix.persons
    return sum((names[a], names[b]) in flagged for a, b in hall.copied) / len(hall.copied)


def designs(hall: Hall) -> list[tuple[Any, Budgets]]:
    """All pairs, same room, four neighbours, each with the whole 5 %."""
    without_seats = dataclasses.replace(hall.seating, row=hall.seating.row * np.nan)
    return [
        (None, Budgets(without_rooms=ALPHA)),
        (without_seats, Budgets(0.0, ALPHA, 0.0)),
        (hall.seating, Budgets(ALPHA, 0.0, 0.0)),
    ]


def content_power(share: float, sittings: int = 2, copiers: int = 200) -> list[float]:
    """Power of the content match: all pairs, room, neighbours."""
    power = np.zeros(3)
    for seed in range(sittings):
        hall = make_hall(3_000, 100, 500 + seed, copiers, share, diagonal=False)
        for place, (seating, budgets) in enumerate(designs(hall)):
            report = find_similar_papers(hall.matrix, seating, budgets=budgets, every_pair_up_to=0, listed=10)
            power[place] += found_share(report, hall) / sittings
    return [round(float(each), 3) for each in power]


def letters_power(share: float, sittings: int = 2, copiers: int = 200) -> list[float]:
    """Power of the displayed letters at 80 positions: all pairs, room, neighbours."""
    power = np.zeros(3)
    for seed in range(sittings):
        hall = make_hall(3_000, 100, 700 + seed, copiers, 0.0, diagonal=False)
        shown = shuffled_letters(hall, seed, share, LETTER_POSITIONS)
        for place, (seating, budgets) in enumerate(designs(hall)):
            report = find_similar_papers(
                hall.matrix, seating, shown=shown, budgets=budgets, every_pair_up_to=0, listed=10
            )
            power[place] += found_share(report, hall) / sittings
    return [round(float(each), 3) for each in power]


def main(what: str) -> dict[str, Any]:
    """What the command line asked for."""
    if what == "power":
        return {
            "content": {share: {"found": content_power(share), "reference": POWER[share]} for share in POWER},
            "letters": {
                share: {"found": letters_power(share), "reference": LETTERS_POWER[share]} for share in LETTERS_POWER
            },
        }
    if what == "null":
        return {"flags_a_sitting": null_flags(10)}
    return measure()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1] if len(sys.argv) > 1 else "times"), indent=1))
