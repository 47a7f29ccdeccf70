"""F8: the database is away and comes back. Candidates go on; what they see is the mark that says where an answer is kept."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.database_scene import counts, health, outages, refused, scene_on_postgres, wrong
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene
from tests.support.postgres import PostgresCluster

AWAY_S, AWAY_SHORT_S = 60.0, 9.0
#: after the return until the last waiting answer is acknowledged
GOAL_S = 10.0
TIME_ERROR_S = 1.0


def go_away(scene: Scene, cluster: PostgresCluster, seconds: float, *, crash: bool) -> tuple[float, bool]:
    """Away for so long; (seconds from the return until everybody has caught up, whether the node said that it cannot write)."""
    with scene.log.span("database away"):
        (cluster.crash if crash else cluster.stop)()
        time.sleep(seconds)
        said = "CANNOT_WRITE" in health(scene.nodes[0]).get("troubles", ())  # type: ignore[arg-type]
        cluster.start()
    back_at = time.monotonic()
    scene.wait_for_acks(scene.acked() + len(scene.candidates))
    scene.settle()
    return time.monotonic() - back_at, said


@fault(
    "F8", "数据库停 60 秒", "Database down for 60 s", promises=("P1", "P2"),
    goal=f"0 lost; no error shown; everybody caught up <= {GOAL_S:g} s after the return; the same process goes on",
    repetitions=Repetitions(short=1, full=20, fixed_s=30, each_s=75),
    control="a writer that calls stored what the database never took must lose answers",
)  # fmt: skip
def database_down(case: FaultCase) -> Measured:
    is_full = case.repetitions > 2
    candidates, away_s = (100, AWAY_S) if is_full else (24, AWAY_SHORT_S)
    moments = case.random("away")
    caught_up, said = [], []
    with scene_on_postgres(case, candidates=candidates, pace_s=1.0) as (scene, cluster):
        scene.begin()
        pid = scene.server.pid
        for turn in range(case.repetitions):
            time.sleep(moments.uniform(0.5, 2.0))
            after_s, was_said = go_away(scene, cluster, away_s, crash=turn % 2 == 0)
            caught_up.append(after_s)
            said.append(was_said)
            case.progress(turn + 1, case.repetitions, "back")
        same_process = scene.server.pid == pid
        measured = outages(scene)
        given_back = [one.seen.given_back_s for one in scene.candidates]
        verdict, errors = scene.verdict(), refused(scene)
    return Measured(
        passed=wrong(verdict) == 0 and not errors and same_process and all(said) and max(caught_up) <= GOAL_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; caught up {max(caught_up):.1f} s after the return",
        figures={
            **counts(verdict), "caught_up_s_max": round(max(caught_up), 2), "errors_shown": errors,
            "given_back_s": [round(min(given_back), 1), round(max(given_back), 1)], "away_s": away_s,
            "outages_s": measured, "really_away_s": [round(ended - began, 1) for _, began, ended in scene.log.spans],
        },
        remark=f"{candidates} candidates; away for {away_s:g} s, alternately killed and stopped",
    )  # fmt: skip


@control_of("F8")
def writer_that_does_not_look(case: FaultCase) -> ControlMeasured:
    switch = Path(case.folder) / "away"
    with scene_on_postgres(
        case, "control", candidates=8, pace_s=0.4, sabotage=f"io_error_unseen@{switch}"
    ) as (scene, cluster):  # fmt: skip
        scene.begin()
        switch.touch()
        cluster.crash()
        time.sleep(4)
        cluster.start()
        switch.unlink()
        scene.wait_for_acks(scene.acked() + len(scene.candidates))
        scene.settle()
        verdict = scene.verdict()
    return ControlMeasured(
        verdict.lost > 0, f"acknowledging without a database: {verdict.lost} lost of {verdict.acked:,}"
    )
