"""F20: somebody sets a running node's wall clock: +10 min, -10 min, +1 day. No deadline moves; the board says so within 10 s."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from sqlalchemy import select

from server.delivery.models import Attempt
from server.takeover.models import Outage
from tests.faults.nemesis.faketime import WallClock
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import figures_of, wrong

CANDIDATES, PACE_S = 8, 1.0
JUMPS = {"+10 min": timedelta(minutes=10), "-10 min": timedelta(minutes=-10), "+1 day": timedelta(days=1)}
GOAL_ALARM_S, GOAL_ERROR_S = 10.0, 1.0


@dataclass
class Seen:
    """What the jumps did."""

    alarm_s: list[float] = field(default_factory=list)
    clock_error_s: list[float] = field(default_factory=list)
    deadline_error_s: list[float] = field(default_factory=list)
    ended: int = 0
    stalled_s: float = 0.0


def deadlines(scene: Scene) -> dict[str, datetime]:
    """Stored ends of everybody who answers."""
    query = select(Attempt.id, Attempt.deadline_at).where(Attempt.state == "answering")
    return {one: end for one, end in scene.read(lambda session: session.execute(query).all()) if end is not None}


def stalls_s(scene: Scene) -> float:
    """Outages of more than a second that the ledger has itself recorded, as a busy machine makes them: given back rightly."""
    spans = scene.read(lambda session: session.execute(select(Outage.from_at, Outage.to_at)).all())
    return float(sum((to_at - from_at).total_seconds() for from_at, to_at in spans))


def server_clock_error_s(scene: Scene) -> float:
    """What the node believes the time is, against this machine's unfaked clock: what the round trip cannot explain."""
    asked = time.time()
    told = httpx.get(f"{scene.base_url}/healthz", timeout=10).json()["now_ms"] / 1000
    return max(0.0, asked - told, told - time.time())


def wait_for_alarm(scene: Scene, seconds: float = 20.0) -> float:
    """Until a board of the sitting shows that a clock is wrong; s."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if any(alarm["kind"] == "clock" for alarm in scene.board(scene.rooms[0])["alarms"]):
            break
        time.sleep(0.25)
    return time.monotonic() - began


def jump(scene: Scene, wall: WallClock, by: timedelta, seen: Seen) -> None:
    """Set the wall clock, look for some seconds, set it right again."""
    before, stalled = deadlines(scene), stalls_s(scene)
    wall.shift(by)
    seen.alarm_s.append(wait_for_alarm(scene))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        seen.clock_error_s.append(server_clock_error_s(scene))
        time.sleep(0.5)
    after, stalled = deadlines(scene), stalls_s(scene) - stalled
    seen.stalled_s += stalled
    seen.ended += len(before.keys() - after.keys())
    seen.deadline_error_s += [
        abs((after[one] - before[one]).total_seconds() - stalled) for one in before.keys() & after.keys()
    ]
    wall.shift(timedelta(0))


@fault(
    "F20", "运行中节点的系统时钟被拨动", "Wall clock +10 min, -10 min, +1 day on a running node", promises=("P4", "P6"),
    goal="deadline error <= 1 s; an alarm on the board <= 10 s; nobody is timed out",
    repetitions=Repetitions(short=1, full=10, fixed_s=35, each_s=21),
    control="deciding by the wall clock must move the candidates' time",
)  # fmt: skip
def wall_clock_set(case: FaultCase) -> Measured:
    wall, seen = WallClock(case.folder), Seen()
    order = [name for _ in range(case.repetitions) for name in JUMPS]
    case.random("order").shuffle(order)
    with exam_scene(case, candidates=CANDIDATES, pace_s=PACE_S, environment=wall.environment) as scene:
        scene.begin()
        for turn, name in enumerate(order):
            with scene.log.span(f"wall clock {name}"):
                jump(scene, wall, JUMPS[name], seen)
            case.progress(turn + 1, len(order), f"clock set {name}")
            # the alarm of the last jump leaves the board after a minute (board_feed.TRANSIENT_S): later ones look at once
        scene.settle()
        verdict = scene.verdict()
    error, alarm = max([*seen.clock_error_s, *seen.deadline_error_s]), max(seen.alarm_s)
    return Measured(
        passed=wrong(verdict) == 0 and seen.ended == 0 and error <= GOAL_ERROR_S * case.patience
        and alarm <= GOAL_ALARM_S * case.patience,
        n=len(order),
        worst=f"error {error:.3f} s; alarm after {alarm:.1f} s; {seen.ended} timed out; {verdict.lost} lost",
        figures={
            "clock_error_s_max": round(max(seen.clock_error_s), 3), "deadline_error_s_max": round(max(seen.deadline_error_s), 3),
            "first_alarm_s": round(seen.alarm_s[0], 2), "alarm_s_max": round(alarm, 2), "ended": seen.ended,
            "stalls_given_back_s": round(seen.stalled_s, 2), **figures_of(verdict),
        },
        remark=f"{CANDIDATES} candidates; one process on SQLite under libfaketime; the first jump measures the alarm",
    )  # fmt: skip


@control_of("F20", tries=2)
def decide_by_the_wall(case: FaultCase) -> ControlMeasured:
    """The same jump on a server that reads its wall clock for every decision."""
    wall, seen = WallClock(case.folder), Seen()
    with exam_scene(
        case, candidates=4, pace_s=PACE_S, environment=wall.environment, sabotage="time_by_the_wall"
    ) as scene:  # fmt: skip
        scene.begin()
        before = deadlines(scene)
        wall.shift(JUMPS["+1 day"])
        time.sleep(8)
        error = server_clock_error_s(scene)
        ended = len(before.keys() - deadlines(scene).keys())
    seen.ended = ended
    return ControlMeasured(
        error > GOAL_ERROR_S and ended > 0, f"by the wall clock: {error:,.0f} s wrong, {ended} timed out at once"
    )
