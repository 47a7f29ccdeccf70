"""F5, F6: the server's power is cut in mid-exam; everything acknowledged is there after the boot."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.nemesis.power import CuttableDisk, cuttable_disk, need_power_cuts
from tests.faults.registry import ControlMeasured, FaultCase, Measured, NotRunHere, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene, spread
from tests.faults.wire_people import broken, figures_of, wrong
from tests.support import postgres
from tests.support.postgres import PostgresCluster

CANDIDATES, PACE_S = 40, 0.5
GOAL_READY_S = 30.0
CALM_S = (1.0, 3.0)
PER_EXAM = 25


def cut_again_and_again(
    scene: Scene, disk: CuttableDisk, case: FaultCase, times: int, told: int, salt: str, *, settles: bool = True
) -> tuple[list[float], int]:
    """Seconds from the mounted disk to the first answered request for each cut, and how often SQLite's check complained."""
    moments, ready, broken = case.random(f"cuts-{salt}"), [], 0
    for turn in range(times):
        time.sleep(moments.uniform(*CALM_S))
        scene.platform.database.dispose()  # the one who looks on must not keep the disk busy
        with scene.log.span("power cut"):
            disk.cut_power(scene.server.kill)
            disk.mount()
            began = time.monotonic()
            scene.server.start()
        ready.append(time.monotonic() - began)
        if settles:
            scene.settle()
        broken += _is_broken(scene.platform.settings.data / "mingyuan.db")
        case.progress(told + turn + 1, case.repetitions, f"power cuts on {disk.kind}")
    return ready, broken


def checkpoint(scene: Scene) -> None:
    """Everything so far from the log into the database file, synced."""
    with contextlib.closing(sqlite3.connect(scene.platform.settings.data / "mingyuan.db", timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_broken(file: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return bool(connection.execute("PRAGMA quick_check").fetchone()[0] != "ok")


@fault(
    "F5", "断电（SQLite）", "Power cut under SQLite", promises=("P1",), goal="0 lost, database intact, ready <= 30 s after the boot",
    repetitions=Repetitions(short=0, full=100, fixed_s=50, each_s=6.5),
    control="SQLite with synchronous=NORMAL must lose acknowledged answers",
)  # fmt: skip
def power_cut_sqlite(case: FaultCase) -> Measured:
    totals: dict[str, int] = {}
    ready: list[float] = []
    remarks: list[str] = []
    damaged = told = 0
    kinds = ("xfs", "ext4") if case.repetitions > 1 else ("xfs",)
    for kind, times in zip(kinds, spread(case.repetitions, len(kinds)), strict=True):
        with (
            cuttable_disk(case.folder, kind) as disk,
            exam_scene(case, candidates=CANDIDATES, pace_s=PACE_S, data=disk.mount_point / "data") as scene,
        ):
            scene.begin()
            seconds, bad = cut_again_and_again(scene, disk, case, times, told, kind)
            told, damaged = told + times, damaged + bad
            ready += seconds
            verdict, violations = scene.verdict(), scene.violations()
            scene.close()
            _add(totals, {**figures_of(verdict), "wrong": wrong(verdict) + len(violations)})
            remarks += [broken(violations)] if violations else []
    return Measured(
        passed=totals["wrong"] == 0 and damaged == 0 and max(ready) <= GOAL_READY_S,
        n=case.repetitions,
        worst=f"{totals['lost']} lost of {totals['acked']:,}; ready after {max(ready):.1f} s at most; {damaged} damaged files",
        figures={**totals, "ready_s_max": round(max(ready), 2), "damaged": damaged},
        remark="; ".join(remarks)
        or f"{' and '.join(kinds)}; {CANDIDATES} candidates, {CANDIDATES / PACE_S:g} answers/s",
    )


def _add(totals: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        totals[name] = totals.get(name, 0) + count


@control_of("F5", tries=4)
def without_sync(case: FaultCase) -> ControlMeasured:
    """Several cuts a try: a cut right after a checkpoint loses nothing."""
    cuts = 4
    with (
        cuttable_disk(case.folder, "xfs") as disk,
        exam_scene(
            case, candidates=20, pace_s=0.25, data=disk.mount_point / "data", sabotage="synchronous_normal"
        ) as scene,
    ):
        scene.begin()
        checkpoint(scene)  # else the log-ins are gone as well, and nobody goes on answering
        cut_again_and_again(scene, disk, case, cuts, 0, "control", settles=False)
        verdict = scene.verdict()
        scene.close()
    return ControlMeasured(
        verdict.lost > 0, f"synchronous=NORMAL: {verdict.lost} lost of {verdict.acked:,} after {cuts} cuts"
    )


# ── F6 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def cluster_on(disk: CuttableDisk) -> Iterator[PostgresCluster]:
    """PostgreSQL with its data on the disk that loses its power."""
    disk.mount_point.chmod(0o755)
    cluster = PostgresCluster(disk.mount_point / "postgres")
    cluster.create()
    os.sync()  # clusters of tests are made without syncing: a site's was on the disk long before the exam
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def cut_database_power(
    scene: Scene, disk: CuttableDisk, cluster: PostgresCluster, case: FaultCase, times: int
) -> list[float]:
    """The database and the node stand on the same machine: both lose their power."""
    moments, ready = case.random("cuts"), []

    def kill() -> None:
        assert cluster._child is not None
        _kill_all(cluster)
        scene.server.kill()

    for turn in range(times):
        time.sleep(moments.uniform(*CALM_S))
        scene.platform.database.dispose()
        with scene.log.span("power cut"):
            disk.cut_power(kill)
            disk.mount()
            (cluster.data / "postmaster.pid").unlink(missing_ok=True)  # a boot has no process of that number
            began = time.monotonic()
            cluster.start()
            scene.server.start()
        ready.append(time.monotonic() - began)
        scene.settle()
        case.progress(turn + 1, times, "power cuts")
    return ready


def _kill_all(cluster: PostgresCluster) -> None:
    """The postmaster and every process it made, by their pids."""
    assert cluster._child is not None
    parent = cluster._child.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for pid in (parent, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cluster._child.kill()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}/fd").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.01)


def power_cut_on_postgres(
    case: FaultCase, times: int, candidates: int, pace_s: float, sabotage: str = ""
) -> tuple[list[float], dict[str, int]]:
    reason = postgres.why_not()
    if reason:
        raise NotRunHere(reason)
    need_power_cuts("xfs")
    with ExitStack() as stack:
        disk = stack.enter_context(cuttable_disk(case.folder, "xfs"))
        cluster = stack.enter_context(cluster_on(disk))
        url = cluster.url(cluster.create_database())
        scene = stack.enter_context(
            exam_scene(case, candidates=candidates, pace_s=pace_s, database_url=url, sabotage=sabotage)
        )
        scene.begin()
        ready = cut_database_power(scene, disk, cluster, case, times)
        verdict, violations = scene.verdict(), scene.violations()
        return ready, {**figures_of(verdict), "wrong": wrong(verdict) + len(violations)}


@fault(
    "F6", "断电（PostgreSQL）", "Power cut under PostgreSQL", promises=("P1",), goal="0 lost, ready <= 30 s after the boot",
    repetitions=Repetitions(short=0, full=20, fixed_s=35, each_s=8),
    control="PostgreSQL with synchronous_commit=off must lose acknowledged answers",
)  # fmt: skip
def power_cut_postgres(case: FaultCase) -> Measured:
    ready, found = power_cut_on_postgres(case, case.repetitions, CANDIDATES, PACE_S)
    return Measured(
        passed=found["wrong"] == 0 and max(ready) <= GOAL_READY_S,
        n=case.repetitions,
        worst=f"{found['lost']} lost of {found['acked']:,}; ready after {max(ready):.1f} s at most",
        figures={**found, "ready_s_max": round(max(ready), 2)},
        remark=f"xfs, fsync on; {CANDIDATES} candidates, {CANDIDATES / PACE_S:g} answers/s; database and node lose power together",
    )


@control_of("F6", tries=4)
def commit_without_waiting(case: FaultCase) -> ControlMeasured:
    cuts = 4
    _, found = power_cut_on_postgres(case, cuts, 20, 0.25, "synchronous_commit_off")
    return ControlMeasured(
        found["lost"] > 0, f"synchronous_commit=off: {found['lost']} lost of {found['acked']:,} after {cuts} cuts"
    )
