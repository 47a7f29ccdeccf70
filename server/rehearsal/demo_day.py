"""The demonstration day: a real server process, simulated people over the real wire, optionally a pulled plug."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import select

from proctor.models import RoomRecord
from server.audit.log import verify
from server.rehearsal.board_watcher import BoardWatcher
from server.rehearsal.candidate import Plan, SimulatedCandidate
from server.rehearsal.demo_site import DemoAccount, DemoSite
from server.rehearsal.history import History, check
from server.rehearsal.proctor_pair import ProctorPair
from server.rehearsal.server_process import ServerProcess
from server.rehearsal.staff import StaffMember, StaffRefused
from server.rehearsal.wire_client import ChannelDown, ChannelRefused
from server.scheduling.services.issue_tickets import IssuedTicket
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
ITEMS = 90
RESULTS_TIMEOUT_S = 60.0
SUBMITTING_SHARE = 0.8
#: parameters of the beta distribution of abilities: somewhat more than half pass at 60
ABILITY = (5.0, 5.0)
#: whoever is not done so long after the planned end is not waited for
PATIENCE_AFTER_END = timedelta(minutes=4)

Progress = Callable[[str], None]


@dataclass
class DayReport:
    """What happened (architecture 12, `demo --auto --json`)."""

    candidates: int
    submitted: int = 0
    answers_acked: int = 0
    answers_lost: int = 0
    answers_duplicated: int = 0
    answers_wrong_final: int = 0
    answers_made_while_away: int = 0
    outage_s: float = 0.0
    given_back_s_min: float = 0.0
    given_back_s_max: float = 0.0
    time_error_s_max: float = 0.0
    reconnect_s_max: float = 0.0
    nodes: int = 1
    #: candidates who went on at another node
    moved: int = 0
    #: live deltas on the board of a node that stayed, after another node was lost
    board_deltas_after_loss: int = 0
    unfinished_people: int = 0
    save_ms_p95: float = 0.0
    scored: int = 0
    results_delivered: int = 0
    audit_ok: bool = False
    audit_entries: int = 0
    room_records: list[str] = field(default_factory=list)
    refused_commands: list[str] = field(default_factory=list)
    wall_s: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


class DemoDayRunner:
    """Plays the day of a prepared site against server processes: candidates and proctors are spread over all nodes."""

    def __init__(self, platform: Platform, site: DemoSite, nodes: Sequence[ServerProcess], progress: Progress) -> None:
        self._platform = platform
        self._site = site
        self._nodes = nodes
        self._addresses = [node.base_url for node in nodes]
        self._progress = progress
        self._stop = threading.Event()
        self.history = History()
        self._candidates: list[SimulatedCandidate] = []
        self._pairs: list[ProctorPair] = []
        self._threads: list[threading.Thread] = []
        self._watcher: BoardWatcher | None = None
        self._lost_at: float | None = None

    def begin(self, tickets: list[IssuedTicket], patience: timedelta = timedelta(0)) -> None:
        """Let the proctors and these candidates come; returns at once."""
        day = self._site.day
        for number, room in enumerate(self._site.rooms):
            pair = ProctorPair(
                self._addresses, self._site.sitting_id, room, day, self._platform.clock, self._stop,
                patience=patience, begin_with=number,
            )  # fmt: skip
            self._pairs.append(pair)
            self._spawn(pair.run)
        working = (day.duration - day.profile.warning_before_end / 2).total_seconds()
        doors = (day.starts_at - day.profile.admission_opens_before - self._platform.clock.now()).total_seconds()
        for number, ticket in enumerate(tickets):
            source = random.Random(number)  # noqa: S311 - behaviour, not a secret
            plan = Plan(
                ticket.number, ticket.pin, pace_s=working / ITEMS * source.uniform(0.6, 1.0),
                submits=source.random() < SUBMITTING_SHARE, seed=number, ability=source.betavariate(*ABILITY),
                knowledge=self._site.knowledge.get(ticket.number, {}),
            )  # fmt: skip
            candidate = SimulatedCandidate(self._addresses, plan, self.history, self._stop, begin_with=number)
            self._candidates.append(candidate)
            arrives = max(0.0, doors) + source.uniform(0.2, 0.6 * day.profile.admission_opens_before.total_seconds())
            self._spawn(candidate.run, after=arrives)

    def pull_the_plug(self, report: DayReport, down: timedelta) -> None:
        """In mid-exam: kill -9. The only node is started again, and the outage's true length noted; one of several stays dead."""
        day = self._site.day
        self._sleep_until(day.starts_at + day.duration * 0.35)
        if len(self._nodes) > 1:
            self._watch(self._nodes[-1])
        self._sleep_until(day.starts_at + day.duration * 0.45)
        self._progress("kill -9 考试服务 the server")
        self._nodes[0].kill()
        self._lost_at = killed_at = time.monotonic()
        if len(self._nodes) > 1:
            return
        time.sleep(down.total_seconds())
        self._nodes[0].start()
        report.outage_s = time.monotonic() - killed_at
        self._progress(f"重新启动，中断 {report.outage_s:.1f} 秒 back after {report.outage_s:.1f} s")

    def finish(self, report: DayReport) -> None:
        """Wait for the end, confirm and release the results, and judge everything."""
        given_up_at = self._site.day.starts_at + self._site.day.duration + PATIENCE_AFTER_END
        for thread in self._threads:
            thread.join(max(0.0, (given_up_at - self._platform.clock.now()).total_seconds() + report.outage_s))
        report.unfinished_people = sum(thread.is_alive() for thread in self._threads)
        if report.unfinished_people:
            self.stop()
        self._look_away(report)
        report.refused_commands = [f for pair in self._pairs for f in pair.failed]
        self._progress("评分、确认、发布 scoring, confirming, releasing")
        self._hand_over(report)
        self._judge(report)

    def stop(self) -> None:
        """End all simulated people."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _watch(self, node: ServerProcess) -> None:
        try:
            self._watcher = BoardWatcher(node.base_url, self._site.sitting_id, self._site.rooms[0])
        except (ChannelDown, ChannelRefused, StaffRefused, httpx.HTTPError) as error:
            self._progress(f"看板未打开 the board did not open: {error}")

    def _look_away(self, report: DayReport) -> None:
        if self._watcher is not None and self._lost_at is not None:
            report.board_deltas_after_loss = self._watcher.deltas_since(self._lost_at)
            self._watcher.close()

    def _hand_over(self, report: DayReport) -> None:
        address = f"/api/results/sittings/{self._site.sitting_id}"
        clerk, head = self._signed_in(self._site.clerk), self._signed_in(self._site.head)
        deadline = time.monotonic() + RESULTS_TIMEOUT_S
        for person, act in ((clerk, "confirm"), (head, "release")):
            while True:
                try:
                    person.post(f"{address}/{act}", {})
                    break
                except (StaffRefused, httpx.HTTPError) as refusal:
                    if time.monotonic() > deadline:
                        report.refused_commands.append(f"{act}: {refusal}")
                        return
                    time.sleep(0.5)
        while time.monotonic() < deadline:
            counts = next(
                s for s in clerk.get("/api/results/sittings")["sittings"] if s["sitting_id"] == self._site.sitting_id
            )
            report.scored, report.results_delivered = sum(counts["by_state"].values()), counts["delivered"]
            if report.results_delivered >= report.candidates:
                return
            time.sleep(0.3)

    def _judge(self, report: DayReport) -> None:
        verdict = check(self.history, self._platform.uow)
        report.answers_acked, report.answers_lost = verdict.acked, verdict.lost
        report.answers_duplicated, report.answers_wrong_final = (
            verdict.duplicated,
            verdict.wrong_final + verdict.foreign,
        )
        report.nodes, report.moved = len(self._nodes), sum(c.nodes.moves > 0 for c in self._candidates)
        report.submitted = sum(c.seen.receipt is not None for c in self._candidates)
        report.answers_made_while_away = sum(c.seen.answered_while_away for c in self._candidates)
        given = [c.seen.given_back_s for c in self._candidates]
        report.given_back_s_min, report.given_back_s_max = min(given, default=0.0), max(given, default=0.0)
        report.time_error_s_max = max((abs(seconds - report.outage_s) for seconds in given), default=0.0)
        report.reconnect_s_max = max(self.history.reconnect_s, default=0.0)
        saves = sorted(entry.save_ms for entry in self.history.sent.values() if entry.save_ms is not None)
        report.save_ms_p95 = saves[int(len(saves) * 0.95)] if saves else 0.0
        with self._platform.database.read() as session:
            audit = verify(session)
        report.audit_ok, report.audit_entries = audit.ok, audit.entries
        report.room_records = [str(path) for path in self._records()]

    def _records(self) -> list[Path]:
        with self._platform.database.read() as session:
            query = (
                select(RoomRecord).where(RoomRecord.sitting_id == self._site.sitting_id).order_by(RoomRecord.made_at)
            )
            rows = session.scalars(query).all()
        newest = {row.room_id: row.file_name for row in rows}
        return [path for path in (self._platform.record_store / name for name in newest.values()) if path.exists()]

    def _signed_in(self, account: DemoAccount) -> StaffMember:
        return StaffMember(self._nodes[-1].base_url, account.login_name, account.password)

    def _spawn(self, run: Callable[[], None], after: float = 0.0) -> None:
        def begin() -> None:
            if not self._stop.wait(after):
                run()

        thread = threading.Thread(target=begin, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _sleep_until(self, moment: datetime) -> None:
        time.sleep(max(0.0, (moment - self._platform.clock.now()).total_seconds()))
