"""What every simulated candidate's PC does, whoever sits at it: entries written down before they are sent, kept until
acknowledged, sent again with the same number; the channel kept open, by another node when this one is silent.
"""

from __future__ import annotations

import base64
import logging
import random
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from itembank.domain.sealing import read_paper_file
from server.rehearsal import plain_http
from server.rehearsal.history import Notebook, Sent
from server.rehearsal.node_addresses import NodeAddresses
from server.rehearsal.plain_http import PlainHttp
from server.rehearsal.wire_client import ChannelDown, ChannelRefused, WireClient

log = logging.getLogger(__name__)
HTTP_TIMEOUT_S = 8.0
HEARTBEAT_S = 5.0
#: the first and the longest wait before the next try while the server is away
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 0.8
#: a page that is told to move goes after so long (`reconnectDelay(0)`)
MOVES_WITHIN_S = (0.1, 0.3)
#: nobody was asked: ask again, elsewhere when there is an elsewhere
AWAY = frozenset({502, 503, 504})
BATCH = 100
#: refusals at the door that pass by themselves
NOT_YET = frozenset(
    {"ADMISSION_NOT_OPEN", "SITTING_NOT_READY", "TOO_MANY_ATTEMPTS", "INTERNAL", "STORAGE_UNAVAILABLE", "STORAGE_SLOW"}
)


@dataclass
class Observed:
    """What the candidate saw."""

    step: str = "new"
    clock: dict[str, Any] = field(default_factory=dict)
    clock_learnt_at: float = 0.0
    receipt: dict[str, Any] | None = None
    refusals: list[str] = field(default_factory=list)
    given_back_s: float = 0.0
    answered_while_away: int = 0
    #: why this candidate was not let in
    turned_away: str = ""


class Stopped(Exception):
    """The rehearsal ends before the exam does."""


class TurnedAway(Exception):
    """Not let in; `args[0]` is the code."""


class CandidatePc:
    """The PC. `stop` ends everything at the next pause."""

    def __init__(
        self, addresses: str | Sequence[str], seed: int, notebook: Notebook, stop: threading.Event, *, begin_with: int = 0
    ) -> None:  # fmt: skip
        self.seen = Observed()
        self.nodes = NodeAddresses(addresses, begin_with)
        self._notebook = notebook
        self._stop = stop
        self._random = random.Random(seed)  # noqa: S311 - behaviour, not a secret
        self._device = secrets.token_hex(32)
        self._page_id = secrets.token_hex(16)
        self._seq = 0
        self._epoch = 0
        self._attempt_id = ""
        self._unsent: dict[int, dict[str, Any]] = {}
        self._clicked_at: dict[int, float] = {}
        self._channel: WireClient | None = None
        self._is_told_to_move = False
        self._lost_at: float | None = None
        self._try_again_at = 0.0
        self._waited_s = FIRST_WAIT_S
        self._gap_ms = 0
        self._answered_in_gap = False
        self._http = PlainHttp(self.nodes.current, HTTP_TIMEOUT_S)

    def switch_off(self) -> None:
        """Close every line."""
        if self._channel is not None:
            self._channel.close()
        self._http.rest()

    # ── before the start ─────────────────────────────────────────────────────────────────────────────────────────

    def _enter(self, ticket_number: str, pin: str, *, not_yet: frozenset[str] = NOT_YET, **more: Any) -> None:
        """Sign in and confirm; raises `TurnedAway`."""
        body = {"ticket_number": ticket_number, "pin": pin, "device_secret": self._device, **more}
        while True:
            state = self._post("/api/candidate/sign-in", body)
            if state is not None and "code" not in state:
                break
            if state is not None and state["code"] not in not_yet:
                raise TurnedAway(state["code"])
            self._pause(self._random.uniform(0.3, 0.8))
        while state is None or state["step"] in ("identity", "rules"):
            if state is not None:
                self._pause(self._random.uniform(0.05, 0.4))
                state = self._post("/api/candidate/confirm", {"step": state["step"]})
            if state is None or "code" in state:  # perhaps it was heard and only the reply was lost
                self._pause(self._random.uniform(0.3, 0.8))
                state = self._get("/api/candidate/state")
        self._learn(state)
        self._attempt_id = state["attempt_id"]
        self._seq = max(self._seq, state["last_seq"])

    def _wait_for_the_start(self) -> dict[str, Any] | None:
        """The paper, once it may be read; None when the exam ended before."""
        sealed, aad, last_beat = b"", "", 0.0
        while True:
            self._keep_channel()
            if time.monotonic() - last_beat > HEARTBEAT_S:
                last_beat = time.monotonic()
                self._heartbeat()
            if not sealed:
                state = self._get("/api/candidate/state")
                if state is not None and state["paper"] is not None:
                    sealed, aad = self._get_bytes(state["paper"]["url"]) or b"", state["paper"]["aad"]
            if self.seen.step == "ended":
                return None
            if sealed and self._ms_to_start() <= 0:
                begun = self._begin()
                if begun is not None:
                    return read_paper_file(base64.b64decode(begun["key"]), aad, sealed)
                self._pause(self._random.uniform(0.2, 0.4))
                continue
            self._pause(min(0.5, max(0.02, self._ms_to_start() / 1000)))

    def _begin(self) -> dict[str, Any] | None:
        """Claim writing for this page; None when it is not the time, or nobody answers."""
        begun = self._post("/api/candidate/begin", {"page_id": self._page_id})
        if begun is None or "key" not in begun:
            return None
        self._epoch = begun["epoch"]
        self._seq = max(self._seq, begun["last_seq"])
        self._learn_clock(begun["clock"])
        return begun

    # ── entries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _write_down(self, item_ref: str, value: Sequence[str], clicked_at: float) -> None:
        self._seq += 1
        self._unsent[self._seq] = {
            "seq": self._seq,
            "page_id": self._page_id,
            "kind": "answer",
            "item": item_ref,
            "value": list(value),
            "client_time_ms": int(time.time() * 1000),  # noqa: TID251 - the candidate's own clock, evidence only
            "client_monotonic_ms": int(time.monotonic() * 1000),
        }
        self._clicked_at[self._seq] = clicked_at
        self._notebook.invoke(
            Sent(self._attempt_id, self._page_id, self._seq, item_ref, tuple(value), clicked_at=clicked_at)
        )
        if self._channel is None or not self._channel.is_open:
            self.seen.answered_while_away += 1
            self._answered_in_gap = True

    def _send_unsent(self) -> bool:
        """Send what is not acknowledged, by the channel or by plain HTTP; True when nothing is left."""
        while self._unsent:
            entries = [self._unsent[seq] for seq in sorted(self._unsent)][:BATCH]
            message = {"page_id": self._page_id, "epoch": self._epoch, "entries": entries}
            reply = self._ask("record_answers", message, "/api/candidate/answers")
            if reply is None or not reply.get("ok"):
                if reply is not None and not reply.get("retry"):
                    self.seen.refusals.append(str(reply.get("code")))
                return False
            self._server_is_there()
            for ack in reply["acks"]:
                entry = self._unsent.pop(ack["seq"], None)
                if entry is None:
                    continue
                save_ms = (time.monotonic() - self._clicked_at.pop(ack["seq"])) * 1000
                self._notebook.ok((self._attempt_id, ack["page_id"], ack["seq"]), ack["standing"], save_ms)
                if ack["standing"] == "counted":
                    self._counted(entry)
                else:
                    self.seen.refusals.append(str(ack["code"]))
        return True

    def _counted(self, entry: dict[str, Any]) -> None:
        """The server said it counts this entry."""

    # ── the channel ──────────────────────────────────────────────────────────────────────────────────────────────

    def _keep_channel(self) -> WireClient | None:
        if self._is_told_to_move and self._channel is not None:
            self._is_told_to_move = False
            self._channel.close()
            self._move_on()
            self._try_again_at = time.monotonic() + self._random.uniform(*MOVES_WITHIN_S)
        if self._channel is not None:
            if self._channel.is_open:
                return self._channel
            if self._lost_at is None:
                self._lost_at = self._channel.closed_at or time.monotonic()
            self._channel = None
        if time.monotonic() < self._try_again_at:
            return None
        try:
            channel = WireClient(self.nodes.current, "/candidate", self._http.cookie, self._hear, self._line_lost)
            channel.connect({"page_id": self._page_id})
        except (ChannelDown, ChannelRefused):
            self._move_on()
            self._back_off()
            return None
        self._waited_s = FIRST_WAIT_S
        self._server_is_there()
        self._channel = channel
        return channel

    def _server_is_there(self) -> None:
        if self._lost_at is not None:
            away = time.monotonic() - self._lost_at
            self._notebook.reconnected(away)
            self._gap_ms, self._lost_at = int(away * 1000), None

    def _line_lost(self) -> None:
        """The channel ended, whoever ended it."""

    def _back_off(self) -> None:
        """As the page does: a room must not come back in the same second (reliability 2.8)."""
        self._try_again_at = time.monotonic() + self._random.uniform(0.5, 1.5) * self._waited_s
        self._waited_s = min(LONGEST_WAIT_S, 2 * self._waited_s)

    def _ask(self, name: str, message: dict[str, Any], address: str) -> dict[str, Any] | None:
        channel = self._keep_channel()
        if channel is None and time.monotonic() < self._try_again_at:
            return None
        if channel is not None:
            try:
                reply: dict[str, Any] = channel.ask(name, message)
            except ChannelDown:
                channel.close()
            else:
                return reply
        return self._post(address, message)

    def _heartbeat(self) -> None:
        message = {"page_id": self._page_id, "unsent": len(self._unsent), "gap_ms": self._gap_ms}
        message["answered_during_gap"] = self._gap_ms > 0 and self._answered_in_gap
        reply = self._ask("heartbeat", message, "/api/candidate/heartbeat")
        if reply is not None and reply.get("ok"):
            self._gap_ms, self._answered_in_gap = 0, False
            self.seen.step = reply["step"]
            self._learn_clock(reply["clock"])

    def _hear(self, name: str, payload: Any) -> None:
        if name == "clock_set":
            self._learn_clock(payload["clock"])
        elif name == "state_changed" and payload["what"] in ("submit", "timeout", "collect"):
            self.seen.step = "ended"
        elif name == "moving":
            self._is_told_to_move = True

    def _move_on(self) -> None:
        if self.nodes.move_on():
            self._http.base_url = self.nodes.current

    # ── plain requests ───────────────────────────────────────────────────────────────────────────────────────────

    def _post(self, address: str, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            status, reply = self._http.post(address, body)
        except plain_http.ERRORS:
            self._move_on()
            return None
        if status in AWAY:  # as the page: a node that is leaving, or whose database is away, did nothing
            self._move_on()
            return None
        if status >= 400:
            self.seen.refusals.append(str(reply.get("code")))
        return reply

    def _get(self, address: str) -> dict[str, Any] | None:
        try:
            status, reply = self._http.get(address)
        except plain_http.ERRORS:
            self._move_on()
            return None
        if status in AWAY:
            self._move_on()
        return reply if status == 200 else None

    def _get_bytes(self, address: str) -> bytes | None:
        try:
            status, content = self._http.get_bytes(address)
        except plain_http.ERRORS:
            return None
        return content if status == 200 else None

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _learn(self, state: dict[str, Any]) -> None:
        self.seen.step = state["step"]
        self.seen.receipt = state["receipt"]
        self._epoch = state["epoch"]
        self._learn_clock(state["clock"])

    def _learn_clock(self, clock: dict[str, Any]) -> None:
        self.seen.clock, self.seen.clock_learnt_at = clock, time.monotonic()
        self.seen.given_back_s = sum(one["seconds"] for one in clock["given_back"])

    def _ms_to_start(self) -> float:
        passed = (time.monotonic() - self.seen.clock_learnt_at) * 1000
        return float(self.seen.clock["starts_at_ms"] - self.seen.clock["server_now_ms"] - passed)

    def _remaining_s(self) -> float:
        passed = time.monotonic() - self.seen.clock_learnt_at
        return float(self.seen.clock["remaining_ms"] / 1000 - passed)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
