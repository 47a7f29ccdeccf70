"""A candidate without a page: one call a message, so that a test says what is sent when and sees the whole reply."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any

import httpx

from itembank.domain.sealing import read_paper_file
from server.rehearsal.wire_client import WireClient
from server.scheduling.services.issue_tickets import IssuedTicket

Entry = dict[str, Any]


class RawCandidate:
    """Signs in, begins, sends. Nothing is repeated by itself."""

    def __init__(self, base_url: str, ticket: IssuedTicket) -> None:
        self.base_url = base_url
        self.ticket = ticket
        self.page_id = secrets.token_hex(16)
        self.seq = 0
        self.epoch = 0
        self.attempt_id = ""
        self.items: list[dict[str, Any]] = []
        self.heard: list[tuple[str, Any]] = []
        self.http = httpx.Client(base_url=base_url, timeout=20, headers={"Origin": base_url})
        self._sealed = b""
        self._aad = ""
        self.channel: WireClient | None = None

    def enter(self) -> None:
        """Sign in, confirm, fetch the encrypted paper; possible from admission on."""
        body = {"ticket_number": self.ticket.number, "pin": self.ticket.pin, "device_secret": secrets.token_hex(32)}
        self.post("/api/candidate/sign-in", body)
        for step in ("identity", "rules"):
            state = self.post("/api/candidate/confirm", {"step": step})
        self.attempt_id, self.seq = state["attempt_id"], state["last_seq"]
        paper = self.state()["paper"]
        self._sealed, self._aad = self.http.get(paper["url"]).content, paper["aad"]

    def begin(self) -> dict[str, Any]:
        """Take the key and read the paper; possible from T on."""
        begun = self.post("/api/candidate/begin", {"page_id": self.page_id})
        self.epoch = begun["epoch"]
        paper = read_paper_file(base64.b64decode(begun["key"]), self._aad, self._sealed)
        self.items = [item for section in paper["sections"] for item in section["items"]]
        return begun

    def connect(self, base_url: str = "") -> WireClient:
        """Open (again) the live channel, directly or by another way there."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        self.channel = WireClient(
            base_url or self.base_url, "/candidate", cookie, lambda *event: self.heard.append(event)
        )
        self.channel.connect({"page_id": self.page_id})
        return self.channel

    def entry(self, item: int = 0, option: int = 0) -> Entry:
        """A new line of this page's journal: item and option by their place on the paper."""
        self.seq += 1
        question = self.items[item % len(self.items)]
        return {
            "seq": self.seq,
            "page_id": self.page_id,
            "kind": "answer",
            "item": question["ref"],
            "value": [question["options"][option % len(question["options"])]["ref"]],
            "client_time_ms": 1_700_000_000_000 + self.seq,
            "client_monotonic_ms": self.seq,
        }

    def message(self, entries: Sequence[Entry]) -> dict[str, Any]:
        return {"page_id": self.page_id, "epoch": self.epoch, "entries": list(entries)}

    def send(self, *entries: Entry) -> dict[str, Any]:
        """By the live channel; raises `ChannelDown` when no acknowledgement came."""
        channel = self.channel or self.connect()
        reply: dict[str, Any] = channel.ask("record_answers", self.message(entries))
        return reply

    def send_by_http(self, *entries: Entry) -> httpx.Response:
        return self.http.post("/api/candidate/answers", json=self.message(entries))

    def heartbeat(self, **others: Any) -> dict[str, Any]:
        channel = self.channel or self.connect()
        reply: dict[str, Any] = channel.ask("heartbeat", {"page_id": self.page_id, "unsent": 0, "gap_ms": 0, **others})
        return reply

    def state(self) -> dict[str, Any]:
        response = self.http.get("/api/candidate/state")
        response.raise_for_status()
        state: dict[str, Any] = response.json()
        return state

    def post(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.http.post(address, json=body)
        assert response.status_code < 400, response.text
        reply: dict[str, Any] = response.json()
        return reply

    def close(self) -> None:
        if self.channel is not None:
            self.channel.close()
        self.http.close()
