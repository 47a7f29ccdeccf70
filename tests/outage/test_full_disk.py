"""No room on the disk: plain words at the candidate, a red alarm at the proctor, nothing acknowledged, nothing lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from server.takeover.models import Node
from tests.outage.conftest import BEFORE_START, LONG, SmallDisk
from tests.support.live_server import LiveServer, live_server
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
Answering = Callable[[LiveServer], RawCandidate]
MEBIBYTE = 1024 * 1024
ENTRIES = 40


def fill(disk: Path) -> Path:
    """A file that takes the rest of the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 64 * 1024
        while size >= 512:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return filler


def answer_until_refused(candidate: RawCandidate, seconds: float = 60) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first refusal, and the entries it was about."""
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        turn += 1
        entries = [candidate.entry(item, turn) for item in range(ENTRIES)]
        reply = candidate.send(*entries)
        if not reply["ok"] and reply["code"] != "RATE_LIMITED":
            return reply, entries
        time.sleep(0.05)
    raise AssertionError("the full disk was never noticed")


def storage_alarms(exam: LiveServer) -> list[dict[str, Any]]:
    return [alarm for room in exam.rooms for alarm in exam.board(room)["alarms"] if alarm["kind"] == "storage"]


def silent_s(exam: LiveServer) -> float:
    """How long ago the node last proved that it can write. Small writes find room for a while when large ones do not."""
    beat_at = exam.read(lambda session: session.scalar(select(func.max(Node.beat_at))))
    assert beat_at is not None
    return (exam.platform.clock.now() - beat_at).total_seconds()


def assert_plain_words_and_an_alarm(
    exam: LiveServer, candidate: RawCandidate, refusal: dict[str, Any], entries: list[dict[str, Any]]
) -> None:
    assert refusal["code"] == "STORAGE_FULL"
    assert refusal["retry"] is True
    assert "存储空间已满" in refusal["message_zh"]
    assert "可继续答题" in refusal["message_zh"]
    alarms = storage_alarms(exam)
    assert [alarm["severity"] for alarm in alarms] == ["red"], "only the room concerned"
    assert "不能保存" in alarms[0]["words_zh"]
    response = candidate.send_by_http(*entries)
    assert response.status_code == 503, "the other way in says the same"
    assert response.json()["code"] == "STORAGE_FULL"


def test_a_full_second_journal_acknowledges_nothing_and_catches_up(
    small_disk: SmallDisk, tmp_path: Path, answering: Answering
) -> None:
    disk = small_disk(1)
    second = disk / "journal.jsonl"
    with live_server(
        tmp_path, candidates=2, before_start=BEFORE_START, duration=LONG,
        environment={"MINGYUAN_SECOND_JOURNAL": str(second)},
    ) as exam:  # fmt: skip
        exam.pass_gates()
        candidate = answering(exam)
        assert candidate.send(candidate.entry(0, 0))["ok"]
        filler = fill(disk)
        refusal, entries = answer_until_refused(candidate)
        assert_plain_words_and_an_alarm(exam, candidate, refusal, entries)
        filler.unlink()
        reply = candidate.send(*entries)
        assert reply["ok"], reply
        assert [ack["standing"] for ack in reply["acks"]] == ["counted"] * ENTRIES
        stored = exam.stored(candidate.ticket)
        assert all(stored[entry["item"]] == tuple(entry["value"]) for entry in entries)
        kept = second.read_text()
        assert all(f'"seq":{entry["seq"]},' in kept for entry in entries), "the second copy has them too"


def test_a_full_data_disk_acknowledges_nothing_and_gives_the_time_back(
    small_disk: SmallDisk, answering: Answering
) -> None:
    disk = small_disk(160)
    with live_server(disk, candidates=2, before_start=BEFORE_START, duration=LONG) as exam:
        exam.pass_gates()
        candidate = answering(exam)
        first = candidate.entry(0, 0)
        assert candidate.send(first)["ok"]
        filler = fill(disk)
        refusal, entries = answer_until_refused(candidate)
        before = exam.stored(candidate.ticket)
        assert_plain_words_and_an_alarm(exam, candidate, refusal, entries)
        wait_until(lambda: silent_s(exam) > 4, seconds=60, what="the node cannot even say that it lives")
        assert exam.stored(candidate.ticket) == before, "nothing was half-written"
        filler.unlink()
        wait_until(lambda: candidate.send(*entries)["ok"], seconds=30, what="answers are taken again", every=0.3)
        stored = exam.stored(candidate.ticket)
        assert all(stored[entry["item"]] == tuple(entry["value"]) for entry in entries)
        wait_until(lambda: candidate.state()["clock"]["given_back"] != [], seconds=30, what="the time is given back")
        given = candidate.state()["clock"]["given_back"]
        assert sum(one["seconds"] for one in given) > timedelta(seconds=3).total_seconds()
