"""A simulated candidate: signs in, confirms, waits, answers, survives a dead server, hands in; all over the real wire.

As the page does it: every entry is written down before it is sent, kept until acknowledged, sent again with the same
number; while the server is away answering goes on.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.rehearsal.history import History, Sent
from server.rehearsal.node_addresses import NodeAddresses
from server.rehearsal.wire_client import ChannelDown, ChannelRefused, WireClient

log = logging.getLogger(__name__)
HTTP_TIMEOUT_S = 8.0
HEARTBEAT_S = 5.0
#: the first and the longest wait before the next try while the server is away
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 0.8
BATCH = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How this candidate behaves."""

    ticket_number: str
    pin: str
    #: seconds between two answers, on average
    pace_s: float
    #: hand in by oneself (else the time-out does it)
    submits: bool
    seed: int
    #: how likely this person knows an answer; what is not known is guessed
    ability: float = 0.0
    #: item reference → right option references; handed over outside the wire, for a demonstration's sake only
    knowledge: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)


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


class SimulatedCandidate:
    """Runs in a thread of its own (a greenlet when patched); `run` returns when the exam is over for this candidate."""

    def __init__(
        self,
        addresses: str | Sequence[str],
        plan: Plan,
        history: History,
        stop: threading.Event,
        *,
        begin_with: int = 0,
    ) -> None:
        self.plan = plan
        self.seen = Observed()
        self.nodes = NodeAddresses(addresses, begin_with)
        self._history = history
        self._stop = stop
        self._random = random.Random(plan.seed)  # noqa: S311 - behaviour, not a secret
        self._device = secrets.token_hex(32)
        self._page_id = secrets.token_hex(16)
        self._seq = 0
        self._epoch = 0
        self._attempt_id = ""
        self._unsent: dict[int, dict[str, Any]] = {}
        self._channel: WireClient | None = None
        self._lost_at: float | None = None
        self._try_again_at = 0.0
        self._waited_s = FIRST_WAIT_S
        self._gap_ms = 0
        self._answered_in_gap = False
        self._http = httpx.Client(timeout=HTTP_TIMEOUT_S)
        self._go_to_node()

    def run(self) -> None:
        """The whole exam of one candidate."""
        try:
            self._enter()
            paper = self._wait_for_the_start()
            if paper is not None:
                self._answer(paper)
                self._leave()
        except _Stopped:
            log.debug("candidate %s was stopped", self.plan.ticket_number)
        finally:
            if self._channel is not None:
                self._channel.close()
            self._http.close()

    # ── before the start ─────────────────────────────────────────────────────────────────────────────────────────

    def _enter(self) -> None:
        body = {"ticket_number": self.plan.ticket_number, "pin": self.plan.pin, "device_secret": self._device}
        state = self._post_until_done("/api/candidate/sign-in", body)
        for step in ("identity", "rules"):
            self._pause(self._random.uniform(0.05, 0.4))
            state = self._post_until_done("/api/candidate/confirm", {"step": step})
        self._learn(state)
        self._attempt_id = state["attempt_id"]
        self._seq = state["last_seq"]

    def _wait_for_the_start(self) -> dict[str, Any] | None:
        sealed = b""
        aad = ""
        last_beat = 0.0
        while True:
            self._keep_channel()
            if time.monotonic() - last_beat > HEARTBEAT_S:
                last_beat = time.monotonic()
                self._heartbeat()
            if not sealed:
                state = self._get("/api/candidate/state")
                if state is not None and state["paper"] is not None:
                    file = self._get_bytes(state["paper"]["url"])
                    sealed, aad = file or b"", state["paper"]["aad"]
            if self.seen.step == "ended":
                return None
            if sealed and self._ms_to_start() <= 0:
                begun = self._post("/api/candidate/begin", {"page_id": self._page_id})
                if begun is not None and "key" in begun:
                    self._epoch = begun["epoch"]
                    self._learn_clock(begun["clock"])
                    key = base64.b64decode(begun["key"])
                    plain = AESGCM(key).decrypt(sealed[1:13], sealed[13:], aad.encode())
                    paper: dict[str, Any] = json.loads(plain)
                    return paper
                self._pause(0.3)
                continue
            self._pause(min(0.5, max(0.02, self._ms_to_start() / 1000)))

    # ── answering ────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, paper: dict[str, Any]) -> None:
        items = [item for section in paper["sections"] for item in section["items"]]
        last_beat = time.monotonic()
        for item in self._order(items):
            self._make_entry(item)
            self._send_unsent()
            pause_until = time.monotonic() + self._random.uniform(0.4, 1.6) * self.plan.pace_s
            while time.monotonic() < pause_until:
                self._pause(min(0.25, max(0.01, pause_until - time.monotonic())))
                if time.monotonic() - last_beat > HEARTBEAT_S:
                    last_beat = time.monotonic()
                    self._heartbeat()
                    self._send_unsent()
            if self.seen.step == "ended" or self._remaining_s() < 1.5:
                return

    def _order(self, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Through the paper, now and then back to change an answer."""
        for index, item in enumerate(items):
            yield item
            if index > 3 and self._random.random() < 0.12:
                yield items[self._random.randrange(index)]

    def _make_entry(self, item: dict[str, Any]) -> None:
        refs = [option["ref"] for option in item["options"]]
        if item["ref"] in self.plan.knowledge and self._random.random() < self.plan.ability:
            value = sorted(self.plan.knowledge[item["ref"]])
        elif item["kind"] == "multiple":
            value = sorted(self._random.sample(refs, self._random.randint(1, len(refs))))
        else:
            value = [self._random.choice(refs)]
        self._seq += 1
        entry = {
            "seq": self._seq,
            "page_id": self._page_id,
            "kind": "answer",
            "item": item["ref"],
            "value": value,
            "client_time_ms": int(time.time() * 1000),  # noqa: TID251 - the candidate's own clock, evidence only
            "client_monotonic_ms": int(time.monotonic() * 1000),
        }
        self._unsent[self._seq] = entry
        self._history.invoke(Sent(self._attempt_id, self._page_id, self._seq, item["ref"], tuple(value)))
        if self._channel is None or not self._channel.is_open:
            self.seen.answered_while_away += 1
            self._answered_in_gap = True

    def _send_unsent(self) -> bool:
        """Send what is not acknowledged, by the channel or by plain HTTP; True when nothing is left."""
        while self._unsent:
            entries = [self._unsent[seq] for seq in sorted(self._unsent)][:BATCH]
            message = {"page_id": self._page_id, "epoch": self._epoch, "entries": entries}
            began = time.monotonic()
            reply = self._ask("record_answers", message, "/api/candidate/answers")
            if reply is None or not reply.get("ok"):
                if reply is not None and not reply.get("retry"):
                    self.seen.refusals.append(str(reply.get("code")))
                return False
            save_ms = (time.monotonic() - began) * 1000
            for ack in reply["acks"]:
                self._unsent.pop(ack["seq"], None)
                self._history.ok((self._attempt_id, ack["page_id"], ack["seq"]), ack["standing"], save_ms)
                if ack["standing"] != "counted":
                    self.seen.refusals.append(str(ack["code"]))
        return True

    def _leave(self) -> None:
        while self.seen.step != "ended":
            self._heartbeat()
            if self._send_unsent() and self.plan.submits and self.seen.step != "ended":
                answered = {"page_id": self._page_id, "answered": 0}
                state = self._post("/api/candidate/submit", answered)
                if state is not None and "step" in state:
                    self._learn(state)
                    continue
            self._pause(0.5)
        state = self._get("/api/candidate/state")
        if state is not None:
            self._learn(state)

    # ── the channel ──────────────────────────────────────────────────────────────────────────────────────────────

    def _keep_channel(self) -> WireClient | None:
        if self._channel is not None and self._channel.is_open:
            return self._channel
        if self._channel is not None and self._lost_at is None:
            self._lost_at = time.monotonic()
        if time.monotonic() < self._try_again_at:
            return None
        try:
            cookie = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
            channel = WireClient(self.nodes.current, "/candidate", cookie, self._hear)
            channel.connect({"page_id": self._page_id})
        except (ChannelDown, ChannelRefused):
            self._move_on()
            self._back_off()
            return None
        self._waited_s = FIRST_WAIT_S
        if self._lost_at is not None:
            away = time.monotonic() - self._lost_at
            self._history.reconnect_s.append(away)
            self._gap_ms, self._lost_at = int(away * 1000), None
        self._channel = channel
        return channel

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

    def _move_on(self) -> None:
        if self.nodes.move_on():
            self._go_to_node()

    def _go_to_node(self) -> None:
        self._http.base_url = self.nodes.current
        self._http.headers["Origin"] = self.nodes.current

    # ── plain requests ───────────────────────────────────────────────────────────────────────────────────────────

    def _post_until_done(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            reply = self._post(address, body)
            if reply is not None and "code" not in reply:
                return reply
            self._pause(self._random.uniform(0.3, 0.8))

    def _post(self, address: str, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            response = self._http.post(address, json=body)
            reply: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError):
            self._move_on()
            return None
        if response.status_code >= 400:
            self.seen.refusals.append(str(reply.get("code")))
        return reply

    def _get(self, address: str) -> dict[str, Any] | None:
        try:
            response = self._http.get(address)
            reply: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError):
            self._move_on()
            return None
        return reply if response.status_code == 200 else None

    def _get_bytes(self, address: str) -> bytes | None:
        try:
            response = self._http.get(address)
        except httpx.HTTPError:
            return None
        return response.content if response.status_code == 200 else None

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
            raise _Stopped


class _Stopped(Exception):
    """The rehearsal ends before the exam does."""
