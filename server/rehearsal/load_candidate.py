"""A candidate of a load run: clicks in an even rhythm whatever the server does, and at the end asks what it counts."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from server.rehearsal.candidate_pc import HEARTBEAT_S, NOT_YET, CandidatePc, Stopped, TurnedAway
from server.rehearsal.history import Notebook
from server.rehearsal.load_plan import CandidateEnd, LoadPlan

#: while a proctor has not released the seat yet, a swapped PC keeps trying
SWAPPING = NOT_YET | {"SEAT_IN_USE"}
ASKING_AT_THE_END_S = 15.0


@dataclass(frozen=True, slots=True)
class LoadSeat:
    """One candidate of the run."""

    number: int
    ticket_number: str
    pin: str = field(repr=False)
    room_id: str
    seat_number: int | None
    addresses: tuple[str, ...]


@dataclass
class Window:
    """When everybody answers; opened by the crew once all (or all who could) hold the paper."""

    opened: threading.Event = field(default_factory=threading.Event)
    begin: float = 0.0
    end: float = 0.0


class LoadCandidate(CandidatePc):
    """One greenlet; `run` returns when this candidate is done. What it came to stands in `end`."""

    def __init__(
        self, seat: LoadSeat, plan: LoadPlan, notebook: Notebook, stop: threading.Event, window: Window,
        arrive_after_s: float,
    ) -> None:  # fmt: skip
        self._wake = threading.Event()
        super().__init__(seat.addresses, plan.seed * 100_003 + seat.number, notebook, stop, begin_with=seat.number)
        self.seat = seat
        self.end: CandidateEnd | None = None
        self.holds_paper = False
        self.done = False
        self._plan = plan
        self._window = window
        self._arrive_after_s = arrive_after_s
        self._newest_acked: dict[str, tuple[int, list[str]]] = {}
        self._wants_swap = False
        self._swapped = False
        self._began_s: float | None = None
        self._wire = (0, 0)
        self._planned_end_ms: int | None = None

    @property
    def unsent(self) -> int:
        """Entries not acknowledged yet."""
        return len(self._unsent)

    @property
    def is_away(self) -> bool:
        """Holds the paper and has no channel."""
        return self.holds_paper and not self.done and (self._channel is None or not self._channel.is_open)

    def swap_pc(self) -> None:
        """This PC dies with what it has not sent; the candidate goes on at another one (once the seat is released)."""
        self._wants_swap = True
        self._wake.set()

    def hurry(self) -> None:
        """Look at `stop` at once."""
        self._wake.set()

    def run(self) -> None:
        """The whole run of one candidate."""
        try:
            self._pause(self._arrive_after_s)
            more: dict[str, Any] = {"seat_number": self.seat.seat_number} if self.seat.seat_number else {}
            self._enter(self.seat.ticket_number, self.seat.pin, rehearsal=True, **more)
            was_there = time.monotonic()
            self._planned_end_ms = self.seen.clock["ends_at_ms"]
            paper = self._wait_for_the_start()
            if paper is not None:
                self._began_s = min(time.monotonic() - was_there, -self._ms_to_start() / 1000)
                self._http.rest()
                self.holds_paper = True
                self._answer([item for section in paper["sections"] for item in section["items"]])
                self._ask_what_counts()
                if self._plan.submit:
                    self._hand_in()
        except Stopped:
            self.seen.refusals.append("STOPPED")
        except TurnedAway as refusal:
            self.seen.turned_away = str(refusal)
        finally:
            self.done = True
            self.end = self._tell()
            self.switch_off()

    # ── answering ────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, items: Sequence[dict[str, Any]]) -> None:
        source = self._random
        turn = source.randrange(len(items))
        next_beat = time.monotonic() + source.uniform(0, HEARTBEAT_S)
        due: float | None = None
        while True:
            now = time.monotonic()
            if self._wants_swap:
                self._change_pc()
                continue
            if self._window.opened.is_set():
                if due is None:
                    due = self._window.begin + (self.seat.number + source.random()) / self._plan.rate_per_s
                while due <= now and due < self._window.end:
                    self._click(items[turn % len(items)], due)
                    turn += 1
                    due += self._plan.period_s
                if now >= self._window.end and (not self._unsent or now >= self._window.end + self._plan.drain_s):
                    return
            if now >= next_beat:
                next_beat = now + HEARTBEAT_S
                self._heartbeat()
                if self.seen.step == "ended" and not self._unsent:
                    return
            if self._unsent:
                self._send_unsent()
            elif self._channel is None or not self._channel.is_open:
                self._keep_channel()
            self._wait(self._next_moment(due, next_beat))

    def _next_moment(self, due: float | None, next_beat: float) -> float:
        moments = [next_beat]
        if due is not None and due < self._window.end:
            moments.append(due)
        if due is not None:
            moments.append(max(self._window.end, time.monotonic() + 0.05))
        if self._unsent or self._channel is None or not self._channel.is_open:
            moments.append(max(self._try_again_at, time.monotonic() + 0.02))
        return min(moments)

    def _click(self, item: dict[str, Any], due: float) -> None:
        refs = [option["ref"] for option in item["options"]]
        is_multiple = item["kind"] == "multiple"
        value = sorted(self._random.sample(refs, self._random.randint(1, len(refs)))) if is_multiple else [self._random.choice(refs)]  # fmt: skip
        self._write_down(item["ref"], value, due)

    def _change_pc(self) -> None:
        """The old PC's line breaks, its journal stays on it; another device signs in and takes the pen."""
        self._wants_swap = False
        lost_at = time.monotonic()
        self.switch_off()
        self._http.cookies.clear()
        self._channel, self._try_again_at, self._lost_at = None, 0.0, None
        self._unsent.clear()
        self._clicked_at.clear()
        self._device, self._page_id = secrets.token_hex(32), secrets.token_hex(16)
        more: dict[str, Any] = {"seat_number": self.seat.seat_number} if self.seat.seat_number else {}
        self._enter(self.seat.ticket_number, self.seat.pin, not_yet=SWAPPING, rehearsal=True, **more)
        while self._begin() is None:
            self._pause(0.2)
        self._swapped, self._lost_at = True, lost_at
        self._keep_channel()

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _counted(self, entry: dict[str, Any]) -> None:
        if self._newest_acked.get(entry["item"], (0, []))[0] < entry["seq"]:
            self._newest_acked[entry["item"]] = (entry["seq"], sorted(entry["value"]))

    def _ask_what_counts(self) -> None:
        """Compare what the server says it counts with what it acknowledged (the judge where the database is not ours)."""
        self._heartbeat()
        give_up_at = time.monotonic() + ASKING_AT_THE_END_S
        while time.monotonic() < give_up_at and self.seen.step not in ("ended", "awaiting_decision"):
            begun = self._begin()
            if begun is None:
                self._pause(0.3)
                continue
            held = {one["item"]: (one["seq"], sorted(one["value"])) for one in begun["responses"]}
            # of a higher number the outcome is unknown: it may stand
            right = sum(
                held.get(item, (0, []))[0] > acked[0] or held.get(item) == acked
                for item, acked in self._newest_acked.items()
            )
            self._wire = (right, len(self._newest_acked) - right)
            return

    def _hand_in(self) -> None:
        give_up_at = time.monotonic() + self._plan.drain_s
        answered = {"page_id": self._page_id, "answered": len(self._newest_acked)}
        while self.seen.receipt is None and time.monotonic() < give_up_at:
            state = self._post("/api/candidate/submit", answered)
            if state is not None and "step" in state:
                self._learn(state)
            else:
                self._pause(self._random.uniform(0.2, 0.6))

    def _given_back_s(self) -> float:
        """What the clock really moved: rows that overlap count once there, and twice in a list."""
        if self._planned_end_ms is None:
            return 0.0
        return float(self.seen.clock["ends_at_ms"] - self._planned_end_ms) / 1000

    def _tell(self) -> CandidateEnd:
        right, wrong = self._wire
        return CandidateEnd(
            self.seat.ticket_number, self.seat.room_id, self._attempt_id, self.seen.step, self._given_back_s(), self.nodes.moves,
            len(self._unsent), self.seen.answered_while_away, dict(Counter(self.seen.refusals)), self.seen.turned_away,
            self._began_s, right, wrong, self.seen.receipt, self._swapped,
        )  # fmt: skip

    def _pause(self, seconds: float) -> None:
        super()._pause(seconds)
        if not self.holds_paper and self._window.opened.is_set() and time.monotonic() > self._window.end:
            raise TurnedAway("NO_PAPER_UNTIL_THE_END")

    # ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _line_lost(self) -> None:
        self._wake.set()

    def _wait(self, until: float) -> None:
        left = until - time.monotonic()
        if left > 0:
            self._wake.wait(left)
        self._wake.clear()
        if self._stop.is_set():
            raise Stopped
