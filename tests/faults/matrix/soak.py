"""F42: hours of random faults; everything that was promised holds at the end, and nothing grows."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.faults.checker import INVARIANTS, Evidence, find_violations
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.stores import Stores, own_stores
from tests.faults.wire_people import figures_of

CANDIDATES, PACE_S = 60, 1.0
#: between two faults
CALM_S = (5.0, 25.0)
HEAL_WITHIN_S = 60.0
#: a slope over less says more about warming up than about leaking
JUDGE_MEMORY_AFTER_MIN = 20
GOAL_MB_PER_H = 1.0
WARM_UP_SHARE = 0.3
#: sockets that come and go with candidates who change nodes
DESCRIPTORS_MORE = 25


class Growth:
    """Memory and open files of one process over the time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.samples: list[tuple[float, float, int]] = []

    def look(self) -> None:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        files = len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - only their number
        self.samples.append((time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE") / 2**20, files))

    def settled(self) -> list[tuple[float, float, int]]:
        return self.samples[int(len(self.samples) * WARM_UP_SHARE) :]

    def slope_mb_per_h(self) -> float:
        """Least squares over what comes after the warming up."""
        points = self.settled()
        if len(points) < 3:
            return 0.0
        mean_t = sum(t for t, _, _ in points) / len(points)
        mean_m = sum(m for _, m, _ in points) / len(points)
        spread = sum((t - mean_t) ** 2 for t, _, _ in points)
        return 3600 * sum((t - mean_t) * (m - mean_m) for t, m, _ in points) / spread if spread else 0.0

    def more_files(self) -> int:
        points = self.settled()
        return points[-1][2] - points[0][2] if points else 0


def kill_node(scene: Scene, number: int) -> None:
    scene.nodes[number].kill()
    scene.nodes[number].start()


def freeze_node(scene: Scene, number: int, seconds: float) -> None:
    pid = scene.nodes[number].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def stop_node(scene: Scene, number: int) -> None:
    scene.nodes[number].stop()
    scene.nodes[number].start()


def redis_dies(stores: Stores, seconds: float) -> None:
    stores.redis.crash()
    time.sleep(seconds)
    stores.redis.start()


def database_dies(stores: Stores, seconds: float) -> None:
    stores.cluster.crash()
    time.sleep(seconds)
    stores.cluster.start()


def soak(
    case: FaultCase, minutes: float, candidates: int, sabotage: str = ""
) -> tuple[Evidence, Growth, Counter[str], dict[str, int]]:
    """Random faults against three nodes of which the third is never killed: on it one sees what grows."""
    dice, made, healed = case.random("soak"), Counter[str](), []
    duration = timedelta(minutes=minutes * 1.5 + 20)
    with own_stores(case.folder) as stores, exam_scene(
        case, nodes=3, candidates=candidates, pace_s=PACE_S, duration=duration, sabotage=sabotage,
        database_url=stores.database_url, environment=stores.environment,
    ) as scene:  # fmt: skip
        scene.begin()
        survivor = scene.nodes[2].pid
        assert survivor is not None
        growth = Growth(survivor)
        began = time.monotonic()
        faults: dict[str, Callable[[], None]] = {
            "node killed": lambda: kill_node(scene, dice.randrange(2)),
            "node stopped": lambda: stop_node(scene, dice.randrange(2)),
            "node frozen": lambda: freeze_node(scene, dice.randrange(3), dice.uniform(2.0, 8.0)),
            "redis killed": lambda: redis_dies(stores, dice.uniform(0.5, 6.0)),
            "redis emptied": stores.redis.empty,
            "database crashed": lambda: database_dies(stores, dice.uniform(0.2, 4.0)),
        }
        while time.monotonic() < began + minutes * 60:
            calm_until = time.monotonic() + dice.uniform(*CALM_S)
            while time.monotonic() < calm_until:
                time.sleep(min(1.0, max(0.05, calm_until - time.monotonic())))
                growth.look()
            name = dice.choice(sorted(faults))
            with scene.log.span(name):
                faults[name]()
            made[name] += 1
            over = time.monotonic()
            scene.settle(HEAL_WITHIN_S * 2)
            healed.append(time.monotonic() - over)
            case.progress(int((time.monotonic() - began) / 60), int(minutes), f"{made.total()} faults")
        scene.stop_people()
        evidence = Evidence(
            scene.platform.uow, scene.history, papers=scene.papers, healed_s=healed, heal_within_s=HEAL_WITHIN_S
        )
        violations = find_violations(evidence)
        figures = {
            **figures_of(evidence.verdict),
            **{f"violations of {name}": len(found) for name, found in violations.items()},
        }
    return evidence, growth, made, figures


@fault(
    "F42", "长时间混合故障", "Soak with random faults", promises=("P1", "P2", "P4", "P7", "P8", "P10"),
    goal="every invariant holds; memory grows < 1 MB/h a worker; open files stay flat",
    repetitions=Repetitions(short=0, full=120, fixed_s=45, each_s=60),
    control="acknowledging before the commit must be found",
)  # fmt: skip
def long_soak(case: FaultCase) -> Measured:
    minutes = case.repetitions
    evidence, growth, made, figures = soak(case, minutes, CANDIDATES)
    broken = [name for name in INVARIANTS if f"violations of {name}" in figures]
    slope, files = growth.slope_mb_per_h(), growth.more_files()
    is_long = minutes >= JUDGE_MEMORY_AFTER_MIN
    grows = (is_long and slope > GOAL_MB_PER_H) or files > DESCRIPTORS_MORE
    told = f"{slope:+.1f} MB/h" if is_long else "memory not judged (too short)"
    return Measured(
        passed=not broken and not grows,
        n=minutes,
        worst=f"{', '.join(broken) or 'no invariant'} broken after {made.total()} faults; {figures['lost']} lost of {figures['acked']:,}; "
        f"{told}; {files:+d} open files",
        figures={**figures, **dict(made), "slope_mb_per_h": round(slope, 1), "open_files_more": files,
                 "healed_s_max": round(max(evidence.healed_s, default=0), 1)},
        remark=f"N in minutes; {CANDIDATES} candidates on three nodes, PostgreSQL, Redis; matrix asks for 8 h",
    )  # fmt: skip


@control_of("F42", tries=3)
def soak_that_acknowledges_too_early(case: FaultCase) -> ControlMeasured:
    _, _, made, figures = soak(case, 1.0, 16, "ack_before_commit")
    return ControlMeasured(
        figures["lost"] > 0, f"acknowledging before the commit: {figures['lost']} lost after {made.total()} faults"
    )
