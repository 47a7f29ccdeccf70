"""A real server process with a demonstration sitting whose day the test chooses; simulated proctors keep its gates."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from server.app import build_platform
from server.delivery.models import Attempt
from server.delivery.queries import counted_responses
from server.rehearsal.demo_site import DemoDay, DemoSite, prepare_demo
from server.rehearsal.proctor_pair import ProctorPair
from server.rehearsal.server_process import ServerProcess
from server.rehearsal.staff import StaffMember
from server.scheduling.domain.rule_profile import load_profile
from server.scheduling.services.issue_tickets import IssuedTicket
from server.settings import load_settings
from server.webkit.platform import Platform
from tests.support.processes import find_free_port


@dataclass
class LiveExam:
    """What a test needs: the address, a fresh ticket, a proctor who can press a button, the truth in the database."""

    platform: Platform
    server: ServerProcess
    site: DemoSite
    pairs: list[ProctorPair]
    _used: int = 0
    _proctors: dict[str, StaffMember] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.base_url

    def next_ticket(self) -> IssuedTicket:
        """A candidate who has not been here yet."""
        self._used += 1
        return self.site.tickets[self._used - 1]

    def press(self, ticket: IssuedTicket, command: str, body: dict[str, Any]) -> dict[str, Any]:
        """The chief proctor of the candidate's room presses a button of the board."""
        if ticket.room_id not in self._proctors:
            chief = next(room.chief for room in self.site.rooms if room.room_id == ticket.room_id)
            self._proctors[ticket.room_id] = StaffMember(self.url, chief.login_name, chief.password)
        return self._proctors[ticket.room_id].command(self.site.sitting_id, ticket.room_id, command, body)

    def attempt_id(self, ticket: IssuedTicket) -> str:
        return self.attempt(ticket).id

    def attempt(self, ticket: IssuedTicket) -> Attempt:
        with self.platform.uow.read() as session:
            attempt = session.query(Attempt).filter_by(ticket_id=ticket.ticket_id).one()
            session.expunge(attempt)
            return attempt

    def stored(self, ticket: IssuedTicket) -> dict[str, tuple[str, ...]]:
        """What the database counts: item → options."""
        with self.platform.uow.read() as session:
            responses = counted_responses(session, self.attempt(ticket).id)
        return {item: response.value for item, response in responses.items()}

    def close(self) -> None:
        """Forget the proctors' connections."""
        for person in self._proctors.values():
            person.close()

    def until_start(self) -> float:
        return (self.site.day.starts_at - self.platform.clock.now()).total_seconds()


@contextmanager
def live_exam(
    data: Path, *, candidates: int, before_start: timedelta, duration: timedelta, earliest: timedelta, factor: int = 60
) -> Iterator[LiveExam]:
    """A day whose doors open at once and whose paper is opened shortly before T; everything is stopped at the end."""
    platform = build_platform(load_settings(data))
    server = ServerProcess(data, "127.0.0.1", find_free_port())
    server.start()
    stop = threading.Event()
    threads: list[threading.Thread] = []
    pairs: list[ProctorPair] = []
    try:

        def day() -> DemoDay:
            profile = dataclasses.replace(
                load_profile("default").compressed(factor),
                report_before=before_start, paper_fetch_before=before_start, admission_opens_before=before_start,
                notes_read_before=before_start, paper_open_before=timedelta(seconds=before_start.seconds // 2), late_entry_within=duration,
                earliest_submission_after=earliest, network_grace=timedelta(seconds=2),
            )  # fmt: skip
            return DemoDay(platform.clock.now() + before_start, duration, profile)

        site = prepare_demo(platform, candidates, day)
        for room in site.rooms:
            pair = ProctorPair([server.base_url], site.sitting_id, room, site.day, platform.clock, stop)
            pairs.append(pair)
            threads.append(threading.Thread(target=pair.run, daemon=True))
            threads[-1].start()
        running = LiveExam(platform, server, site, pairs)
        yield running
        running.close()
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
        server.stop()
        platform.database.dispose()
