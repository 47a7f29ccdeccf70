"""F9: the only synchronous standby is gone. Nothing is acknowledged that one host alone has, and nothing hangs unsaid.

The trap is sprung as well: somebody cancels the waiting commits (they then look like successes), and while answers go on
coming in the primary dies. What was only on the primary must not have been acknowledged.
"""

from __future__ import annotations

import time

import httpx

from server.core.permissions import Role
from server.rehearsal.own_services import STANDBY_NAME
from server.takeover.services.release_standby_wait import demand_standby, release_standby_wait
from tests.factories.accounts import somebody
from tests.faults.database_scene import counts, health, refused, scene_on_pair, wrong
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene
from tests.support.postgres_pair import PostgresPair
from tests.support.processes import wait_until

ALARM_WITHIN_S = 20.0
CANCELS_FOR_S = 5.0
SETTINGS = {"MINGYUAN_STANDBY": "release"}


def alarm_after_s(scene: Scene, began: float) -> float:
    """Until the node says that commits hang or that the standby is lost."""

    def said() -> bool:
        return bool({"COMMITS_HANG", "STANDBY_LOST"} & set(health(scene.nodes[0]).get("troubles", ())))  # type: ignore[arg-type]

    wait_until(said, seconds=ALARM_WITHIN_S + 20, what="an alarm", every=0.2)
    return time.monotonic() - began


def cancel_waits(pair: PostgresPair, seconds: float) -> int:
    """What an administrator who knows no better does. How many waits were cancelled."""
    end, cancelled = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for pid in pair.waiting():
            pair.primary.execute(f"SELECT pg_cancel_backend({pid})")
            cancelled += 1
        time.sleep(0.05)
    return cancelled


def lose_standby_then_primary(scene: Scene, pair: PostgresPair) -> tuple[float, int]:
    """Seconds until the alarm, cancelled waits. Afterwards the former standby is the primary."""
    began = time.monotonic()
    with scene.log.span("standby lost, waits cancelled, primary lost"):
        pair.standby.kill()
        alarm_s = alarm_after_s(scene, began)
        cancelled = cancel_waits(pair, CANCELS_FOR_S)
        pair.primary.kill()
        pair.start_standby()
        pair.promote()
    return alarm_s, cancelled


def release_and_demand(scene: Scene, pair: PostgresPair) -> float:
    """Two people let saving go on; later the standby is demanded again. Seconds from the release until everybody caught up."""
    pair.standby.kill()
    alarm_after_s(scene, time.monotonic())
    released_at = time.monotonic()
    people = (somebody(Role.SYSADMIN, "技术员"), somebody(Role.OFFICE_HEAD, "主任"))
    release_standby_wait(scene.platform.uow, pair.primary.dsn("exams"), people, "备机断电", is_allowed=True)
    scene.wait_for_acks(scene.acked() + len(scene.candidates))
    scene.settle()
    after_s = time.monotonic() - released_at
    pair.start_standby()
    wait_until(lambda: bool(pair.streaming()), seconds=30, what="the standby streams")
    demand_standby(scene.platform.uow, pair.primary.dsn("exams"), people[0], STANDBY_NAME)
    return after_s


def writing_is_refused_at_once(scene: Scene) -> bool:
    """While commits hang a sign-in is told to come again, instead of hanging with them."""
    began = time.monotonic()
    try:
        reply = httpx.post(f"{scene.base_url}/api/candidate/sign-in", json={}, timeout=5)
    except httpx.HTTPError:
        return False
    return reply.status_code == 503 and "Retry-After" in reply.headers and time.monotonic() - began < 3


@fault(
    "F9", "同步备库丢失", "Synchronous standby lost", promises=("P1",),
    goal=f"alarm <= {ALARM_WITHIN_S:g} s; 0 lost even when waits are cancelled and the primary dies; saving goes on once released",
    repetitions=Repetitions(short=1, full=10, fixed_s=45, each_s=35),
    control="taking a cancelled wait for a success must lose answers",
)  # fmt: skip
def standby_lost(case: FaultCase) -> Measured:
    candidates = 60 if case.repetitions > 2 else 16
    alarms, cancelled, released, turned_away = [], 0, [], True
    with scene_on_pair(case, candidates=candidates, pace_s=1.0, environment=SETTINGS) as (scene, pair):
        scene.begin()
        for turn in range(case.repetitions):
            released.append(release_and_demand(scene, pair))
            began = time.monotonic()
            with scene.log.span("standby lost, waits cancelled, primary lost"):
                pair.standby.kill()
                alarms.append(alarm_after_s(scene, began))
                wait_until(lambda: "COMMITS_HANG" in health(scene.nodes[0]).get("troubles", ()),  # type: ignore[arg-type]
                           seconds=20, what="the hanging commit is seen", every=0.2)  # fmt: skip
                turned_away = turned_away and writing_is_refused_at_once(scene)
                cancelled += cancel_waits(pair, CANCELS_FOR_S)
                pair.primary.kill()
                pair.start_standby()
                pair.promote()
            scene.wait_for_acks(scene.acked() + len(scene.candidates))
            scene.settle()
            case.progress(turn + 1, case.repetitions, "standby lost")
            if turn + 1 < case.repetitions:
                pair.rebuild()
        verdict, errors = scene.verdict(), refused(scene)
    return Measured(
        passed=wrong(verdict) == 0 and not errors and turned_away and cancelled > 0 and max(alarms) <= ALARM_WITHIN_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; alarm after {max(alarms):.1f} s",
        figures={
            **counts(verdict), "alarm_s_max": round(max(alarms), 2), "waits_cancelled": cancelled, "errors_shown": errors,
            "caught_up_after_release_s_max": round(max(released), 2), "turned_away_at_once": turned_away,
        },
        remark=f"{candidates} candidates; setting standby=release, once released by two people, once trapped, each time",
    )  # fmt: skip


@control_of("F9", tries=2)
def believe_the_success(case: FaultCase) -> ControlMeasured:
    with scene_on_pair(
        case, "control", candidates=12, pace_s=0.4, environment=SETTINGS, sabotage="believe_cancelled_waits"
    ) as (scene, pair):  # fmt: skip
        scene.begin()
        _, cancelled = lose_standby_then_primary(scene, pair)
        scene.wait_for_acks(scene.acked() + len(scene.candidates))
        scene.settle()
        verdict = scene.verdict()
    return ControlMeasured(
        verdict.lost > 0,
        f"believing {cancelled} cancelled waits: {verdict.lost} acknowledged answers lost of {verdict.acked:,}",
    )
