"""The line breaks between the commit and its acknowledgement: the candidate sends again, one row stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from server.delivery.models import JournalEntry
from server.rehearsal.wire_client import ChannelDown
from tests.outage.conftest import RunningExam
from tests.support.live_server import LiveServer
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate
from tests.support.relay import Relay

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def exam(running_exam: RunningExam) -> LiveServer:
    return running_exam(candidates=4)


@pytest.fixture
def relay(exam: LiveServer) -> Iterator[Relay]:
    line = Relay(urlsplit(exam.base_url).port or 0)
    yield line
    line.close()


def rows(exam: LiveServer, candidate: RawCandidate) -> int:
    query = select(func.count()).select_from(JournalEntry).where(JournalEntry.attempt_id == candidate.attempt_id)
    return exam.read(lambda session: session.scalar(query) or 0)


def test_a_lost_acknowledgement_makes_no_second_row(
    exam: LiveServer, relay: Relay, answering: Callable[[LiveServer], RawCandidate]
) -> None:
    candidate = answering(exam)
    candidate.connect(relay.base_url)
    assert candidate.send(candidate.entry(0, 0))["ok"]
    entry = candidate.entry(1, 1)
    outcome: list[str] = []

    def send() -> None:
        try:
            candidate.send(entry)
        except ChannelDown:
            outcome.append("unknown")
        else:
            outcome.append("acknowledged")

    relay.swallow_answers()
    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    wait_until(lambda: rows(exam, candidate) == 2, seconds=30, what="the entry is stored")
    relay.cut()
    sending.join(timeout=30)
    assert outcome == ["unknown"]
    assert relay.swallowed > 0, "the acknowledgement was on its way"

    candidate.connect(relay.base_url)
    for _ in range(2):
        reply = candidate.send(entry)
        assert [(ack["seq"], ack["standing"]) for ack in reply["acks"]] == [(entry["seq"], "counted")]
    assert candidate.send_by_http(entry).json()["acks"][0]["standing"] == "counted"
    assert rows(exam, candidate) == 2
    assert exam.stored(candidate.ticket)[entry["item"]] == tuple(entry["value"])


def test_the_same_number_with_another_value_does_not_change_what_stands(
    exam: LiveServer, answering: Callable[[LiveServer], RawCandidate]
) -> None:
    candidate = answering(exam)
    entry = candidate.entry(2, 0)
    assert candidate.send(entry)["ok"]
    other = {**entry, "value": candidate.entry(2, 1)["value"]}
    assert candidate.send(other)["acks"][0]["standing"] == "counted"
    assert rows(exam, candidate) == 1
    assert exam.stored(candidate.ticket)[entry["item"]] == tuple(entry["value"])
