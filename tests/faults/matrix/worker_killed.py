"""F1: the web worker dies with SIGKILL and its supervisor starts it again, at random moments of a running exam."""

from __future__ import annotations

import time

from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import broken

#: the load of the matrix: 100 answers a second
CANDIDATES, PACE_S = 200, 2.0
FEW, FEW_PACE_S = 24, 1.0
GOAL_S = 5.0
#: everybody answers for so long between two kills
CALM_S = (0.6, 2.0)


def kill_and_restart(scene: Scene, case: FaultCase, times: int) -> list[float]:
    """Kill, start, wait until everybody has caught up; the longest wait of anybody for each kill, s."""
    moments, worst = case.random("kills"), []
    for turn in range(times):
        time.sleep(moments.uniform(*CALM_S))
        began = time.monotonic()
        with scene.log.span("kill -9, start"):
            scene.server.kill()
            scene.server.start()
        back_at = time.monotonic()
        scene.settle()
        worst.append(scene.worst_wait_s(began, back_at))
        case.progress(turn + 1, times, "killed")
    return worst


@fault(
    "F1", "工作进程被强制结束", "Web worker killed with SIGKILL", promises=("P1", "P2"),
    goal="0 acknowledged answers lost or doubled; every client's answer accepted again <= 5 s after the kill",
    repetitions=Repetitions(short=2, full=50, fixed_s=65, each_s=7, short_s=50),
    control="acknowledging before the commit must lose answers",
)  # fmt: skip
def worker_killed(case: FaultCase) -> Measured:
    candidates, pace_s = (CANDIDATES, PACE_S) if case.repetitions > 2 else (FEW, FEW_PACE_S)
    with exam_scene(case, candidates=candidates, pace_s=pace_s) as scene:
        scene.begin()
        waits = kill_and_restart(scene, case, case.repetitions)
        verdict, violations = scene.verdict(), scene.violations()
    wrong = verdict.lost + verdict.duplicated + verdict.foreign + verdict.wrong_final
    return Measured(
        passed=wrong == 0 and not violations and max(waits) <= GOAL_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; longest wait {max(waits):.1f} s",
        figures={
            "acked": verdict.acked, "lost": verdict.lost, "duplicated": verdict.duplicated, "foreign": verdict.foreign,
            "wrong_final": verdict.wrong_final, "wait_s_max": round(max(waits), 2),
            "wait_s_median": round(sorted(waits)[len(waits) // 2], 2),
        },
        remark=broken(violations)
        or f"{candidates} candidates, one answer each {pace_s:g} s; one process on SQLite",
    )  # fmt: skip


@control_of("F1", tries=3)
def acknowledge_too_early(case: FaultCase) -> ControlMeasured:
    """The same kills on a server that acknowledges before its commit."""
    with exam_scene(case, candidates=12, pace_s=0.5, sabotage="ack_before_commit=0.5") as scene:
        scene.begin()
        kill_and_restart(scene, case, min(case.repetitions, 3))
        verdict = scene.verdict()
    return ControlMeasured(
        verdict.lost > 0,
        f"acknowledging before the commit: {verdict.lost} lost of {verdict.acked:,} after {min(case.repetitions, 3)} kills",
    )
