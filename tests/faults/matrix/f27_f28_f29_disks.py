"""F27, F28, F29: the data disk fills up, becomes slow, answers with errors, while everybody goes on answering."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from server.rehearsal.staff import StaffMember
from tests.faults.nemesis.small_disk import small_disk
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import figures_of, wrong
from tests.support.processes import wait_until

CANDIDATES, PACE_S = 24, 0.5
DISK_MIB = 200
GOAL_DRAIN_S = 60.0
GOAL_SAVE_S = 5.0
GOAL_LEAVES_S = 5.0
#: so many entries wait at a page that cannot save
STUCK = 4


def switch_of(case: FaultCase, name: str) -> Path:
    return case.folder / f"{name}.switch"


@contextmanager
def switched_on(switch: Path) -> Iterator[None]:
    switch.touch()
    try:
        yield
    finally:
        switch.unlink(missing_ok=True)


def health(scene: Scene) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{scene.base_url}/healthz", timeout=5).json()
    return found


def p95_s(scene: Scene, since: float, until: float) -> float:
    """Click to acknowledgement; what is still waiting counts with its waiting so far."""
    now = time.monotonic()
    waits = sorted(
        one.save_ms / 1000 if one.save_ms is not None else now - one.clicked_at
        for one in scene.entries()
        if since <= one.clicked_at < until
    )
    return waits[int(len(waits) * 0.95)] if waits else 0.0


# ── F27 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_stuck(scene: Scene) -> bool:
    return all(one.unsent > STUCK for one in scene.candidates)


def storage_alarms(scene: Scene) -> set[tuple[str, str]]:
    boards = [scene.board(room) for room in scene.rooms]
    return {
        (alarm["id"], alarm["severity"]) for board in boards for alarm in board["alarms"] if alarm["kind"] == "storage"
    }


@fault(
    "F27", "数据盘写满", "Data volume full", promises=("P1",),
    goal="nothing acknowledged is lost; red alarm in every room; drained <= 60 s after space is freed",
    repetitions=Repetitions(short=0, full=10, fixed_s=40, each_s=25),
    control="a writer that says it has stored while the disk is full must lose answers",
)  # fmt: skip
def disk_full(case: FaultCase) -> Measured:
    drains: list[float] = []
    alarms: set[tuple[str, str]] = set()
    refused_uploads = 0
    with (
        small_disk(case.folder, DISK_MIB) as disk,
        exam_scene(case, candidates=CANDIDATES, pace_s=PACE_S, data=disk.place / "data") as scene,
    ):
        scene.begin()
        scene.person(scene.site.clerk)  # a log-in is a row: nobody new comes in while the disk is full
        for turn in range(case.repetitions):
            with scene.log.span("disk full"):
                take_back_reserves(scene)
                disk.fill()
                wait_until(lambda: is_stuck(scene), seconds=90, what="nobody can save")
                wait_until(lambda: health(scene)["disk"] == "full", seconds=30, what="the watch sees it")
                alarms |= storage_alarms(scene)
                refused_uploads += upload_is_refused(scene)
                time.sleep(case.random(f"held-{turn}").uniform(1, 4))
                disk.free()
            freed_at = time.monotonic()
            scene.settle(seconds=GOAL_DRAIN_S * case.patience)
            drains.append(time.monotonic() - freed_at)
            case.progress(turn + 1, case.repetitions, "filled and freed")
        verdict = scene.verdict()
    red = ("storage", "red") in alarms
    return Measured(
        passed=wrong(verdict) == 0 and max(drains) <= GOAL_DRAIN_S and red and refused_uploads == case.repetitions,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; drained in {max(drains):.1f} s",
        figures={**figures_of(verdict), "drain_s_max": round(max(drains), 2), "alarms": sorted(map(list, alarms)), "uploads_refused": refused_uploads},
        remark=f"{CANDIDATES} candidates, one answer each {PACE_S:g} s; {DISK_MIB} MiB tmpfs; SQLite",
    )  # fmt: skip


def take_back_reserves(scene: Scene) -> None:
    """SQLite keeps its log's space; without it the first answer on a full disk is the one that finds no room."""
    file = sqlite3.connect(scene.platform.settings.data / "mingyuan.db", timeout=10)
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    file.close()


def upload_is_refused(scene: Scene) -> bool:
    """An import waits while answers may still find room."""
    clerk = scene.person(scene.site.clerk)
    address = f"/api/scheduling/sittings/{scene.sitting_id}/import-roster"
    try:
        clerk.post(address, {})
    except Exception as refusal:  # noqa: BLE001 - the one code is looked for
        return "DISK_FULL" in str(refusal)
    return False


@control_of("F27", tries=2)
def full_disk_unseen(case: FaultCase) -> ControlMeasured:
    switch = switch_of(case, "unseen")
    with exam_scene(case, candidates=8, pace_s=PACE_S, sabotage=f"io_error_unseen@{switch}") as scene:
        scene.begin()
        with switched_on(switch):
            time.sleep(4)
        time.sleep(1)
        verdict = scene.verdict()
    return ControlMeasured(
        verdict.lost > 0, f"storing nothing and acknowledging: {verdict.lost} lost of {verdict.acked:,}"
    )


# ── F28 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

SLOW_S = 2.0


def answer_slowly(scene: Scene, switch: Path, seconds: float) -> tuple[float, list[float], int]:
    """p95 of a save meanwhile (s), how long log-ins took (s), how many failed."""
    log_ins: list[float] = []
    failed = 0
    began = time.monotonic()
    with switched_on(switch), scene.log.span("slow disk"):
        while time.monotonic() - began < seconds:
            before = time.monotonic()
            try:
                StaffMember(scene.base_url, scene.site.clerk.login_name, scene.site.clerk.password).close()
                log_ins.append(time.monotonic() - before)
            except Exception:  # noqa: BLE001 - counted, whatever it was
                failed += 1
            time.sleep(1.0)
    ended = time.monotonic()
    return p95_s(scene, began, ended - SLOW_S), log_ins, failed


@fault(
    "F28", "落盘慢至 2 秒", "Each commit of answers takes 2 s for a minute", promises=("P2",),
    goal="p95 of a save <= 5 s, no log-in fails, nothing lost",
    repetitions=Repetitions(short=0, full=10, fixed_s=40, each_s=70),
    control="without group commit the same disk must keep everybody waiting far longer",
)  # fmt: skip
def slow_disk(case: FaultCase) -> Measured:
    switch = switch_of(case, "slow")
    saves: list[float] = []
    log_ins: list[float] = []
    failed = 0
    with exam_scene(case, candidates=CANDIDATES, pace_s=PACE_S, sabotage=f"slow_commit={SLOW_S:g}@{switch}") as scene:
        scene.begin()
        for turn in range(case.repetitions):
            p95, took, wrong_log_ins = answer_slowly(scene, switch, 60)
            saves.append(p95)
            log_ins += took
            failed += wrong_log_ins
            scene.settle()
            case.progress(turn + 1, case.repetitions, "slow minutes")
        verdict = scene.verdict()
    return Measured(
        passed=wrong(verdict) == 0 and max(saves) <= GOAL_SAVE_S * case.patience and failed == 0,
        n=case.repetitions,
        worst=f"p95 of a save {max(saves):.1f} s; {failed} log-ins failed; {verdict.lost} lost of {verdict.acked:,}",
        figures={**figures_of(verdict), "save_s_p95_max": round(max(saves), 2), "log_ins": len(log_ins), "log_ins_failed": failed,
                 "log_in_s_max": round(max(log_ins, default=0.0), 2)},
        remark=f"{CANDIDATES} candidates, one answer each {PACE_S:g} s; SQLite",
    )  # fmt: skip


@control_of("F28")
def every_answer_its_own_commit(case: FaultCase) -> ControlMeasured:
    switch = switch_of(case, "slow-single")
    orders = f"no_group_commit,slow_commit={SLOW_S:g}@{switch}"
    with exam_scene(case, candidates=12, pace_s=1.0, sabotage=orders) as scene:
        scene.begin()
        p95, _, _ = answer_slowly(scene, switch, 20)
    return ControlMeasured(p95 > GOAL_SAVE_S, f"one commit an answer: p95 of a save {p95:.1f} s with 12 candidates")


# ── F29 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@fault(
    "F29", "写入出错", "I/O error on write", promises=("P1",),
    goal="0 acknowledged answers lost; the node says that it cannot write <= 5 s after the first error",
    repetitions=Repetitions(short=1, full=10, fixed_s=35, each_s=16),
    control="a writer that says it has stored while the disk answers with errors must lose answers",
)  # fmt: skip
def write_errors(case: FaultCase) -> Measured:
    switch = switch_of(case, "io")
    leaves: list[float] = []
    with exam_scene(case, candidates=CANDIDATES, pace_s=PACE_S, sabotage=f"io_error=0@{switch}") as scene:
        scene.begin()
        for turn in range(case.repetitions):
            time.sleep(case.random(f"calm-{turn}").uniform(0.5, 2))
            with switched_on(switch), scene.log.span("I/O errors"):
                began = time.monotonic()
                wait_until(lambda: health(scene)["ok"] is False, seconds=30, what="the node says that it cannot write")
                leaves.append(time.monotonic() - began)
                time.sleep(case.random(f"held-{turn}").uniform(1, 5))
            scene.settle()
            wait_until(lambda: health(scene)["ok"] is True, seconds=30, what="the node is back in service")
            case.progress(turn + 1, case.repetitions, "error spans")
        verdict = scene.verdict()
    return Measured(
        passed=wrong(verdict) == 0 and max(leaves) <= GOAL_LEAVES_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; out of service after {max(leaves):.1f} s",
        figures={**figures_of(verdict), "leaves_s_max": round(max(leaves), 2)},
        remark=f"{CANDIDATES} candidates, one answer each {PACE_S:g} s; SQLite; errors at the commit of answers",
    )  # fmt: skip


@control_of("F29", tries=2)
def errors_unseen(case: FaultCase) -> ControlMeasured:
    return full_disk_unseen(case)
