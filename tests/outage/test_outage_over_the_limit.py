"""An outage longer than the profile allows to be made up by itself: the clocks wait for a person (INC-5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from server.rehearsal.staff import StaffRefused
from tests.outage.conftest import RunningExam
from tests.support.live_server import LiveServer
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
LIMIT = timedelta(seconds=3)
DURATION = timedelta(seconds=15)
DOWN_S = 6


def test_nothing_ends_by_itself_until_somebody_decides(
    running_exam: RunningExam, answering: Callable[[LiveServer], RawCandidate]
) -> None:
    exam = running_exam(candidates=4, duration=DURATION, profile={"outage_limit": LIMIT})
    candidate = answering(exam)
    assert candidate.send(candidate.entry(0, 0))["ok"]
    exam.server.kill()
    time.sleep(DOWN_S)
    exam.server.start()
    candidate.connect()

    waiting = candidate.state()
    assert waiting["step"] == "awaiting_decision"
    assert waiting["clock"]["phase"] == "awaiting_decision"
    assert candidate.send(candidate.entry(1, 1))["acks"][0]["standing"] == "counted", (
        "what was answered meanwhile is kept"
    )
    for room in exam.rooms[:1]:
        assert "awaiting_decision" in [alarm["kind"] for alarm in exam.board(room)["alarms"]]

    exam.wait_until(exam.day.starts_at + DURATION + timedelta(seconds=DOWN_S + 4))
    still = candidate.state()
    assert still["step"] == "awaiting_decision", "its time would have been over long ago"
    assert still["receipt"] is None
    assert exam.attempt(candidate.ticket).state != "submitted"

    address = f"/api/takeover/sittings/{exam.sitting_id}/decide"
    with pytest.raises(StaffRefused):
        exam.person(exam.rooms[0].chief).post(address, {"decision": "extend", "reason": "监考员不能决定"})
    report = address.replace("/decide", "/report")
    exam.person(exam.site.clerk).post(report, {"decision": "extend", "reason": "服务器已恢复，建议继续"})
    exam.person(exam.site.head).post(address, {"decision": "extend", "reason": "服务器故障，继续考试"})
    wait_until(lambda: candidate.state()["step"] == "answering", seconds=30, what="everybody goes on")
    clock = candidate.state()["clock"]
    assert clock["phase"] == "running"
    assert clock["remaining_ms"] > 0
    assert sum(one["seconds"] for one in clock["given_back"]) >= DOWN_S
    assert candidate.send(candidate.entry(2, 0))["acks"][0]["standing"] == "counted"
    wait_until(lambda: candidate.state()["receipt"] is not None, seconds=90, what="the end of the time", every=0.5)
