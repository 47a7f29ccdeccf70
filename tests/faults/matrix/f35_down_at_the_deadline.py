"""F35: the server is down at the deadline. What was lost before it is given back first; nobody is timed out by a waking server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from server.delivery.models import Attempt
from server.takeover.models import Outage
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import figures_of, wrong

CANDIDATES, PACE_S = 6, 1.0
DURATION = timedelta(seconds=40)
#: killed so long before the end (negative: after it, in the network's grace), down at least so long
KILLS = {"before": (3.0, 5.0), "after": (-2.0, 5.0)}
#: grace, settling, a round of duties, and a busy machine
ENDED_WITHIN_S = 10.0 + 1.0 + 5.0
GOAL_ERROR_S = 1.0


@dataclass
class Seen:
    """One exam's end."""

    too_early: int = 0
    never: int = 0
    twice: int = 0
    deadline_error_s: list[float] = field(default_factory=list)


def attempts(scene: Scene) -> list[Attempt]:
    def read(session: object) -> list[Attempt]:
        from sqlalchemy.orm import Session

        assert isinstance(session, Session)
        found = list(session.scalars(select(Attempt).where(Attempt.started_at.is_not(None)).order_by(Attempt.id)))
        session.expunge_all()
        return found

    return scene.read(read)


def end_with_a_dead_server(scene: Scene, when: str, seen: Seen, *, expects_time: bool = True) -> None:
    """Kill around the deadline, start later, and compare every end with the rule table."""
    before_s, down_s = KILLS[when]
    end_at = scene.day.starts_at + DURATION
    time.sleep(max(0.0, (end_at - scene.platform.clock.now()).total_seconds() - before_s))
    killed_at = scene.platform.clock.now()
    with scene.log.span(f"down at the deadline ({when})"):
        scene.server.kill()
        time.sleep(down_s)
        scene.server.start()
    back_at = scene.platform.clock.now()
    # The rule: an outage that begins before the end moves it by its length; one that begins after changes nothing.
    lost = back_at - killed_at if before_s > 0 else timedelta(0)
    due = end_at + lost
    _watch_ends(scene, due, seen)
    for one in attempts(scene):
        if one.deadline_at is not None:
            seen.deadline_error_s.append(abs((one.deadline_at - due).total_seconds()))
    recorded = scene.read(lambda session: session.scalar(select(Outage.id).limit(1)))
    if expects_time and before_s > 0 and recorded is None:
        seen.deadline_error_s.append(lost.total_seconds())


def _watch_ends(scene: Scene, due: datetime, seen: Seen) -> None:
    last = due + timedelta(seconds=ENDED_WITHIN_S)
    while scene.platform.clock.now() < last:
        if all(one.ended_at is not None for one in attempts(scene)):
            break
        time.sleep(0.3)
    for one in attempts(scene):
        seen.never += one.ended_at is None
        seen.too_early += one.ended_at is not None and one.ended_at < due - timedelta(seconds=GOAL_ERROR_S)


def one_exam(case: FaultCase, turn: int, when: str, seen: Seen, sabotage: str = "") -> dict[str, int]:
    with exam_scene(
        case, name=f"exam-{turn}-{when}", candidates=CANDIDATES, pace_s=PACE_S, duration=DURATION, sabotage=sabotage
    ) as scene:
        scene.begin()
        end_with_a_dead_server(scene, when, seen, expects_time=not sabotage)
        verdict = scene.verdict()
    return {**figures_of(verdict), "wrong": wrong(verdict)}


@fault(
    "F35", "截止时刻服务器停机", "Server down at the deadline", promises=("P4", "P6"),
    goal="after the restart lost time is given back first, then everybody is submitted once, as the rule table says (<= 1 s)",
    repetitions=Repetitions(short=1, full=10, fixed_s=5, each_s=160),
    control="without outage detection everybody is timed out before the lost time came back",
)  # fmt: skip
def down_at_the_deadline(case: FaultCase) -> Measured:
    seen, bad = Seen(), 0
    for turn in range(case.repetitions):
        for when in KILLS:
            bad += one_exam(case, turn, when, seen)["wrong"]
        case.progress(turn + 1, case.repetitions, "exams ended with a dead server")
    worst = max(seen.deadline_error_s)
    return Measured(
        passed=bad == 0 and seen.too_early == 0 and seen.never == 0 and worst <= GOAL_ERROR_S * case.patience,
        n=2 * case.repetitions,
        worst=f"end wrong by {worst:.2f} s; {seen.too_early} ended early, {seen.never} not ended; {bad} answers wrong",
        figures={"deadline_error_s_max": round(worst, 3), "too_early": seen.too_early, "never": seen.never, "answers_wrong": bad},
        remark=f"{CANDIDATES} candidates; killed 3 s before and 2 s after the end, down 5 s and a start; one process on SQLite",
    )  # fmt: skip


@control_of("F35", tries=2)
def nobody_looks_for_the_outage(case: FaultCase) -> ControlMeasured:
    seen = Seen()
    one_exam(case, 0, "before", seen, sabotage="no_outage_detection")
    return ControlMeasured(
        seen.too_early > 0, f"without outage detection: {seen.too_early} of {CANDIDATES} ended before their time"
    )
