"""F38: the process dies while it unseals, imports, migrates or publishes: the site is as before or as after, never between."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import func, inspect, select, text, update

from itembank.models import Package, Script
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM
from server.delivery.models import Attempt
from server.migrations import config, newest_revision, present_revision
from server.rehearsal.demo_site import prepare_demo
from server.scheduling.models import AdmissionTicket, ImportBatch, Registration, Sitting
from server.scheduling.services.plan_sitting import plan_sitting
from server.storage.database import Database
from server.webkit.platform import Platform
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.support.live_server import make_day, open_platform
from tests.support.paths import ROOT

CANDIDATES, PEOPLE = 60, 300
OLD = "0001"


class Actors:
    """The process that forks, kills and tells."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nemesis.one_act"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def do(self, act: str, data: Path, arguments: list[Any], kill_after_ms: float | None = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"act": act, "data": str(data), "arguments": arguments, "kill_after_ms": kill_after_ms}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@dataclass(frozen=True)
class Act:
    """One kind of act: where it starts from, and how its state is judged: before, after, or what is wrong."""

    name: str
    template: Path
    arguments: list[Any]
    judge: Callable[[Platform], str]


@contextmanager
def the_acts(folder: Path) -> Iterator[tuple[Actors, list[Act]]]:
    """Templates of every act's beginning, made once, and the process that does the acts."""
    acts = make_templates(folder)
    actors = Actors()
    try:
        yield actors, acts
    finally:
        actors.close()


def make_templates(folder: Path) -> list[Act]:
    site = folder / "site"
    platform = open_platform(site)
    day = make_day(platform.clock.now(), timedelta(hours=2), timedelta(minutes=90))
    demo = prepare_demo(platform, CANDIDATES, lambda: day)
    with platform.uow.read() as session:
        made = session.get_one(Sitting, demo.sitting_id)
        package_id = session.scalars(select(Package.id).join(Script, Script.package_id == Package.id)).first()
        audit = session.scalar(select(func.max(AuditEntry.seq))) or 0
    room = next(one for one in demo.rooms if _bag_of(platform, demo.sitting_id, one.room_id) == package_id)
    planned = plan_sitting(
        platform.uow, made.centre_id, "待导入名单的场次", made.occupation_code, made.occupation_name, made.level,
        made.starts_at + timedelta(days=1), timedelta(seconds=made.duration_s), [one.room_id for one in demo.rooms],
        day.profile, SYSTEM,
    ).id  # fmt: skip
    platform.database.dispose()
    unpublished, old = folder / "unpublished", folder / "old"
    for copy in (unpublished, old):
        shutil.copytree(site, copy)
    _unpublish(unpublished, demo.sitting_id)
    _downgrade(old)
    return [
        Act(
            "unseal", site, [package_id, *room.opening_secrets], lambda one: judge_package(one, str(package_id), audit)
        ),
        Act("import", site, [planned, PEOPLE], lambda one: judge_roster(one, planned)),
        Act("migrate", old, [], judge_schema),
        Act("publish", unpublished, [demo.sitting_id], lambda one: judge_sitting(one, demo.sitting_id)),
    ]


def judge_package(platform: Platform, package_id: str, audit_before: int) -> str:
    with platform.uow.read() as session:
        package = session.get_one(Package, package_id)
        entries = session.scalar(
            select(func.count()).where(AuditEntry.action == "bank.package.opened", AuditEntry.seq > audit_before)
        )
    facts = (package.state, package.opened_key is not None, package.opened_at is not None, entries)
    return {("sealed", False, False, 0): "before", ("opened", True, True, 1): "after"}.get(facts, f"between: {facts}")


def judge_roster(platform: Platform, sitting_id: str) -> str:
    with platform.uow.read() as session:
        people = session.scalar(select(func.count()).where(Registration.sitting_id == sitting_id))
        reports = session.scalar(select(func.count()).where(ImportBatch.sitting_id == sitting_id))
        entries = session.scalar(
            select(func.count()).where(
                AuditEntry.action == "scheduling.roster.imported", AuditEntry.subject == f"sitting:{sitting_id}"
            )
        )
    facts = (people, reports, entries)
    return {(0, 0, 0): "before", (PEOPLE, 1, 1): "after"}.get(facts, f"between: {facts}")


def judge_schema(platform: Platform) -> str:
    revision = present_revision(platform.database)
    tables = set(inspect(platform.database.engine).get_table_names())
    new = {"served_sitting", "freeze_override", "keeping_record"}
    if revision == OLD and not new & tables:
        return "before"
    return "after" if revision == newest_revision() and new <= tables else f"between: {revision} {sorted(new & tables)}"


def judge_sitting(platform: Platform, sitting_id: str) -> str:
    """Publishing is two transactions: the sitting, then its attempts, all or none; pressing again makes what is missing."""
    with platform.uow.read() as session:
        state = session.get_one(Sitting, sitting_id).state
        attempts = session.scalar(select(func.count()).where(Attempt.sitting_id == sitting_id))
        tickets = session.scalar(select(func.count()).where(AdmissionTicket.sitting_id == sitting_id))
        taken = session.scalar(select(func.count()).where(Script.taken_by.is_not(None)))
    if (state, attempts, taken) == ("planned", 0, 0):
        return "before"
    if state == "published" and (attempts, taken) in {(0, 0), (tickets, tickets)}:
        return "after" if attempts else "published, attempts to come"
    return f"between: {state}, {attempts} attempts, {taken} scripts of {tickets}"


def kill_in_the_middle(case: FaultCase, actors: Actors, act: Act, times: int, seen: Counter[str]) -> list[str]:
    """Kill at random moments of the act; afterwards the same act finishes. What was wrong, in words."""
    wrong: list[str] = []
    dice = case.random(act.name)
    work = case.folder / "work"
    lasts = _one(actors, act, work, None, wrong)
    for _ in range(times):
        at = _one(actors, act, work, dice.uniform(0.02, 1.0) * lasts, wrong, seen)
        lasts = 0.8 * lasts + 0.2 * max(at, lasts / 2)
    shutil.rmtree(work, ignore_errors=True)
    return wrong


def _one(
    actors: Actors,
    act: Act,
    work: Path,
    kill_after_ms: float | None,
    wrong: list[str],
    seen: Counter[str] | None = None,
) -> float:
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(act.template, work, ignore=shutil.ignore_patterns("papers", "*.log"))
    done = actors.do(act.name, work, act.arguments, kill_after_ms)
    found = _judged(act, work, wrong)
    if seen is not None:
        seen[f"{act.name}: {found.split(':')[0]}"] += 1
    if found != "after":
        again = actors.do(act.name, work, act.arguments)
        if again["status"] != 0 or _judged(act, work, wrong) != "after":
            wrong.append(f"{act.name} cannot be taken up again: {again}")
    return float(done["ms"])


def _judged(act: Act, work: Path, wrong: list[str]) -> str:
    database = Database(f"sqlite:///{work / 'mingyuan.db'}")
    platform = open_platform(work) if act.name != "migrate" else None
    try:
        if platform is None:
            found = judge_schema(Platform(None, None, database, None, None))  # type: ignore[arg-type]
        else:
            found = act.judge(platform)
            with platform.uow.read() as session:
                if not verify(session).ok:
                    wrong.append(f"{act.name}: the audit chain is broken")
    finally:
        database.dispose()
        if platform is not None:
            platform.database.dispose()
    if found.startswith("between"):
        wrong.append(f"{act.name} {found}")
    return found


@fault(
    "F38", "开卷、导入、迁移、发布中被杀", "Killed during unsealing, import, migration, publication", promises=("P9", "I12"),
    goal="the state is that of before or after, the same act finishes afterwards: 100 %",
    repetitions=Repetitions(short=0, full=50, fixed_s=40, each_s=12),
    control="unsealing in two transactions must leave a state between",
)  # fmt: skip
def killed_acts(case: FaultCase) -> Measured:
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    with the_acts(case.folder) as (actors, acts):
        for turn, act in enumerate(acts):
            wrong += kill_in_the_middle(case, actors, act, case.repetitions, seen)
            case.progress((turn + 1) * case.repetitions, 4 * case.repetitions, f"killed {act.name}")
    return Measured(
        passed=not wrong,
        n=4 * case.repetitions,
        worst=wrong[0] if wrong else f"0 of {4 * case.repetitions} states between",
        figures={"wrong": len(wrong), **dict(sorted(seen.items()))},
        remark=f"{case.repetitions} kills of each act at random moments; SQLite; a roster of {PEOPLE}",
    )


@control_of("F38", tries=3)
def in_pieces(case: FaultCase) -> ControlMeasured:
    seen: Counter[str] = Counter()
    with the_acts(case.folder / "control") as (actors, acts):
        act = Act("unseal_in_pieces", acts[0].template, acts[0].arguments, acts[0].judge)
        wrong = kill_in_the_middle(case, actors, act, 6, seen)
    between = [one for one in wrong if "between" in one]
    return ControlMeasured(bool(between), f"unsealing in two transactions: {len(between)} states between in 6 kills")


def _bag_of(platform: Platform, sitting_id: str, room_id: str) -> str | None:
    from server.scheduling.models import SittingRoom

    with platform.uow.read() as session:
        return session.get_one(SittingRoom, (sitting_id, room_id)).package_id


def _unpublish(data: Path, sitting_id: str) -> None:
    platform = open_platform(data)
    with platform.uow() as work:
        work.session.execute(update(Script).values(taken_by=None))
        work.session.execute(text("DELETE FROM attempt"))
        work.session.get_one(Sitting, sitting_id).state = "planned"
    platform.database.dispose()


def _downgrade(data: Path) -> None:
    platform = open_platform(data)
    with platform.database.write_connection() as connection:
        command.downgrade(config(connection), OLD)
    platform.database.dispose()
