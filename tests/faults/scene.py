"""An exam under load, made to be broken: real nodes (sabotaged or not), candidates who answer without end, a nemesis log.

with exam_scene(case, candidates=24, pace_s=0.5) as scene:
    scene.begin()                       # doors, paper, start; everybody answers
    with scene.log.span("kill"):
        scene.server.kill(); scene.server.start()
    scene.settle()                      # everybody has caught up
    verdict = scene.verdict()
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from server.delivery.queries import counted_responses
from server.rehearsal.candidate import Plan, SimulatedCandidate
from server.rehearsal.candidate_pc import Stopped, TurnedAway
from server.rehearsal.demo_site import DemoDay, prepare_demo
from server.rehearsal.history import Sent
from server.rehearsal.server_process import ServerProcess
from tests.faults.checker import Evidence, Read, find_violations
from tests.faults.registry import FaultCase
from tests.support.live_server import LiveServer, make_day, open_platform
from tests.support.paths import ROOT
from tests.support.processes import find_free_port, wait_until

#: what signing in, confirming and fetching the paper takes for one candidate on a busy machine
ENTER_S = 0.12
#: unsent entries of somebody who is up to date: the one under way
UNDER_WAY = 1
#: whose answers are read again and again
READERS = 5


class Node(ServerProcess):
    """`mingyuan serve`, perhaps sabotaged, perhaps with a program in front of it (`ip netns exec …`, `prlimit …`).

    It ends with the thread that started it, so start it from one that stays.
    """

    def __init__(
        self, data: Path, host: str, port: int, environment: Mapping[str, str], *, sabotage: str = "",
        prefix: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__(data, host, port, {"PYTHONPATH": str(ROOT), **environment})
        self._plain = list(self._command)
        self.sabotage(sabotage)
        # ends with the run, whatever happens to the run
        deathly = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self._prefix = [*prefix, *deathly]
        self._command = [*self._prefix, *self._command]

    def sabotage(self, orders: str) -> None:
        """From the next start on; empty: the product as it is."""
        arguments = self._plain[3:]  # after `python -m server.entry`
        module = ["tests.faults.nemesis.sabotage", orders] if orders else ["server.entry"]
        self._command = [*getattr(self, "_prefix", []), sys.executable, "-m", *module, *arguments]


@dataclass
class NemesisLog:
    """What was done to the servers, and when: (what, began, ended), moments as `time.monotonic()`."""

    spans: list[tuple[str, float, float]] = field(default_factory=list)

    @contextmanager
    def span(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.spans.append((what, began, time.monotonic()))


class EndlessCandidate(SimulatedCandidate):
    """Goes through the paper again and again until the time is over; remembers every paper it was handed."""

    def __init__(self, *arguments: Any, papers: dict[str, list[str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._papers = papers
        #: when the paper lay open (`time.monotonic()`)
        self.began_at: float | None = None

    def _answer(self, paper: dict[str, Any]) -> None:
        self._papers.setdefault(self._attempt_id, []).append(paper_digest(paper))
        self.began_at = time.monotonic()
        super()._answer(paper)

    def _order(self, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        while True:
            yield from super()._order(items)

    @classmethod
    def of(cls, scene: Scene, ticket: Any) -> EndlessCandidate:
        """Somebody with this ticket who does not act by himself."""
        plan = Plan(ticket.number, ticket.pin, pace_s=scene.pace_s, submits=False, seed=scene.seed)
        addresses = [node.base_url for node in scene.nodes]
        return cls(addresses, plan, scene.history, threading.Event(), papers=scene.papers)

    def enter_within(self, ticket: Any, seconds: float) -> bool:
        """Sign in and confirm, trying again as a page does; False when that took too long or was refused for good."""
        over = threading.Timer(seconds, self._stop.set)
        over.daemon = True
        over.start()
        try:
            self._enter(ticket.number, ticket.pin)
        except (Stopped, TurnedAway):
            return False
        finally:
            over.cancel()
            self.switch_off()
        return True

    @property
    def attempt_id(self) -> str:
        return self._attempt_id

    @property
    def unsent(self) -> int:
        return len(self._unsent)


def paper_digest(paper: dict[str, Any]) -> str:
    """One line for a whole paper: items and options in the order they are shown."""
    return hashlib.sha256(json.dumps(paper, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


#: (ticket, what its candidate does) → what its thread runs
Around = Callable[[Any, Callable[[], None]], Callable[[], None]]


@dataclass
class Scene(LiveServer):
    """A `LiveServer` with what a fault run needs on top."""

    #: of this run, so that people and moments repeat
    seed: int = 0
    pace_s: float = 1.0
    log: NemesisLog = field(default_factory=NemesisLog)
    #: attempt → digest of the paper at every admission
    papers: dict[str, list[str]] = field(default_factory=dict)
    #: what was read of some candidates' answers whenever everybody had caught up
    reads: list[Read] = field(default_factory=list)

    def begin(
        self, count: int | None = None, *, addresses: Sequence[str] = (), around: Around = lambda ticket, run: run
    ) -> None:
        """Everybody comes, the gates are passed, everybody has answered something."""
        people = count if count is not None else len(self.tickets)
        self.seat_endless(people, addresses=addresses, around=around)
        self.pass_gates()
        self.wait_for_acks(people, seconds=180)

    def open_doors_early(self) -> None:
        """Paper fetched and admission open, without waiting for the reading of the notes."""
        for room in self.rooms:
            self.press(room, "fetch-paper")
            self.press(room, "fetch-paper", deputy=True)
            self.press(room, "open-admission")

    def seat_endless(
        self, count: int, *, addresses: Sequence[str] = (), around: Around = lambda ticket, run: run
    ) -> list[EndlessCandidate]:
        """The next `count` candidates, answering until they are sent home; `around` says where each one's thread lives."""
        seated = []
        for _ in range(count):
            ticket = self.next_ticket()
            plan = Plan(
                ticket.number, ticket.pin, pace_s=self.pace_s, submits=False, seed=self.seed * 1000 + self._used
            )
            one = EndlessCandidate(
                addresses or [node.base_url for node in self.nodes], plan, self.history, self._stop,
                begin_with=self._used, papers=self.papers,
            )  # fmt: skip
            seated.append(one)
            self.candidates.append(one)
            self._spawn(around(ticket, one.run))
        return seated

    def settle(self, seconds: float = 60) -> None:
        """Wait until what was answered is acknowledged, for everybody."""
        wait_until(
            lambda: all(len(one._unsent) <= UNDER_WAY for one in self.candidates),
            seconds=seconds, what="everybody has caught up",
        )  # fmt: skip
        self._read_some()

    def _read_some(self) -> None:
        """What the database shows of a few candidates' answers now; it must never get older (I3)."""
        now = time.monotonic()
        for one in self.candidates[:READERS]:
            responses = self.read(lambda session, one=one: counted_responses(session, one._attempt_id))  # type: ignore[misc]
            self.reads += [
                Read(one._attempt_id, item, response.epoch, response.client_seq, now)
                for item, response in responses.items()
            ]

    def violations(self) -> dict[str, list[str]]:
        """Every invariant judged over what is left; people go home first."""
        self.stop_people()
        return find_violations(Evidence(self.platform.uow, self.history, papers=self.papers, reads=self.reads))

    def worst_wait_s(self, since: float, until: float | None = None) -> float:
        """The longest anybody waited for an acknowledgement of something clicked before `until` and not yet
        acknowledged at `since`, counted from the later of click and `since` (`time.monotonic()`)."""
        until = until if until is not None else time.monotonic()
        waits = [
            one.acked_at - max(one.clicked_at, since)
            for one in self.entries()
            if one.acked_at is not None and one.acked_at > since and one.clicked_at < until
        ]
        return max(waits, default=0.0)

    def entries(self) -> list[Sent]:
        return list(self.history.sent.values())

    def save_ms(self, since: float, until: float | None = None) -> list[float]:
        """Click to acknowledgement of everything clicked in the span, ms, sorted."""
        until = until if until is not None else time.monotonic()
        return sorted(
            one.save_ms for one in self.entries() if one.save_ms is not None and since <= one.clicked_at < until
        )

    def close(self) -> None:
        """People go home; nodes end at once: an orderly end is not what is looked at here."""
        self.stop_people()
        for person in self._signed_in.values():
            person.close()
        for node in self.nodes:
            node.kill()
        self.platform.database.dispose()


@contextmanager
def exam_scene(
    case: FaultCase,
    *,
    name: str = "exam",
    candidates: int = 24,
    pace_s: float = 1.0,
    before_start: timedelta | None = None,
    duration: timedelta = timedelta(minutes=80),
    profile: Mapping[str, Any] | None = None,
    sabotage: str = "",
    environment: Mapping[str, str] | None = None,
    database_url: str = "",
    nodes: int = 1,
    data: Path | None = None,
    hosts: Sequence[str] = (),
    prefixes: Sequence[Sequence[str]] = (),
    shift: Callable[[datetime], datetime] = lambda moment: moment,
) -> Iterator[Scene]:
    """A prepared site with its running nodes; T is `before_start` after everything is ready.

    Args:
        pace_s: seconds between two answers of one candidate, on average.
        before_start: by default what it takes everybody to come in.
        sabotage: what is taken away from every node, see `nemesis/sabotage.py`.
        nodes: more than one needs PostgreSQL and `MINGYUAN_REDIS_URL` in `environment`.
        data: the servers' data folder; default: a new one under the case's folder.
        hosts: where each node listens; default loopback.
        prefixes: what stands in front of each node's command.
        shift: of the day, for servers that live at another time.
    """
    folder = data or case.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    before = before_start or timedelta(seconds=round(5 + candidates * ENTER_S))
    platform = open_platform(folder, database_url)
    addresses = [(hosts[turn] if hosts else "127.0.0.1", find_free_port()) for turn in range(nodes)]
    running: list[Node] = []
    scene: Scene | None = None
    try:
        for number, (host, port) in enumerate(addresses, start=1):
            settings = {"MINGYUAN_NODE_NAME": f"node-{number}", **(environment or {})}
            if database_url:
                settings["MINGYUAN_DATABASE_URL"] = database_url
            if nodes > 1:
                settings["MINGYUAN_NODE_ADDRESSES"] = json.dumps([f"http://{each}:{at}" for each, at in addresses])
            prefix = prefixes[number - 1] if prefixes else ()
            running.append(Node(folder, host, port, settings, sabotage=sabotage, prefix=prefix))
            running[-1].start()

        def day() -> DemoDay:
            return make_day(shift(platform.clock.now()), before, duration, profile)

        site = prepare_demo(platform, max(2, candidates), day)
        scene = Scene(platform, list(running), site, seed=case.seed, pace_s=pace_s)
        yield scene
    finally:
        if scene is not None:
            scene.close()
        for node in running:
            node.kill()
        platform.database.dispose()


def spread(total: int, parts: int) -> list[int]:
    """`total` repetitions shared by `parts` exams, as evenly as can be; nobody gets none."""
    parts = max(1, min(parts, total))
    return [total // parts + (turn < total % parts) for turn in range(parts)]


def in_background(work: Callable[[], None]) -> threading.Thread:
    """Run it in a thread that does not outlive the process."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
