"""F19: nodes that cannot hear each other, or the database: one leader for single-actor duties, every time-out once."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from server.takeover.models import Lease
from tests.faults.checker import endings_of
from tests.faults.nemesis.namespaces import lan
from tests.faults.registry import ControlMeasured, FaultCase, Measured, NotRunHere, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene, in_background
from tests.faults.wire_people import figures_of, wrong
from tests.support import postgres, redis_server
from tests.support.postgres import PostgresCluster
from tests.support.processes import Child, find_free_port

#: how far apart the candidates' deadlines are, so that some deadline falls into every partition
STAGGER_S = 5
BASE = timedelta(seconds=40)
PARTITION_S = (3.5, 6.0)


@dataclass
class Leaders:
    """What the lease's row showed over the time."""

    seen: list[tuple[str, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, scene: Scene) -> None:
        query = select(Lease.holder, Lease.generation).where(Lease.duty == "single-actor-duties")
        while not self._stop.wait(0.2):
            row = scene.read(lambda session: session.execute(query).one_or_none())
            if row is not None and (not self.seen or self.seen[-1] != tuple(row)):
                self.seen.append((row[0], row[1]))

    def stop(self) -> None:
        self._stop.set()

    @property
    def two_at_once(self) -> int:
        """A new holder under the old number, or a number that went back."""
        pairs = zip(self.seen, self.seen[1:], strict=False)
        return sum(
            later[1] < earlier[1] or (later[1] == earlier[1] and later[0] != earlier[0]) for earlier, later in pairs
        )


def partitions(case: FaultCase, count: int, candidates: int, sabotage: str = "") -> dict[str, Any]:
    """An exam of two nodes whose candidates time out one after the other, while lines between the hosts come and go."""
    reason = postgres.why_not() or redis_server.why_not()
    if reason:
        raise NotRunHere(reason)
    dice = case.random("partitions")
    with ExitStack() as stack:
        hosts = stack.enter_context(lan("office", "store", "a", "b"))
        store = hosts["store"].address
        with hosts.standing_in("store"):
            cluster = PostgresCluster(case.folder / "postgres")
            cluster.create()
            with (cluster.data / "pg_hba.conf").open("a") as file:
                file.write("host all all 10.77.0.0/24 trust\n")
            cluster.start(listen_addresses="*")
            stack.callback(_stop_in, hosts, cluster)
            redis_port = find_free_port()
            redis = Child(
                ["redis-server", "--port", str(redis_port), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
                 "--appendonly", "no", "--dir", case.folder], log=case.folder / "redis.log",
            )  # fmt: skip
            stack.callback(redis.stop)
            url = cluster.url(cluster.create_database()).replace("127.0.0.1", store)
        stack.enter_context(hosts.standing_in("office"))
        scene = stack.enter_context(
            exam_scene(
                case, candidates=candidates, pace_s=1.0, nodes=2, database_url=url, sabotage=sabotage, duration=BASE, before_start=timedelta(seconds=15),
                profile={"late_entry_within": BASE},
                environment={"MINGYUAN_REDIS_URL": f"redis://{store}:{redis_port}/0"},
                hosts=[hosts["a"].address, hosts["b"].address], prefixes=[hosts.prefix("a"), hosts.prefix("b")],
            )
        )  # fmt: skip
        scene.begin()
        for turn, ticket in enumerate(scene.tickets):
            if turn:
                body = {"attempt_ids": [scene.attempt(ticket).id], "seconds": turn * STAGGER_S, "reason": "合理便利"}
                scene.press(scene.room_of(ticket), "grant-time", body)
        leaders = Leaders()
        watching = in_background(lambda: leaders.watch(scene))
        made = 0
        everybody = len(scene.tickets)
        given_up_at = time.monotonic() + 60 + everybody * STAGGER_S * 2 + count * PARTITION_S[1]
        while sum(endings_of(scene.platform.uow).values()) < everybody and time.monotonic() < given_up_at:
            time.sleep(dice.uniform(0.5, 1.5))
            name = dice.choice(("a", "b"))
            others = [hosts["b" if name == "a" else "a"].address]
            if dice.random() < 0.5:
                others.append(store)
            with scene.log.span(f"{name} cut from {others}"):
                hosts[name].refuse_to_hear(*others)
                try:
                    time.sleep(dice.uniform(*PARTITION_S))
                finally:
                    hosts[name].clear()
            made += 1
            case.progress(min(made, count), count, "partitions")
        time.sleep(2.0)
        leaders.stop()
        watching.join(timeout=5)
        endings = endings_of(scene.platform.uow)
        verdict = scene.verdict()
    return {
        "partitions": made, "attempts": everybody, "ended": len(endings), "endings": sum(endings.values()),
        "two_leaders": leaders.two_at_once, "changes_of_leader": len(leaders.seen) - 1, "wrong": wrong(verdict), **figures_of(verdict),
    }  # fmt: skip


def _stop_in(hosts: Any, cluster: PostgresCluster) -> None:
    with hosts.standing_in("store"):
        cluster.stop()


@fault(
    "F19", "节点之间断网", "Nodes cut off from each other", promises=("P7", "P8"), goal="one leader at any time; 0 endings twice; 0 lost",
    repetitions=Repetitions(short=0, full=20, fixed_s=130, each_s=7),
    control="without leases and without the guard of the ending, attempts must end twice",
)  # fmt: skip
def nodes_cut_off(case: FaultCase) -> Measured:
    found = partitions(case, case.repetitions, max(6, case.repetitions))
    return Measured(
        passed=found["two_leaders"] == 0 and found["endings"] == found["ended"] == found["attempts"] and found["wrong"] == 0
        and found["partitions"] >= min(case.repetitions, 5),
        n=found["partitions"],
        worst=f"{found['two_leaders']} times two leaders; {found['endings']} endings of {found['attempts']} attempts; "
        f"{found['lost']} lost of {found['acked']:,}",
        figures=found,
        remark="two nodes, PostgreSQL and Redis on hosts of their own; half of the cuts are from the database and Redis as well",
    )  # fmt: skip


@control_of("F19", tries=2)
def everybody_leads(case: FaultCase) -> ControlMeasured:
    found = partitions(case, 3, 6, "lease_without_fencing,end_twice")
    return ControlMeasured(
        found["endings"] > found["ended"],
        f"no leases, no guard: {found['endings']} endings of {found['ended']} attempts",
    )
