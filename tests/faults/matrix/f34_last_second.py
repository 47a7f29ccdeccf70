"""F34: everybody hands in within the last second before the end; afterwards nothing counts any more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import answers_digest, counted_responses
from tests.bench.hall import Hall, furnish
from tests.bench.load import a_stand
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault

PEOPLE, FEW = 500, 100
GOAL_S = 20.0
#: what the hall needs before the end, on a busy machine
BEFORE_THE_END_S = 40.0
BEFORE_S = 0.9
ANSWERS = 3


@dataclass(frozen=True, slots=True)
class LastSecond:
    """What one rush showed."""

    people: int
    got_receipt: int
    last_receipt_s: float
    wrong: list[str]
    told_after: dict[str, int]


def rush(case: FaultCase, turn: int, people: int, **sabotage: str) -> LastSecond:
    """A hall that ends soon: begin, answer, wait for the last second, hand in, and try to answer once more."""
    folder = case.folder / f"rush-{turn}"
    folder.mkdir()
    hall = furnish(folder, people, remaining=timedelta(seconds=BEFORE_THE_END_S * max(1.0, case.patience)))
    try:
        with hall.platform.uow.read() as session:
            (ends_at,) = session.scalars(select(Attempt.deadline_at).distinct())
        assert ends_at is not None
        with a_stand(hall, **sabotage) as stand:
            stand.pump.ask("papers_early", first=0, last=people)
            stand.pump.ask("begin", first=0, last=people)
            stand.pump.ask("connect", people=people)
            stand.pump.ask("answer_all", first=0, last=people, count=ANSWERS)
            if time.time() > ends_at.timestamp() - BEFORE_S:
                raise RuntimeError("the hall was not ready before the last second")
            done = stand.pump.ask("submit_all", first=0, last=people, at=ends_at.timestamp() - BEFORE_S)
            after = stand.pump.ask("standings", first=0, last=people)["told"]
            return LastSecond(people, done["ended"], done["ms"]["max"] / 1000, misjudged(hall), after)
    finally:
        hall.platform.database.dispose()


def misjudged(hall: Hall) -> list[str]:
    """Attempts that are not over, or whose receipt does not stand for exactly what was acknowledged."""
    wrong: list[str] = []
    with hall.platform.uow.read() as session:
        counted: dict[str, int] = dict(
            session.execute(
                select(JournalEntry.attempt_id, func.count())
                .where(JournalEntry.standing == "counted")
                .group_by(JournalEntry.attempt_id)
            ).all()
        )
        for attempt in session.scalars(select(Attempt)):
            digest: Any = answers_digest(counted_responses(session, attempt.id))
            if attempt.ended_at is None:
                wrong.append(f"{attempt.id} goes on")
            elif attempt.answers_digest != digest or counted.get(attempt.id) != ANSWERS:
                wrong.append(f"{attempt.id}: {counted.get(attempt.id)} answers counted, {ANSWERS} were given in time")
    return wrong


@fault(
    "F34", "最后一秒全员交卷", "Everybody submits in the last second", promises=("P6", "P8"),
    goal="all decided right; the last receipt <= 20 s",
    repetitions=Repetitions(short=0, full=5, fixed_s=15, each_s=75),
    control="a server that judges neither the end nor the hand-in counts answers that came after it",
)  # fmt: skip
def last_second(case: FaultCase) -> Measured:
    people = PEOPLE if case.repetitions > 1 else FEW
    rushes = []
    for turn in range(case.repetitions):
        rushes.append(rush(case, turn, people))
        case.progress(turn + 1, case.repetitions, "rushes")
    last = max(one.last_receipt_s for one in rushes)
    wrong = [each for one in rushes for each in one.wrong]
    without = sum(one.people - one.got_receipt for one in rushes)
    counted_after = sum(one.told_after.get("counted", 0) for one in rushes)
    return Measured(
        passed=not wrong and not without and not counted_after and last <= GOAL_S * case.patience,
        n=case.repetitions,
        worst=f"{len(wrong)} of {people * len(rushes)} wrong, {without} without a receipt; last receipt {last:.1f} s",
        figures={"people": people, "wrong": len(wrong), "without_receipt": without, "last_receipt_s": round(last, 2),
                 "counted_after_the_end": counted_after},
        remark=wrong[0] if wrong else f"{people} hand in {BEFORE_S:g} s before the end, one node, SQLite; everybody answers once more afterwards",
    )  # fmt: skip


@control_of("F34")
def count_everything(case: FaultCase) -> ControlMeasured:
    one = rush(case, 99, 30, BENCH_COUNT_EVERYTHING="1")
    counted = one.told_after.get("counted", 0)
    return ControlMeasured(
        counted > 0 and bool(one.wrong),
        f"judging nothing: {counted} of 30 answers counted after the hand-in, {len(one.wrong)} receipts wrong",
    )
