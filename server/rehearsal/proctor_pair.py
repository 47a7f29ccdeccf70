"""Two simulated proctors of one room: every gate of the timeline in its order, over the board's own addresses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from server.core.clock import Clock
from server.rehearsal.demo_site import DemoAccount, DemoDay, DemoRoom
from server.rehearsal.node_addresses import NodeAddresses
from server.rehearsal.staff import StaffMember, StaffRefused

log = logging.getLogger(__name__)
RETRY_S = 0.5
#: the server says "not now" (a gate before its time, a person who must come first) or "done already"
CHECK_PASS_AFTER_START = 2
#: passes by itself; many people who sign in from one machine at once are told to wait a little
NOT_NOW = frozenset({"INTERNAL", "STORAGE_UNAVAILABLE", "TOO_MANY_ATTEMPTS"})


class ProctorPair:
    """Acts when a gate is due. A gate that a person has passed already is left alone."""

    def __init__(
        self, addresses: str | Sequence[str], sitting_id: str, room: DemoRoom, day: DemoDay, clock: Clock, stop: threading.Event,
        *, patience: timedelta = timedelta(0), begin_with: int = 0,
    ) -> None:  # fmt: skip
        self._nodes = NodeAddresses(addresses, begin_with)
        self._sitting_id = sitting_id
        self._room = room
        self._day = day
        self._clock = clock
        self._stop = stop
        #: how long a gate is left to a person before the pair acts
        self._patience = patience
        self._people: dict[str, StaffMember] = {}
        self.failed: list[str] = []

    def run(self) -> None:
        """The whole day, until both have signed the record or the rehearsal stops."""
        profile, start = self._day.profile, self._day.starts_at
        end = start + self._day.duration
        try:
            self._gates_before_start()
            self._at(start)
            self._check_everybody()
            self._at(start + profile.late_entry_within + timedelta(seconds=1))
            self._do("list-absent")
            self._at(end)
            self._when_everybody_is_done()
            self._do("end-room")
            self._settle_proposals()
            self._both("sign-record", {}, {})
        except _Stopped:
            log.debug("the proctors of %s were stopped", self._room.name)
        finally:
            self._go_home()

    def keep_gates(self) -> None:
        """What must happen before the start, and nothing else (a load run)."""
        try:
            self._gates_before_start()
        except _Stopped:
            log.debug("the proctors of %s were stopped", self._room.name)
        finally:
            self._go_home()

    def _gates_before_start(self) -> None:
        profile, start = self._day.profile, self._day.starts_at
        self._at(start - profile.paper_fetch_before)
        self._both("fetch-paper", {}, {})
        self._at(start - profile.admission_opens_before)
        self._do("open-admission")
        self._at(start - profile.notes_read_before)
        self._do("read-notes")
        self._at(start - profile.paper_open_before)
        first, second = self._room.opening_secrets
        self._both("open-paper", {"opening_secret": first}, {"opening_secret": second})

    def _go_home(self) -> None:
        for person in self._people.values():
            person.close()

    def _check_everybody(self) -> None:
        """五对照 for everybody who sits there, with five ticks."""
        board = self._reading(self._room.deputy)
        seated = [
            status["attempt_id"]
            for status in board["statuses"]
            if status["attempt_id"] is not None and status["state"] not in ("not_arrived", "absent")
        ]
        for attempt_id in seated:
            ticks = dict.fromkeys(("name_ok", "ticket_ok", "seat_ok", "id_card_ok", "person_ok"), True)
            self._do(
                "check-identity",
                {"attempt_id": attempt_id, "pass_number": CHECK_PASS_AFTER_START, **ticks},
                self._room.deputy,
            )

    def _when_everybody_is_done(self) -> None:
        open_states = {"signed_in", "waiting", "answering", "suspended"}
        while any(status["state"] in open_states for status in self._reading(self._room.chief)["statuses"]):
            self._wait(RETRY_S)

    def _settle_proposals(self) -> None:
        """Proposed time that nobody stands for is taken back: the record cannot be signed while it is open."""
        for row in self._reading(self._room.chief)["time_rows"]:
            if row["status"] == "proposed" and row["kind"] != "reversal":
                reason = "演练：以服务器记录为准"
                self._do("decide-time", {"time_entry_id": row["id"], "decision": "reverse", "reason": reason})

    def _both(self, command: str, chief_body: dict[str, object], deputy_body: dict[str, object]) -> None:
        self._do(command, chief_body, self._room.chief)
        self._do(command, deputy_body, self._room.deputy)

    def _do(self, command: str, body: dict[str, object] | None = None, who: DemoAccount | None = None) -> None:
        """Press the button; once more while the server is away."""
        while True:
            try:
                self._person(who or self._room.chief).command(self._sitting_id, self._room.room_id, command, body)
            except StaffRefused as refusal:
                if refusal.code in NOT_NOW:
                    self._wait(RETRY_S)
                    continue
                log.info("%s: %s was refused: %s", self._room.name, command, refusal)
                self.failed.append(f"{command}: {refusal.code}")
            except httpx.HTTPError:
                self._move_on()
                self._wait(RETRY_S)
                continue
            return

    def _reading(self, who: DemoAccount) -> dict[str, list[dict[str, Any]]]:
        while True:
            try:
                return self._person(who).board(self._sitting_id, self._room.room_id)
            except (httpx.HTTPError, StaffRefused):
                self._move_on()
                self._wait(RETRY_S)

    def _move_on(self) -> None:
        """To the next node, where everybody signs in again."""
        if self._nodes.move_on():
            for person in self._people.values():
                person.close()
            self._people.clear()

    def _person(self, account: DemoAccount) -> StaffMember:
        if account.login_name not in self._people:
            self._people[account.login_name] = StaffMember(self._nodes.current, account.login_name, account.password)
        return self._people[account.login_name]

    def _at(self, moment: datetime) -> None:
        due = moment + self._patience
        while (left := (due - self._clock.now()).total_seconds()) > 0:
            self._wait(min(left, 1.0))

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped


class _Stopped(Exception):
    """The rehearsal ends before the day does."""
