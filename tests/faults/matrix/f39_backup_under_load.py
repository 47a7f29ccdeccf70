"""F39: a backup taken while everybody answers is restored elsewhere; the second journal brings what came after it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from server.rehearsal.history import Sent
from server.safekeeping.backup_files import list_backups
from server.safekeeping.services.restore_backup import Restored, restore_backup
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.support.processes import wait_until

CANDIDATES, PACE_S = 24, 0.5
GOAL_AGE_S = 60.0
#: the product's own figure is a minute; here more often, so that a run sees several
EVERY_S = 20.0


def stored_keys(database: Path) -> set[tuple[str, str, int]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
        rows = file.execute("SELECT attempt_id, page_id, client_seq FROM journal_entry").fetchall()
    return {(row[0], row[1], row[2]) for row in rows}


def key_of(one: Sent) -> tuple[str, str, int]:
    return one.attempt_id, one.page_id, one.seq


def acked(scene: Scene, before: float | None = None) -> set[tuple[str, str, int]]:
    return {
        key_of(one) for one in scene.entries() if one.acked_at is not None and (before is None or one.acked_at < before)
    }


def restore_newest(scene: Scene, case: FaultCase, into: str, *, with_journal: bool) -> Restored:
    """As an operator would on another machine: the newest backup, the key kept apart, perhaps the second disk."""
    newest = list_backups(scene.platform.settings.backup_store)[0]
    target = case.folder / into
    shutil.rmtree(target, ignore_errors=True)
    key = scene.platform.settings.data / "keys" / "master.key"
    journals = [case.folder / "second-disk"] if with_journal else []
    return restore_backup(newest.folder, target, key_file=key, journals=journals)


@fault(
    "F39", "负载下备份，异地恢复", "Backup under load, restored elsewhere", promises=("P1",),
    goal="invariants hold on the restored copy; its newest answer <= 60 s old; with the second journal 0 lost",
    repetitions=Repetitions(short=0, full=5, fixed_s=45, each_s=30),
    control="a plain copy of the database file must miss acknowledged answers",
)  # fmt: skip
def backup_under_load(case: FaultCase) -> Measured:
    ages: list[float] = []
    wrong: list[str] = []
    missing_before = lost_with_journal = total = 0
    seconds: list[float] = []
    environment = {
        "MINGYUAN_SECOND_JOURNAL": str(case.folder / "second-disk"),
        "MINGYUAN_BACKUP_EVERY_OPEN": f"{EVERY_S:g}",
    }
    with exam_scene(case, candidates=CANDIDATES, pace_s=PACE_S, environment=environment) as scene:
        scene.begin()
        store = scene.platform.settings.backup_store
        for turn in range(case.repetitions):
            known = {backup.folder.name for backup in list_backups(store)}
            wait_until(
                lambda known=known: any(backup.folder.name not in known for backup in list_backups(store)),
                seconds=120, what="the server makes a rolling backup", every=0.2,
            )  # fmt: skip
            time.sleep(case.random(f"moment-{turn}").uniform(0, EVERY_S * 0.8))
            # the disaster: what was acknowledged up to here must be found again
            disaster, wall = time.monotonic(), datetime.now(UTC)
            promised = acked(scene, disaster)
            began = time.monotonic()
            plain = restore_newest(scene, case, "plain", with_journal=False)
            taken_at = plain.backup.taken_at
            ages.append((wall - datetime.fromisoformat(plain.examination.newest_answer_at or "")).total_seconds())
            taken = disaster - (wall - taken_at).total_seconds()
            missing_before += len(acked(scene, taken) - stored_keys(plain.data / "mingyuan.db"))
            whole = restore_newest(scene, case, "whole", with_journal=True)
            seconds.append(time.monotonic() - began)
            lost_with_journal += len(promised - stored_keys(whole.data / "mingyuan.db"))
            total = len(promised)
            wrong += [
                f"{name}: {one.examination.as_dict()}"
                for name, one in (("plain", plain), ("whole", whole))
                if not one.ok
            ]
            case.progress(turn + 1, case.repetitions, "restored")
    return Measured(
        passed=not wrong and missing_before == 0 and lost_with_journal == 0 and max(ages) <= GOAL_AGE_S,
        n=case.repetitions,
        worst=(
            wrong[0] if wrong
            else f"newest answer {max(ages):.0f} s old without, {lost_with_journal} of {total:,} lost with the second journal"
        ),
        figures={
            "age_s_max": round(max(ages), 1), "missing_from_before_the_backup": missing_before,
            "lost_with_second_journal": lost_with_journal, "acked": total, "two_restores_s_max": round(max(seconds), 1),
            "wrong": len(wrong),
        },
        remark=f"rolling backups of the server itself every {EVERY_S:g} s, {CANDIDATES} candidates answering each {PACE_S:g} s; SQLite",
    )  # fmt: skip


@control_of("F39", tries=2)
def plain_copy(case: FaultCase) -> ControlMeasured:
    """What somebody does who does not know about the log beside the file."""
    with exam_scene(case, name="control", candidates=8, pace_s=0.5) as scene:
        scene.begin()
        time.sleep(2)
        promised = acked(scene)
        copy = case.folder / "copied.db"
        shutil.copyfile(scene.platform.settings.data / "mingyuan.db", copy)
        try:
            lost = len(promised - stored_keys(copy))
        except sqlite3.DatabaseError as error:
            return ControlMeasured(True, f"a plain copy of the file cannot be read: {error}")
    return ControlMeasured(
        lost > 0, f"a plain copy of the file misses {lost} of {len(promised):,} acknowledged answers"
    )
