"""F32: hundreds sign in within a minute while the server is killed again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import EndlessCandidate, Scene, exam_scene, in_background

CANDIDATES, WITHIN_S, KILLS = 500, 60.0, 3
GOAL_P95_S = 5.0
#: a candidate who is not in after so long has failed
GIVE_UP_S = 30.0


def storm(
    scene: Scene, case: FaultCase, count: int, within_s: float, kills: int, arrive: Callable[[Any], None]
) -> None:
    """`arrive` for every ticket at a random moment of the span; the server dies and comes back meanwhile."""
    dice = case.random("arrivals")
    moments = sorted(dice.uniform(0, within_s) for _ in range(count))
    deaths = sorted(dice.uniform(within_s * 0.1, within_s * 0.8) for _ in range(kills))
    began = time.monotonic()

    def die_and_come_back() -> None:
        for moment in deaths:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            with scene.log.span("kill -9, start"):
                scene.server.kill()
                scene.server.start()

    def let_them_come() -> None:
        for moment in moments:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            ticket = scene.next_ticket()
            threads.append(in_background(lambda ticket=ticket: arrive(ticket)))

    threads: list[threading.Thread] = []
    coming = in_background(let_them_come)
    die_and_come_back()  # in this thread: a server ends with the thread that started it
    coming.join(within_s + GIVE_UP_S)
    for thread in threads:
        thread.join(GIVE_UP_S + 10)


def sign_in_once(scene: Scene, ticket: Any) -> str:
    """One request, no second try: what the candidate is told."""
    body = {"ticket_number": ticket.number, "pin": ticket.pin, "device_secret": "ab" * 32}
    try:
        response = httpx.post(
            f"{scene.base_url}/api/candidate/sign-in", json=body, headers={"Origin": scene.base_url}, timeout=GIVE_UP_S
        )
    except httpx.HTTPError as error:
        return type(error).__name__
    return "in" if response.status_code < 300 else str(response.json().get("code"))


@fault(
    "F32", "故障中的登录高峰", "Log-in storm during a fault", promises=("P1", "P2"), goal="p95 of a log-in <= 5 s; 0 failed in the end",
    repetitions=Repetitions(short=0, full=5, fixed_s=30, each_s=105),
    control="without the clients' second try some must fail",
)  # fmt: skip
def log_in_storm(case: FaultCase) -> Measured:
    took: list[float] = []
    failed = 0
    for turn in range(case.repetitions):
        with exam_scene(case, name=f"storm-{turn}", candidates=CANDIDATES, before_start=timedelta(minutes=4)) as scene:
            scene.open_doors_early()
            lock = threading.Lock()

            def arrive(ticket: Any, scene: Scene = scene, lock: threading.Lock = lock) -> None:
                nonlocal failed
                one = EndlessCandidate.of(scene, ticket)
                began = time.monotonic()
                is_in = one.enter_within(ticket, GIVE_UP_S)
                with lock:
                    took.append(time.monotonic() - began)
                    failed += not is_in

            storm(scene, case, CANDIDATES, WITHIN_S, KILLS, arrive)
        case.progress(turn + 1, case.repetitions, "storms")
    took.sort()
    p95 = took[int(len(took) * 0.95)]
    return Measured(
        passed=failed == 0 and p95 <= GOAL_P95_S * case.patience and len(took) == CANDIDATES * case.repetitions,
        n=case.repetitions,
        worst=f"{failed} of {len(took)} failed; p95 {p95:.1f} s, max {took[-1]:.1f} s",
        figures={"log_ins": len(took), "failed": failed, "p95_s": round(p95, 2), "max_s": round(took[-1], 2)},
        remark=f"{CANDIDATES} log-ins in {WITHIN_S:g} s, both confirmations included; the server killed and restarted {KILLS} times meanwhile; SQLite",
    )


@control_of("F32")
def nobody_tries_again(case: FaultCase) -> ControlMeasured:
    told: list[str] = []
    with exam_scene(case, candidates=60, before_start=timedelta(minutes=2)) as scene:
        scene.open_doors_early()
        storm(scene, case, 60, 15.0, 2, lambda ticket: told.append(sign_in_once(scene, ticket)))
    failed = sum(one != "in" for one in told)
    return ControlMeasured(failed > 0, f"one try only: {failed} of {len(told)} log-ins failed during two kills")
