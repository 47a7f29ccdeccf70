"""No room on the disk: plain words at the candidate, a red alarm at the proctor, nothing acknowledged, nothing lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from server.delivery.second_journal import find_journal_files, read_second_journal
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
    alarms = [alarm for alarm in storage_alarms(exam) if alarm["id"] == "storage"]
    assert [alarm["severity"] for alarm in alarms] == ["red"], "only the room concerned"
    assert "不能保存" in alarms[0]["words_zh"]
    response = candidate.send_by_http(*entries)
    assert response.status_code == 503, "the other way in says the same"
    assert response.json()["code"] == "STORAGE_FULL"


def copied(exam: LiveServer, folder: Path) -> set[tuple[str, int]]:
    """(attempt, number) of every line that has its second copy."""
    files = [read_second_journal(file, exam.platform.vault) for file in find_journal_files(folder)]
    assert [one.problem for one in files] == [""] * len(files)
    return {(entry["attempt_id"], entry["client_seq"]) for one in files for entry in one.entries}


def test_a_full_second_journal_stops_nobody_and_is_made_up_for(
    small_disk: SmallDisk, tmp_path: Path, answering: Answering
) -> None:
    disk = small_disk(1)
    with live_server(
        tmp_path, candidates=2, before_start=BEFORE_START, duration=LONG,
        environment={"MINGYUAN_SECOND_JOURNAL": str(disk / "journal")},
    ) as exam:  # fmt: skip
        exam.pass_gates()
        candidate = answering(exam)
        assert candidate.send(candidate.entry(0, 0))["ok"]
        attempt = exam.attempt(candidate.ticket).id
        assert len(copied(exam, disk / "journal")) == 1
        filler = fill(disk)
        sent: list[int] = []
        for turn in range(40):  # what was reserved on the disk takes a few more
            entries = [candidate.entry(item, turn) for item in range(ENTRIES)]
            reply = candidate.send(*entries)
            if not reply["ok"]:
                assert reply["code"] == "RATE_LIMITED", reply
                time.sleep(0.5)
                continue
            sent += [entry["seq"] for entry in entries]
            if storage_alarms(exam):
                break
        alarms = storage_alarms(exam)
        assert "第二份副本" in "".join(alarm["words_zh"] for alarm in alarms), "a red word at the proctor"
        assert not {(attempt, seq) for seq in sent} <= copied(exam, disk / "journal")
        filler.unlink()
        wait_until(
            lambda: {(attempt, seq) for seq in sent} <= copied(exam, disk / "journal"),
            seconds=30, what="the second copy is made up for", every=0.5,
        )  # fmt: skip


def test_where_the_second_copy_is_demanded_nothing_is_acknowledged_without_it(
    small_disk: SmallDisk, tmp_path: Path, answering: Answering
) -> None:
    disk = small_disk(1)
    with live_server(
        tmp_path, candidates=2, before_start=BEFORE_START, duration=LONG,
        environment={"MINGYUAN_SECOND_JOURNAL": str(disk / "journal"), "MINGYUAN_SECOND_JOURNAL_FAILURE": "refuse"},
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
        attempt = exam.attempt(candidate.ticket).id
        assert {(attempt, entry["seq"]) for entry in entries} <= copied(exam, disk / "journal")


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
