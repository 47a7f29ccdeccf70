"""F21: the machine's wall clock is set while the server is down. The time given back is right, or the conflict is shown."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select

from server.audit.models import AuditEntry
from server.delivery.models import TimeEntry
from server.takeover.models import Outage
from tests.faults.nemesis.faketime import WallClock
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import figures_of, wrong

CANDIDATES, PACE_S = 8, 1.0
JUMPS = {"+10 min": timedelta(minutes=10), "-10 min": timedelta(minutes=-10), "+1 day": timedelta(days=1)}
DOWN_S = 4.0
GOAL_ERROR_S = 1.0


@dataclass
class Seen:
    """What the outages came to; `unflagged`: wrong by more than a second, and nobody was told."""

    error_s: list[float] = field(default_factory=list)
    unflagged: int = 0
    flagged: int = 0
    wrong_but_flagged: int = 0


def is_flagged(scene: Scene, seconds: float = 25.0) -> bool:
    """Clocks that differ are on record, or a page's other figure waits for the office, or the office must decide."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if scene.read(_flags):
            return True
        time.sleep(0.5)
    return False


def _flags(session: object) -> bool:
    from sqlalchemy.orm import Session

    assert isinstance(session, Session)
    told = session.scalar(select(AuditEntry.seq).where(AuditEntry.action == "takeover.clock.differed").limit(1))
    waits = session.scalar(
        select(TimeEntry.id).where(
            TimeEntry.client_gap_ms.is_not(None) | (TimeEntry.status == "awaiting_decision")
        ).limit(1)
    )  # fmt: skip
    return told is not None or waits is not None


def outages(scene: Scene) -> list[Outage]:
    return scene.read(lambda session: list(session.scalars(select(Outage).order_by(Outage.from_at, Outage.id))))


def go_down(scene: Scene, wall: WallClock, by: timedelta, seen: Seen) -> None:
    """Kill, set the clock, start; the row against what was really lost."""
    known = {one.id for one in outages(scene)}
    scene.server.kill()
    began = time.monotonic()
    wall.shift(by)
    time.sleep(DOWN_S)
    scene.server.start()
    lasted = time.monotonic() - began
    rows = [one for one in outages(scene) if one.id not in known]
    given = sum((one.to_at - one.from_at).total_seconds() for one in rows)
    error = abs(given - lasted)
    seen.error_s.append(error)
    flagged = is_flagged(scene)
    seen.flagged += flagged
    if error > GOAL_ERROR_S:
        seen.wrong_but_flagged += flagged
        seen.unflagged += not flagged


def one_exam(case: FaultCase, name: str, seen: Seen, sabotage: str = "", down_sabotage: str = "") -> dict[str, int]:
    folder = case.folder / f"wall-{len(seen.error_s)}"
    folder.mkdir(parents=True, exist_ok=True)
    wall = WallClock(folder)
    with exam_scene(
        case, name=f"exam-{name}-{len(seen.error_s)}", candidates=CANDIDATES, pace_s=PACE_S,
        environment=wall.environment, sabotage=sabotage,
    ) as scene:  # fmt: skip
        scene.begin()
        if down_sabotage:
            scene.nodes[0].sabotage(down_sabotage)  # type: ignore[attr-defined]
        with scene.log.span(f"down, wall clock {name}"):
            go_down(scene, wall, JUMPS[name], seen)
        if not scene.read(
            lambda session: session.scalar(select(TimeEntry).where(TimeEntry.status == "awaiting_decision"))
        ):
            scene.settle()
        verdict = scene.verdict()
    return {**figures_of(verdict), "wrong": wrong(verdict)}


@fault(
    "F21", "停机期间系统时钟被拨动", "Wall clock set while the server is down", promises=("P4",),
    goal="time given back right to 1 s, or the conflict of clocks is shown to people",
    repetitions=Repetitions(short=1, full=10, fixed_s=5, each_s=75),
    control="deciding by the wall clock must give back minutes that nobody lost",
)  # fmt: skip
def clock_set_during_downtime(case: FaultCase) -> Measured:
    same, anew, bad = Seen(), Seen(), 0
    names = list(JUMPS)
    case.random("names").shuffle(names)
    for turn in range(case.repetitions):
        bad += one_exam(case, names[turn % len(names)], same)["wrong"]
        case.progress(2 * turn + 1, 2 * case.repetitions, "restarted on the same machine")
        # the machine was switched off and on besides: nothing but the wall clock tells how long it was away
        bad += one_exam(case, names[turn % len(names)], anew, down_sabotage="machine_started_anew")["wrong"]
        case.progress(2 * turn + 2, 2 * case.repetitions, "restarted after a power cut")
    worst = max(same.error_s)
    return Measured(
        passed=bad == 0 and worst <= GOAL_ERROR_S * case.patience and anew.unflagged == 0 and same.unflagged == 0,
        n=2 * case.repetitions,
        worst=f"same machine: error {worst:.2f} s; started anew: {anew.wrong_but_flagged} wrong and shown, {anew.unflagged} wrong and not shown",
        figures={
            "error_s_max_same_machine": round(worst, 3), "error_s_max_started_anew": round(max(anew.error_s), 3),
            "wrong_and_shown": anew.wrong_but_flagged, "wrong_and_not_shown": anew.unflagged + same.unflagged, "answers_wrong": bad,
        },
        remark=f"{CANDIDATES} candidates; one process on SQLite under libfaketime; with PostgreSQL such a node does not start at all",
    )  # fmt: skip


@control_of("F21", tries=2)
def give_back_by_the_wall(case: FaultCase) -> ControlMeasured:
    seen = Seen()
    one_exam(case, "+10 min", seen, sabotage="time_by_the_wall", down_sabotage="time_by_the_wall")
    return ControlMeasured(
        seen.error_s[0] > GOAL_ERROR_S, f"by the wall clock: {seen.error_s[0]:,.1f} s too much given back"
    )
