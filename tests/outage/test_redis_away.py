"""Redis carries news between nodes and nothing that must not be lost: without it, dead or frozen, answering goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.rehearsal.board_watcher import BoardWatcher
from tests.outage.conftest import RunningExam
from tests.support import redis_server
from tests.support.live_server import LiveServer
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate

pytestmark = [pytest.mark.live, pytest.mark.redis, pytest.mark.timeout(240)]
PEOPLE = 6
#: generous for a busy machine; a wait for Redis in the way of every answer would be far longer
PATIENCE_S = 3


@pytest.fixture(scope="module")
def own_redis(server_folder: Path) -> Iterator[redis_server.RedisServer]:
    reason = redis_server.why_not()
    if reason:
        pytest.skip(reason)
    running = redis_server.RedisServer(server_folder / "redis-to-kill")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def exam(running_exam: RunningExam, own_redis: redis_server.RedisServer) -> LiveServer:
    exam = running_exam(candidates=PEOPLE + 4, environment={"MINGYUAN_REDIS_URL": own_redis.url})
    exam.seat(PEOPLE, pace_s=0.5)
    exam.wait_for_acks(PEOPLE * 2)
    return exam


def test_answering_goes_on_while_redis_is_dead_and_the_board_stays_live(
    exam: LiveServer, own_redis: redis_server.RedisServer, answering: Callable[[LiveServer], RawCandidate]
) -> None:
    watcher = BoardWatcher(exam.base_url, exam.sitting_id, exam.rooms[0])
    own_redis.crash()
    try:
        died_at = time.monotonic()
        exam.wait_for_acks(exam.acked() + PEOPLE * 6)
        wait_until(lambda: watcher.deltas_since(died_at) > 1, seconds=30, what="the node's own board")
        newcomer = answering(exam)
        assert newcomer.send(newcomer.entry())["ok"], "signing in works as well"
    finally:
        own_redis.start()
        watcher.close()
    assert not any(one.seen.refusals for one in exam.candidates)


def test_a_frozen_redis_holds_nobody_up(exam: LiveServer, own_redis: redis_server.RedisServer) -> None:
    assert own_redis._child is not None
    own_redis._child.send(signal.SIGSTOP)
    try:
        before = set(exam.history.sent)
        exam.wait_for_acks(exam.acked() + PEOPLE * 6)
        waits = [
            entry.save_ms or 0.0 for key, entry in dict(exam.history.sent).items() if key not in before and entry.acked
        ]
        assert max(waits) < PATIENCE_S * 1000
    finally:
        own_redis._child.send(signal.SIGCONT)
    verdict = exam.verdict()
    assert (verdict.lost, verdict.duplicated, verdict.foreign, verdict.wrong_final) == (0, 0, 0, 0)
