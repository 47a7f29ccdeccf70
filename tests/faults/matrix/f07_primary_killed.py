"""F7: the primary's host is gone without a word; the standby is promoted; nobody touches a setting of the nodes."""

from __future__ import annotations

import os
import signal
import time

from tests.faults.database_scene import counts, refused, scene_on_pair, wrong
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene
from tests.support.postgres_pair import PostgresPair

#: what a person or a script needs to see that the primary is gone
DETECTION_S = 1.0
GOAL_S = 5.0
CALM_S = (0.8, 2.5)
#: the standby is behind by so much when the primary dies: what it has not got must not have been acknowledged
BEHIND_S = 0.5


def kill_and_promote(scene: Scene, pair: PostgresPair, case: FaultCase, times: int) -> list[float]:
    """Each time: the standby falls behind, the primary dies, the standby takes over. The longest wait of anybody, s."""
    moments, waits = case.random("kills"), []
    for turn in range(times):
        time.sleep(moments.uniform(*CALM_S))
        receiver = pair.receiver_pid()
        os.kill(receiver, signal.SIGSTOP)
        try:
            time.sleep(BEHIND_S)
        finally:
            began = time.monotonic()
            with scene.log.span("primary killed, standby promoted"):
                pair.primary.kill()
                # It ends without reading what still lies in its line, as when the network went with the host.
                os.kill(receiver, signal.SIGTERM)
                os.kill(receiver, signal.SIGCONT)
                time.sleep(DETECTION_S)
                pair.promote()
        back_at = time.monotonic()
        scene.wait_for_acks(scene.acked() + len(scene.candidates))
        scene.settle()
        waits.append(scene.worst_wait_s(began, back_at))
        case.progress(turn + 1, times, "promoted")
        if turn + 1 < times:
            pair.rebuild()
    return waits


@fault(
    "F7", "主库被杀，备库提升", "Primary killed, standby promoted", promises=("P1",),
    goal=f"0 lost; every answer accepted again <= {GOAL_S:g} s after the standby may be promoted ({DETECTION_S:g} s after the kill)",
    repetitions=Repetitions(short=1, full=20, fixed_s=45, each_s=12),
    control="commits that wait for no standby must lose answers",
)  # fmt: skip
def primary_killed(case: FaultCase) -> Measured:
    candidates = 100 if case.repetitions > 2 else 24
    with scene_on_pair(case, candidates=candidates, pace_s=1.0) as (scene, pair):
        scene.begin()
        waits = kill_and_promote(scene, pair, case, case.repetitions)
        verdict, errors = scene.verdict(), refused(scene)
    return Measured(
        passed=wrong(verdict) == 0 and not errors and max(waits) <= (GOAL_S + DETECTION_S) * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; longest wait {max(waits):.1f} s",
        figures={**counts(verdict), "wait_s_max": round(max(waits), 2), "errors_shown": errors},
        remark=f"{candidates} candidates; {DETECTION_S:g} s between kill and promotion; the standby {BEHIND_S:g} s behind at the kill",
    )


@control_of("F7", tries=3)
def standby_nobody_waits_for(case: FaultCase) -> ControlMeasured:
    with scene_on_pair(case, "control", synchronous=False, candidates=12, pace_s=0.4) as (scene, pair):
        scene.begin()
        kill_and_promote(scene, pair, case, 1)
        verdict = scene.verdict()
    return ControlMeasured(
        verdict.lost > 0,
        f"asynchronous standby: {verdict.lost} acknowledged answers lost of {verdict.acked:,} at one kill",
    )
