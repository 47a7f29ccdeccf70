"""F31: the server is away for a minute and everybody comes back at once, each with what was answered meanwhile."""

from __future__ import annotations

import time

from tests.faults.database_scene import NOT_YET
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import broken, wrong

CANDIDATES, PACE_S, DOWN_S = 500, 10.0, 60.0
FEW, FEW_PACE_S, FEW_DOWN_S = 40, 1.0, 6.0
GOAL_S = 60.0


def away_and_back(scene: Scene, down_s: float, patience_s: float) -> float:
    """Stop, wait, start; seconds from the start of the new process until everything answered before it is acknowledged."""
    with scene.log.span("away"):
        scene.server.kill()
        time.sleep(down_s)
        back_at = time.monotonic()
        scene.server.start()
    scene.settle(seconds=patience_s)
    waiting = [
        one.acked_at - back_at
        for one in scene.entries()
        if one.clicked_at < back_at and one.acked_at is not None and one.acked_at > back_at
    ]
    return max(waiting, default=0.0)


def visible_errors(scene: Scene) -> list[str]:
    """Refusals that a candidate would have been shown; waiting and sending again is not one."""
    return [code for one in scene.candidates for code in one.seen.refusals if code not in NOT_YET]


@fault(
    "F31", "500 名考生同时恢复", "500 clients return at once", promises=("P2",), goal="all in step <= 60 s; 0 errors visible to a candidate",
    repetitions=Repetitions(short=0, full=10, fixed_s=120, each_s=75),
    control="one commit an answer on a slow disk must not be in step in the same time",
)  # fmt: skip
def thundering_return(case: FaultCase) -> Measured:
    count, pace_s, down_s = (
        (CANDIDATES, PACE_S, DOWN_S) if case.repetitions > 1 else (FEW, FEW_PACE_S, FEW_DOWN_S)
    )  # fmt: skip
    took = []
    with exam_scene(case, candidates=count, pace_s=pace_s) as scene:
        scene.begin()
        for turn in range(case.repetitions):
            took.append(away_and_back(scene, down_s, 2 * GOAL_S * case.patience))
            case.progress(turn + 1, case.repetitions, "returns")
            time.sleep(pace_s)
        errors = visible_errors(scene)
        verdict, violations = scene.verdict(), scene.violations()
    return Measured(
        passed=not wrong(verdict) and not violations and not errors and max(took) <= GOAL_S * case.patience,
        n=case.repetitions,
        worst=f"all in step after {max(took):.1f} s; {len(errors)} errors visible; {verdict.lost} lost of {verdict.acked:,}",
        figures={"in_step_s_max": round(max(took), 2), "in_step_s_median": round(sorted(took)[len(took) // 2], 2),
                 "errors_visible": len(errors), "acked": verdict.acked, "lost": verdict.lost},
        remark=broken(violations) or (errors[0] if errors else
               f"{count} candidates, one answer each {pace_s:g} s, {down_s:g} s away; they come back when the server's start begins"),
    )  # fmt: skip


@control_of("F31")
def one_commit_an_answer(case: FaultCase) -> ControlMeasured:
    """The same return on a server that commits every answer by itself, each 0.2 s long, held against a tenth of the goal."""
    limit_s = 12.0 * case.patience
    with exam_scene(case, candidates=FEW, pace_s=FEW_PACE_S) as scene:
        scene.begin()
        scene.server.sabotage("no_group_commit,slow_commit=0.2")  # type: ignore[attr-defined]
        try:
            took = away_and_back(scene, FEW_DOWN_S, limit_s)
        except TimeoutError:
            took = limit_s
    return ControlMeasured(
        took >= limit_s, f"one commit an answer, 0.2 s each: after {took:.0f} s {FEW} candidates were not in step"
    )
