"""A server that is asked to stop in mid-exam: what it acknowledged is kept, everything else is sent again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from server.rehearsal.wire_client import ChannelDown
from tests.outage.conftest import RunningExam
from tests.support.live_server import LiveServer
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
SENDERS = 4


class Sender:
    """Sends one entry after another until the line breaks; keeps what was said about each."""

    def __init__(self, candidate: RawCandidate) -> None:
        self.candidate = candidate
        self.replies: list[tuple[dict[str, object], dict[str, object] | None]] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        number = 0
        while True:
            number += 1
            entry = self.candidate.entry(number, number)
            try:
                reply = self.candidate.send(entry)
            except ChannelDown:
                self.replies.append((entry, None))
                return
            self.replies.append((entry, reply))
            threading.Event().wait(0.06)  # under the limit of messages a second


def test_a_stop_in_mid_exam_loses_nothing(
    running_exam: RunningExam, answering: Callable[[LiveServer], RawCandidate]
) -> None:
    exam = running_exam(candidates=SENDERS)
    senders = [Sender(answering(exam)) for _ in range(SENDERS)]
    wait_until(lambda: all(len(one.replies) > 15 for one in senders), seconds=60, what="answers before the stop")
    exam.server.stop()
    for one in senders:
        one.thread.join(timeout=30)
        assert not one.thread.is_alive()

    unsure: dict[int, list[dict[str, object]]] = {}
    for index, one in enumerate(senders):
        stored = exam.stored(one.candidate.ticket)
        last: dict[object, tuple[object, ...]] = {}
        for entry, reply in one.replies:
            if reply is not None and reply["ok"]:
                last[entry["item"]] = tuple(entry["value"])  # type: ignore[arg-type]
            else:
                unsure.setdefault(index, []).append(entry)
                if reply is not None:
                    assert reply["retry"] is True, reply
                    assert reply["code"] == "SERVER_STOPPING"
                    assert "自动重发" in str(reply["message_zh"])
        unsure_items = {entry["item"] for entry in unsure.get(index, [])}
        for item, value in last.items():
            if item not in unsure_items:
                assert stored[str(item)] == value
        assert ("moving", {"what": "moving"}) in one.candidate.heard, "the page was told to go elsewhere"

    exam.server.start()
    for index, entries in unsure.items():
        candidate = senders[index].candidate
        candidate.connect()
        reply = candidate.send(*entries)  # type: ignore[arg-type]
        assert [ack["standing"] for ack in reply["acks"]] == ["counted"] * len(entries)
