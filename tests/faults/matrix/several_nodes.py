"""F3, F4, F30: one of several equal nodes is lost, frozen, or out of memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
from sqlalchemy import func, select

from server.delivery.models import JournalEntry
from server.rehearsal.staff import StaffMember, StaffRefused
from tests.faults.registry import ControlMeasured, FaultCase, Measured, NotRunHere, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.stores import own_stores
from tests.faults.wire_people import WirePerson, broken, figures_of, wire_people, wrong
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate

CANDIDATES, PACE_S = 60, 1.0
SOON_S, ALL_S = 5.0, 10.0
CALM_S = (1.0, 2.5)


@contextmanager
def several_nodes(case: FaultCase, nodes: int, name: str = "exam", **more: object) -> Iterator[Scene]:
    """An exam on PostgreSQL and Redis of its own."""
    with (
        own_stores(case.folder / f"stores-{name}") as stores,
        exam_scene(
            case, name=name, nodes=nodes, database_url=stores.database_url, environment=stores.environment, **more,  # type: ignore[arg-type]
        ) as scene,
    ):  # fmt: skip
        yield scene


def superseded(scene: Scene) -> int:
    """Entries that came under an epoch that was over: in these runs nobody was moved."""
    query = select(func.count()).select_from(JournalEntry).where(JournalEntry.standing == "superseded")
    return scene.read(lambda session: session.scalar(query) or 0)


# ── F3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lose_a_node(scene: Scene, case: FaultCase, times: int) -> list[float]:
    """Kill one at random, wait until its candidates are served elsewhere, start it again; every candidate's absence, s."""
    dice, away = case.random("nodes"), []
    for turn in range(times):
        time.sleep(dice.uniform(*CALM_S))
        node = dice.choice(scene.nodes)
        there = [one for one in scene.candidates if one.nodes.current == node.base_url]
        before = len(scene.history.reconnect_s)
        with scene.log.span("node killed"):
            node.kill()
        killed_at = time.monotonic()
        names = {one._attempt_id for one in there}
        wait_until(
            lambda names=names, killed_at=killed_at: names <= heard_since(scene, killed_at),
            seconds=60, what="everybody is served by another node", every=0.2,
        )  # fmt: skip
        scene.settle()
        away += scene.history.reconnect_s[before:]
        node.start()
        case.progress(turn + 1, times, "nodes lost")
    return sorted(away)


def heard_since(scene: Scene, moment: float) -> set[str]:
    """Attempts that got an acknowledgement after it."""
    return {one.attempt_id for one in scene.entries() if one.acked_at is not None and one.acked_at > moment}


@fault(
    "F3", "三个节点失去一个", "One of three nodes lost", promises=("P1", "P7"),
    goal="95 % of its clients elsewhere <= 5 s, all <= 10 s; no epoch conflict; 0 lost",
    repetitions=Repetitions(short=0, full=30, fixed_s=45, each_s=8),
    control="clients that know one address only must stay away",
)  # fmt: skip
def node_lost(case: FaultCase) -> Measured:
    with several_nodes(case, 3, candidates=CANDIDATES, pace_s=PACE_S) as scene:
        scene.begin()
        away = lose_a_node(scene, case, case.repetitions)
        verdict, violations = scene.verdict(), scene.violations()
        conflicts = superseded(scene)
    p95 = away[int(len(away) * 0.95)] if away else 0.0
    return Measured(
        passed=wrong(verdict) == 0
        and not violations and conflicts == 0 and len(away) > 0
        and p95 <= SOON_S * case.patience and away[-1] <= ALL_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; away p95 {p95:.1f} s, max {max(away, default=0):.1f} s; {conflicts} epoch conflicts",
        figures={**figures_of(verdict), "moved": len(away), "away_s_p95": round(p95, 2), "away_s_max": round(max(away, default=0), 2)},
        remark=broken(violations)
        or f"{CANDIDATES} candidates on three processes; killed with SIGKILL, so their lines break at once",
    )  # fmt: skip


@control_of("F3")
def one_address_only(case: FaultCase) -> ControlMeasured:
    with several_nodes(case, 3, candidates=6, pace_s=PACE_S) as scene:
        scene.begin(addresses=[scene.nodes[2].base_url])
        scene.nodes[2].kill()
        time.sleep(ALL_S)
        away = sum(one.unsent > 1 for one in scene.candidates)  # type: ignore[attr-defined]
    return ControlMeasured(away > 0, f"one address only: {away} of 6 still away after {ALL_S:g} s")


# ── F4 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

FROZEN_S = 20.0
#: the first freeze lasts 20 s; the leases run out after 3 s, so the others are shorter
SHORT_FREEZE_S = (4.5, 8.0)
#: the exam whose end falls into a freeze
LAST = timedelta(seconds=40)


@contextmanager
def frozen(scene: Scene, number: int) -> Iterator[None]:
    pid = scene.nodes[number].pid
    assert pid is not None
    with scene.log.span("frozen"):
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def freeze_with_stale_write(scene: Scene, old: WirePerson, seconds: float) -> tuple[bool, bool]:
    """An answer lies before the frozen node while its candidate is moved to another PC and answers there.

    Returns whether the stale answer was counted, and whether the new one stands.
    """
    away, near = scene.nodes[1].base_url, scene.nodes[0].base_url
    channel = old.connect(away)
    stale, newer = old.entry(0, 0), None
    until = time.monotonic() + seconds
    with frozen(scene, 1):
        message = old.message([stale])
        with contextlib.suppress(Exception):
            channel._send(f"42/candidate,999{_json(['record_answers', message])}")
        room = scene.room_of(old.ticket)
        scene.press(room, "release-seat", {"attempt_id": old.attempt_id, "reason": "换机"})
        new = RawCandidate(near, old.ticket)
        new.enter()
        scene.press(room, "resume", {"attempt_id": old.attempt_id, "reason": "已就座"})
        new.begin()
        newer = new.entry(0, 1)
        assert new.send_by_http(newer).status_code == 200
        time.sleep(max(0.0, until - time.monotonic()))
    query = select(JournalEntry.standing).where(
        JournalEntry.attempt_id == old.attempt_id, JournalEntry.page_id == old.page_id
    )
    with contextlib.suppress(TimeoutError):
        wait_until(
            lambda: bool(scene.read(lambda session: session.scalars(query).all())), seconds=15, what="the stale answer"
        )
    standings = scene.read(lambda session: list(session.scalars(query)))
    stands = scene.stored(old.ticket).get(newer["item"]) == tuple(newer["value"])
    new.close()
    return "counted" in standings, stands


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def ends_once(case: FaultCase, *, frozen_s: float) -> tuple[int, int]:
    """The time of everybody ends while the node with the single-actor duties is frozen; attempts, and endings on record."""
    from tests.faults.checker import endings_of

    people = 12
    with several_nodes(
        case,
        2,
        name="deadline",
        candidates=people,
        pace_s=1.0,
        duration=LAST,
        before_start=timedelta(seconds=15),
        profile={"late_entry_within": LAST},
    ) as scene:
        scene.begin()
        scene.wait_until(scene.day.starts_at + LAST - timedelta(seconds=3))
        with frozen(scene, duty_node(scene)):
            time.sleep(frozen_s)
        wait_until(lambda: len(endings_of(scene.platform.uow)) >= people, seconds=60, what="everybody has ended")
        time.sleep(2.0)  # the one that woke up has had its turn
        endings = endings_of(scene.platform.uow)
    return people, sum(endings.values())


def duty_node(scene: Scene) -> int:
    """Which node holds the single-actor duties now."""
    from server.takeover.models import Lease, Node

    query = select(Node.name).join(Lease, Lease.holder == Node.id).where(Lease.duty == "single-actor-duties")
    name = scene.read(lambda session: session.scalar(query))
    return int(str(name).rpartition("-")[2]) - 1


@fault(
    "F4", "服务进程冻结 20 秒", "Server frozen for 20 s", promises=("P7", "P8"), goal="0 stale writes counted, 0 endings twice",
    repetitions=Repetitions(short=0, full=30, fixed_s=110, each_s=8),
    control="without fencing by epoch the frozen node must write when it wakes up",
)  # fmt: skip
def frozen_server(case: FaultCase) -> Measured:
    dice, stale, standing = case.random("freezes"), 0, 0
    people = case.repetitions
    with several_nodes(case, 2, candidates=people + 12, pace_s=PACE_S) as scene, wire_people(scene, people) as moved:
        scene.seat_endless(12)
        for turn, one in enumerate(moved):
            seconds = FROZEN_S if turn == 0 else dice.uniform(*SHORT_FREEZE_S)
            counted, stands = freeze_with_stale_write(scene, one, seconds)
            stale, standing = stale + counted, standing + stands
            case.progress(turn + 1, people, "frozen")
        scene.settle()
        scene.stop_people()
        lost = _lost_of_simulated(scene)
    attempts, endings = ends_once(case, frozen_s=12.0)
    return Measured(
        passed=stale == 0 and standing == people and endings == attempts and lost == 0,
        n=people,
        worst=f"{stale} stale writes counted; {endings} endings of {attempts} attempts; {lost} lost",
        figures={"stale": stale, "endings": endings, "attempts": attempts, "acked": scene.acked(), "lost": lost},
        remark="the first freeze 20 s, the others 4.5 to 8 s (leases run out after 3 s); two nodes on PostgreSQL and Redis",
    )


def _lost_of_simulated(scene: Scene) -> int:
    from server.rehearsal.history import check

    return check(scene.history, scene.platform.uow).lost


@control_of("F4")
def frozen_without_fencing(case: FaultCase) -> ControlMeasured:
    with (
        several_nodes(case, 2, candidates=2, pace_s=1.0, sabotage="no_epoch_check") as scene,
        wire_people(scene, 1) as (one,),
    ):
        counted, _ = freeze_with_stale_write(scene, one, 5.0)
    return ControlMeasured(counted, f"no fencing: the stale answer was {'counted' if counted else 'not counted'}")


# ── F30 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

GOAL_SAVE_MS = 1000.0


@fault(
    "F30", "一个工作进程触及内存上限", "One worker hits its memory limit", promises=("P1",),
    goal="0 lost; candidates of the other node keep saving within 1 s (p95); everybody is served",
    repetitions=Repetitions(short=0, full=10, fixed_s=40, each_s=11),
    control="the same limit on every node must leave nobody to sign in at",
)  # fmt: skip
def memory_limit(case: FaultCase) -> Measured:
    _need_prlimit()
    dice, p95s, deaths, hits = case.random("limits"), [], 0, 0
    with several_nodes(case, 2, candidates=CANDIDATES, pace_s=PACE_S) as scene:
        scene.begin()
        for turn in range(case.repetitions):
            time.sleep(dice.uniform(*CALM_S))
            victim = scene.nodes[1]
            others = {one._attempt_id for one in scene.candidates if one.nodes.current == scene.nodes[0].base_url}
            began = time.monotonic()
            with scene.log.span("memory limit"):
                limit_memory(victim.pid)
                hits += not staff_can_sign_in(scene, 1)
                time.sleep(3.0)
                deaths += victim.pid is None
                saves = sorted(
                    one.save_ms or 0.0
                    for one in scene.entries()
                    if one.attempt_id in others and one.acked_at and one.clicked_at > began
                )
                victim.kill()  # a supervisor ends a worker that does not answer its health address
                scene.settle()
                victim.start()
            p95s.append(saves[int(len(saves) * 0.95)] if saves else 0.0)
            case.progress(turn + 1, case.repetitions, "out of memory")
        verdict = scene.verdict()
    return Measured(
        passed=wrong(verdict) == 0 and max(p95s) <= GOAL_SAVE_MS * case.patience and hits == case.repetitions,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; p95 of the other node's saves {max(p95s):.0f} ms",
        figures={
            **figures_of(verdict),
            "save_ms_p95_max": round(max(p95s)),
            "died_by_itself": deaths,
            "limit_hit": hits,
        },
        remark="RLIMIT_AS set below what the worker has mapped; hit by a password hash (64 MiB); ended and restarted after 3 s if it was still there",
    )


def _need_prlimit() -> None:
    import shutil

    if shutil.which("prlimit") is None:
        raise NotRunHere("prlimit is missing (util-linux)")


def limit_memory(pid: int | None) -> None:
    """From now on the process gets no more memory from the system."""
    subprocess.run(["prlimit", "--pid", str(pid), "--as=1048576:1048576"], check=False, capture_output=True)


def staff_can_sign_in(scene: Scene, number: int) -> bool:
    """A password hash takes 64 MiB: the surest way to need memory."""
    account = scene.rooms[0].deputy
    try:
        StaffMember(scene.nodes[number].base_url, account.login_name, account.password).close()
    except (StaffRefused, httpx.HTTPError, ValueError):
        return False
    return True


@control_of("F30")
def no_memory_anywhere(case: FaultCase) -> ControlMeasured:
    _need_prlimit()
    with several_nodes(case, 2, candidates=4, pace_s=1.0) as scene:
        scene.begin()
        able = [staff_can_sign_in(scene, number) for number in (0, 1)]
        for node in scene.nodes:
            limit_memory(node.pid)
        still = [staff_can_sign_in(scene, number) for number in (0, 1)]
    return ControlMeasured(
        all(able) and not any(still), f"the limit on both nodes: {sum(still)} of 2 still let a person sign in"
    )
