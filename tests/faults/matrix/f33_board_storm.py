"""F33: twenty boards left open over 500 seats that answer: what candidates wait for must not grow."""

from __future__ import annotations

from tests.bench.hall import Hall, furnish
from tests.bench.load import a_stand
from tests.bench.runs import dashboards
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault

SEATS, BOARDS = 500, 20
FEW = 120
MOST = 1.10
SECONDS = 10.0


def a_hall_that_began(case: FaultCase, seats: int) -> Hall:
    folder = case.folder / "hall"
    folder.mkdir()
    return furnish(folder, seats)


@fault(
    "F33", "监考看板风暴", "Storm of proctors' dashboards", promises=(), goal="p95 of a save <= +10 % beside 20 boards over 500 seats",
    repetitions=Repetitions(short=0, full=5, fixed_s=60, each_s=25),
    control="boards told of every change at once, each by itself, must cost the server far more",
)  # fmt: skip
def board_storm(case: FaultCase) -> Measured:
    seats = SEATS if case.repetitions > 1 else FEW
    hall = a_hall_that_began(case, seats)
    try:
        with a_stand(hall) as stand:
            stand.pump.ask("papers_early", first=0, last=seats)
            stand.pump.ask("begin", first=0, last=seats)
            found = dashboards(stand, hall, case.repetitions, SECONDS, seats, BOARDS)
    finally:
        hall.platform.database.dispose()
    return Measured(
        passed=found["p95_ratio"] <= 1 + (MOST - 1) * case.patience and found["deltas"] > 0,
        n=case.repetitions,
        worst=f"p95 {found['p95_without_ms']} ms without, {found['p95_ms']} ms beside: x {found['p95_ratio']}",
        figures=found,
        remark=f"{seats} seats, 50 answers a second, {BOARDS} boards; medians of spans of {SECONDS:g} s in turns",
    )


@control_of("F33", tries=2)
def tell_boards_at_once(case: FaultCase) -> ControlMeasured:
    hall = a_hall_that_began(case, FEW)
    shares = []
    try:
        for eager in ("", "1"):
            with a_stand(hall, BENCH_EAGER_BOARDS=eager) as stand:
                if not eager:
                    stand.pump.ask("papers_early", first=0, last=FEW)
                    stand.pump.ask("begin", first=0, last=FEW)
                found = dashboards(stand, hall, 1, SECONDS / 2, FEW, BOARDS)
                shares.append(found["cpu_share"] - found["cpu_share_without"])
    finally:
        hall.platform.database.dispose()
    return ControlMeasured(
        shares[1] > 2 * max(shares[0], 0.005),
        f"what boards cost of a core: {shares[0]:.3f} as they are, {shares[1]:.3f} told at once",
    )
