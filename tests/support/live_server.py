"""A real exam for tests: a prepared demonstration site, one or several real server processes, gates to be passed over HTTP.

`live_server(folder, …)` is a context manager; the fixture `live_exam` (tests/conftest.py) gives it to one module:

    @pytest.fixture(scope="module")
    def exam(live_exam) -> LiveServer:
        return live_exam(candidates=4, before_start=timedelta(seconds=20), duration=timedelta(minutes=5))

    exam.open_doors()            # paper fetched, admission open; waits until it is time
    exam.open_paper()            # two people, two secrets
    exam.wait_for_start()
    exam.tickets[0].number, exam.tickets[0].pin, exam.rooms[0].chief.login_name, …
"""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

import server.schema  # noqa: F401 - every folder's tables
from server.delivery.models import Attempt
from server.delivery.queries import counted_responses
from server.rehearsal.candidate import Plan, SimulatedCandidate
from server.rehearsal.demo_site import DemoAccount, DemoDay, DemoRoom, DemoSite, prepare_demo
from server.rehearsal.history import History, Verdict, check
from server.rehearsal.proctor_pair import ProctorPair
from server.rehearsal.server_process import ServerProcess
from server.rehearsal.site import open_site_platform as open_platform
from server.rehearsal.staff import StaffMember, StaffRefused
from server.scheduling.domain.rule_profile import RuleProfile, load_profile
from server.scheduling.services.issue_tickets import IssuedTicket
from server.webkit.platform import Platform
from tests.support.processes import find_free_port, wait_until

T = TypeVar("T")

FULL_DURATION = timedelta(minutes=90)
#: a little after a gate's own moment, so that the server's clock is past it too
AFTER_THE_GATE_S = 0.1


def make_day(
    now: datetime, before_start: timedelta, duration: timedelta, changes: Mapping[str, Any] | None = None
) -> DemoDay:
    """The day of the default profile compressed so that 90 minutes last `duration`, and so that every gate before T fits.

    Args:
        changes: fields of the profile that the test wants otherwise, e.g. `earliest_submission_after`.
    """
    factor = max(1, round(FULL_DURATION / duration))
    before = {
        "report_before": before_start,
        "paper_fetch_before": before_start,
        "admission_opens_before": before_start,
        "notes_read_before": timedelta(
            seconds=round(before_start.total_seconds() * 0.8)
        ),  # profiles know whole seconds
        "paper_open_before": timedelta(seconds=round(before_start.total_seconds() * 0.6)),
    }
    profile: RuleProfile = dataclasses.replace(
        load_profile("default").compressed(factor), **{**before, **(changes or {})}
    )
    return DemoDay(now + before_start, duration, profile)


@dataclass
class LiveServer:
    """What a test needs: addresses, accounts, tickets, gates, simulated people, and the truth in the database."""

    platform: Platform
    nodes: list[ServerProcess]
    site: DemoSite
    history: History = field(default_factory=History)
    candidates: list[SimulatedCandidate] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _signed_in: dict[str, StaffMember] = field(default_factory=dict)
    _used: int = 0

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def server(self) -> ServerProcess:
        return self.nodes[0]

    @property
    def base_url(self) -> str:
        return self.server.base_url

    @property
    def sitting_id(self) -> str:
        return self.site.sitting_id

    @property
    def tickets(self) -> list[IssuedTicket]:
        return self.site.tickets

    @property
    def rooms(self) -> list[DemoRoom]:
        return self.site.rooms

    @property
    def day(self) -> DemoDay:
        return self.site.day

    def next_ticket(self) -> IssuedTicket:
        """A candidate who has not been here yet."""
        self._used += 1
        return self.tickets[self._used - 1]

    def room_of(self, ticket: IssuedTicket) -> DemoRoom:
        return next(room for room in self.rooms if room.room_id == ticket.room_id)

    def board_url(self, room: DemoRoom) -> str:
        """The page of a room's board."""
        return f"{self.base_url}/board/{self.sitting_id}/{room.room_id}"

    # ── gates and buttons ────────────────────────────────────────────────────────────────────────────────────────

    def person(self, account: DemoAccount) -> StaffMember:
        """Somebody of the staff, signed in over HTTP."""
        if account.login_name not in self._signed_in:
            self._signed_in[account.login_name] = StaffMember(self.base_url, account.login_name, account.password)
        return self._signed_in[account.login_name]

    def press(
        self, room: DemoRoom, command: str, body: dict[str, Any] | None = None, *, deputy: bool = False
    ) -> dict[str, Any]:
        """A proctor of the room presses a button of the board; raises `StaffRefused`."""
        account = room.deputy if deputy else room.chief
        return self.person(account).command(self.sitting_id, room.room_id, command, body)

    def board(self, room: DemoRoom) -> dict[str, Any]:
        """The room as its board shows it."""
        return self.person(room.chief).board(self.sitting_id, room.room_id)

    def open_doors(self, *rooms: DemoRoom) -> None:
        """Both proctors fetch the paper, the chief opens admission and reads the notes; waits for each gate's moment."""
        profile = self.day.profile
        self.wait_until(self.day.starts_at - profile.paper_fetch_before)
        for room in rooms or self.rooms:
            self.press(room, "fetch-paper")
            self.press(room, "fetch-paper", deputy=True)
        self.wait_until(self.day.starts_at - profile.admission_opens_before)
        for room in rooms or self.rooms:
            self.press(room, "open-admission")
        self.wait_until(self.day.starts_at - profile.notes_read_before)
        for room in rooms or self.rooms:
            self.press(room, "read-notes")

    def open_paper(self, *rooms: DemoRoom) -> None:
        """Two people, two secrets, within the two-person window."""
        self.wait_until(self.day.starts_at - self.day.profile.paper_open_before)
        for room in rooms or self.rooms:
            self.press(room, "open-paper", {"opening_secret": room.opening_secrets[0]})
            self.press(room, "open-paper", {"opening_secret": room.opening_secrets[1]}, deputy=True)

    def pass_gates(self) -> None:
        """Everything before T, in one go; returns at T."""
        self.open_doors()
        self.open_paper()
        self.wait_for_start()

    def keep_gates(self, patience: timedelta = timedelta(0)) -> list[ProctorPair]:
        """Simulated proctors keep the gates of the whole day in the background, `patience` after each moment."""
        pairs = []
        for room in self.rooms:
            pair = ProctorPair(
                [node.base_url for node in self.nodes],
                self.sitting_id,
                room,
                self.day,
                self.platform.clock,
                self._stop,
                patience=patience,
            )
            pairs.append(pair)
            self._spawn(pair.run)
        return pairs

    # ── simulated candidates ─────────────────────────────────────────────────────────────────────────────────────

    def seat(
        self, count: int, *, pace_s: float, submits: bool = False, addresses: Sequence[str] = ()
    ) -> list[SimulatedCandidate]:
        """The next `count` candidates come and answer one item each `pace_s` seconds until they are done or time is over."""
        seated = []
        for _ in range(count):
            ticket = self.next_ticket()
            plan = Plan(ticket.number, ticket.pin, pace_s=pace_s, submits=submits, seed=self._used)
            one = SimulatedCandidate(
                addresses or [node.base_url for node in self.nodes],
                plan,
                self.history,
                self._stop,
                begin_with=self._used,
            )
            seated.append(one)
            self.candidates.append(one)
            self._spawn(one.run)
        return seated

    def stop_people(self) -> None:
        """All simulated people go home; what they wrote down stays."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def wait_until_done(self, seconds: float) -> None:
        """Until every simulated person is done; fails with a sentence when one is not."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), f"somebody is not done after {seconds:g} s"

    def acked(self) -> int:
        """Answers acknowledged up to now."""
        return sum(entry.acked for entry in list(self.history.sent.values()))

    def wait_for_acks(self, count: int, seconds: float = 60) -> None:
        wait_until(lambda: self.acked() >= count, seconds=seconds, what=f"{count} acknowledged answers", every=0.02)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def until_start(self) -> float:
        """Seconds; negative after T."""
        return (self.day.starts_at - self.platform.clock.now()).total_seconds()

    def wait_for_start(self) -> None:
        self.wait_until(self.day.starts_at)

    def wait_until(self, moment: datetime) -> None:
        """Sleep until just after a moment of the day; at once when it has passed."""
        time.sleep(max(0.0, (moment - self.platform.clock.now()).total_seconds() + AFTER_THE_GATE_S))

    # ── the truth ────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, query: Callable[[Session], T]) -> T:
        """Ask the database."""
        with self.platform.uow.read() as session:
            return query(session)

    def attempt(self, ticket: IssuedTicket) -> Attempt:
        with self.platform.uow.read() as session:
            attempt = session.query(Attempt).filter_by(ticket_id=ticket.ticket_id).one()
            session.expunge(attempt)
            return attempt

    def stored(self, ticket: IssuedTicket) -> dict[str, tuple[str, ...]]:
        """What the database counts: item → options."""
        attempt_id = self.attempt(ticket).id
        return self.read(lambda session: {item: r.value for item, r in counted_responses(session, attempt_id).items()})

    def verdict(self) -> Verdict:
        """Everything the simulated candidates were told, compared with the database. Sends them home first: what is
        acknowledged between the reading and the comparing would look lost."""
        self.stop_people()
        return check(self.history, self.platform.uow)

    def _spawn(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True, name=f"person-{secrets.token_hex(2)}")
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """People go home, servers stop by their pids."""
        self.stop_people()
        for person in self._signed_in.values():
            person.close()
        for node in self.nodes:
            node.stop()
        self.platform.database.dispose()


@contextmanager
def live_server(
    data: Path,
    *,
    candidates: int = 4,
    before_start: timedelta = timedelta(seconds=20),
    duration: timedelta = timedelta(minutes=5),
    profile: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    database_url: str = "",
    nodes: int = 1,
    own_hosts: bool = False,
    prepare: Callable[[Platform, Callable[[], DemoDay]], DemoSite] | None = None,
) -> Iterator[LiveServer]:
    """A prepared site and its running server(s); T is `before_start` after everything is ready.

    Args:
        candidates: half of them in each of two rooms.
        profile: fields of the compressed rule profile that the test wants otherwise.
        environment: settings of the servers, `MINGYUAN_…`.
        nodes: so many processes on the same database; more than one needs PostgreSQL and `MINGYUAN_REDIS_URL`.
        own_hosts: each node at an address of its own (127.0.0.1, 127.0.0.2 …), so that cookies do not follow a page.
        prepare: another way to set the site up.
    """
    platform = open_platform(data, database_url)
    ports = [find_free_port() for _ in range(nodes)]
    hosts = [f"127.0.0.{number + 1}" if own_hosts else "127.0.0.1" for number in range(nodes)]
    running: list[ServerProcess] = []
    live: LiveServer | None = None
    try:
        for number, (host, port) in enumerate(zip(hosts, ports, strict=True), start=1):
            settings = {"MINGYUAN_NODE_NAME": f"node-{number}", **(environment or {})}
            if database_url:
                settings["MINGYUAN_DATABASE_URL"] = database_url
            if nodes > 1:
                settings["MINGYUAN_NODE_ADDRESSES"] = _as_list(
                    [f"http://{host}:{port}" for host, port in zip(hosts, ports, strict=True)]
                )
            running.append(ServerProcess(data, host, port, settings))
            running[-1].start()

        def day() -> DemoDay:
            return make_day(platform.clock.now(), before_start, duration, profile)

        site = prepare(platform, day) if prepare is not None else prepare_demo(platform, candidates, day)
        live = LiveServer(platform, running, site)
        yield live
    finally:
        if live is not None:
            live.close()
        for node in running:
            node.stop()
        platform.database.dispose()


def _as_list(addresses: Sequence[str]) -> str:
    return "[" + ",".join(f'"{address}"' for address in addresses) + "]"


__all__ = ["LiveServer", "StaffRefused", "live_server", "make_day", "open_platform"]
