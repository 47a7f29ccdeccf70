"""A server that dies without a word, again and again, while everybody answers."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from server.delivery.models import TimeEntry
from server.takeover.models import Outage
from tests.outage.conftest import RunningExam
from tests.support.live_server import LiveServer
from tests.support.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
KILLS = 3
PEOPLE = 8
DOWN_S = 3.2


def outages(exam: LiveServer) -> list[Outage]:
    return exam.read(lambda session: list(session.scalars(select(Outage).order_by(Outage.from_at))))


def kill_and_start(exam: LiveServer, down_s: float) -> tuple[datetime, datetime]:
    """When it died, and when it answered again."""
    now = exam.platform.clock.now
    exam.server.kill()
    killed_at = now()
    time.sleep(down_s)
    exam.server.start()
    return killed_at, now()


def test_several_kills_at_random_moments_lose_no_acknowledged_answer(running_exam: RunningExam) -> None:
    exam = running_exam(candidates=PEOPLE)
    exam.seat(PEOPLE, pace_s=0.35)
    moments = random.Random(20261121)
    true_spans = []
    for _ in range(KILLS):
        exam.wait_for_acks(exam.acked() + PEOPLE * 2)
        time.sleep(moments.uniform(0.0, 1.0))
        true_spans.append(kill_and_start(exam, DOWN_S))
    exam.wait_for_acks(exam.acked() + PEOPLE * 2)
    wait_until(lambda: not any(len(one._unsent) > 1 for one in exam.candidates), seconds=30, what="all caught up")

    for one in exam.candidates:
        wait_until(lambda one=one: len(one.seen.clock["given_back"]) == KILLS, seconds=30, what="the page knows")
        for told in one.seen.clock["given_back"]:
            assert "补" in told["words_zh"], told
            assert told["words_en"]
    assert sum(one.seen.answered_while_away for one in exam.candidates) > 0, "answering went on without the server"
    verdict = exam.verdict()
    assert verdict.acked > PEOPLE * 10
    assert (verdict.lost, verdict.duplicated, verdict.foreign, verdict.wrong_final) == (0, 0, 0, 0)

    found = outages(exam)
    assert len(found) == KILLS, "every outage is a row, and nothing else is"
    for outage, (killed_at, back_at) in zip(found, true_spans, strict=True):
        assert abs(outage.from_at - killed_at) <= timedelta(seconds=1)
        assert abs(outage.to_at - back_at) <= timedelta(seconds=1)

    truly_lost = sum(((back - killed) for killed, back in true_spans), timedelta())
    entries = exam.read(
        lambda session: list(session.scalars(select(TimeEntry).where(TimeEntry.kind == "interruption")))
    )
    for room in exam.rooms:
        mine = [entry for entry in entries if entry.room_id == room.room_id]
        assert [entry.status for entry in mine] == ["provisional"] * KILLS
        given_back = sum(((entry.to_at - entry.from_at) for entry in mine), timedelta())
        assert abs(given_back - truly_lost) <= timedelta(seconds=1) * KILLS
