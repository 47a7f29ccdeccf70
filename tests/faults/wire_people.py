"""Candidates without a page for the wire's own faults: each message by hand, everything written down in the history."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from server.rehearsal.history import Sent, Verdict, check
from server.rehearsal.wire_client import ChannelDown, ChannelRefused
from tests.faults.nemesis.wire_relay import WireRelay
from tests.faults.scene import Scene
from tests.support.raw_candidate import Entry, RawCandidate


class WirePerson(RawCandidate):
    """Has a relay of his own to the server, and a direct way beside it."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene.base_url, scene.next_ticket())
        self.scene = scene
        address = urlsplit(scene.base_url)
        self.relay = WireRelay(address.port or 0, address.hostname or "127.0.0.1")
        self.history = scene.history

    def answer(self, item: int, option: int) -> Entry:
        """A new entry, written down before it is sent."""
        entry = self.entry(item, option)
        self.history.invoke(
            Sent(
                self.attempt_id,
                self.page_id,
                entry["seq"],
                entry["item"],
                tuple(entry["value"]),
                clicked_at=time.monotonic(),
            )
        )
        return entry

    def take(self, reply: dict[str, Any], began: float) -> None:
        """Write down what the server acknowledged."""
        for ack in reply.get("acks", ()):
            self.history.ok(
                (self.attempt_id, ack["page_id"], ack["seq"]), ack["standing"], (time.monotonic() - began) * 1000
            )

    def try_channel(self, *entries: Entry, by: str = "") -> bool:
        """By the live channel; False when no acknowledgement came."""
        began = time.monotonic()
        try:
            if self.channel is None or not self.channel.is_open:
                self.connect(by or self.relay.base_url)
            reply = self.send(*entries)
        except (ChannelDown, ChannelRefused):
            return False
        self.take(reply, began)
        return bool(reply["ok"])

    def try_http(self, *entries: Entry, by: str = "", timeout: float = 10.0) -> bool:
        """By plain HTTP on a line of its own; False when no acknowledgement came."""
        began = time.monotonic()
        base = by or self.base_url
        try:
            response = httpx.post(
                f"{base}/api/candidate/answers", json=self.message(entries), cookies=dict(self.http.cookies),
                headers={"Origin": base}, timeout=timeout,
            )  # fmt: skip
            reply = response.json()
        except (httpx.HTTPError, ValueError):
            return False
        self.take(reply, began)
        return bool(reply.get("ok"))

    def leave(self) -> None:
        self.close()
        self.relay.close()


@contextmanager
def wire_people(scene: Scene, count: int) -> Iterator[list[WirePerson]]:
    """The next `count` candidates, seated and with the paper in hand; T is reached here."""
    people: list[WirePerson] = []
    try:
        scene.open_doors()
        for _ in range(count):
            people.append(WirePerson(scene))
            people[-1].enter()
        scene.open_paper()
        scene.wait_for_start()
        for one in people:
            one.begin()
        yield people
    finally:
        for one in people:
            one.leave()


def judge_wire(scene: Scene) -> Verdict:
    return check(scene.history, scene.platform.uow)


def wrong(verdict: Verdict) -> int:
    """Everything a verdict can hold against the server."""
    return verdict.lost + verdict.duplicated + verdict.foreign + verdict.wrong_final


def broken(violations: dict[str, list[str]]) -> str:
    """For the remark: which invariants do not hold, with an example each."""
    return "; ".join(f"{name}: {found[0]} ({len(found)})" for name, found in violations.items())


def figures_of(verdict: Verdict) -> dict[str, int]:
    return {name: getattr(verdict, name) for name in ("acked", "lost", "duplicated", "foreign", "wrong_final")}
