"""One behaviour, two implementations: in this process and in Redis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

from server.adapters.throttle import InMemoryThrottle, Limit, RedisThrottle, Throttle
from server.core.clock import ManualClock
from server.core.errors import TooManyRequests

LIMIT = Limit(3, timedelta(seconds=60))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 16, 1, tzinfo=UTC))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def throttle(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Throttle]:
    if request.param == "memory":
        yield InMemoryThrottle(clock)
    else:
        client = redis.Redis.from_url(request.getfixturevalue("redis_url"))
        yield RedisThrottle(client, clock)
        client.close()


def wait_of(throttle: Throttle, key: str) -> int:
    with pytest.raises(TooManyRequests) as refused:
        throttle.take(key, LIMIT)
    assert refused.value.code == "TOO_MANY_ATTEMPTS"
    return int(refused.value.data["retry_after"])


def test_the_try_after_the_last_waits_until_the_first_is_old(throttle: Throttle, clock: ManualClock) -> None:
    for _ in range(3):
        throttle.take("ticket:1", LIMIT)
        clock.advance(10)
    assert wait_of(throttle, "ticket:1") == 30
    clock.advance(29.5)
    assert wait_of(throttle, "ticket:1") == 1
    clock.advance(0.5)
    throttle.take("ticket:1", LIMIT)
    assert wait_of(throttle, "ticket:1") == 10


def test_keys_do_not_touch_each_other(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.take("seat:1", LIMIT)
    throttle.take("seat:2", LIMIT)
    assert wait_of(throttle, "seat:1") == 60


def test_a_refused_try_does_not_prolong_the_wait(throttle: Throttle, clock: ManualClock) -> None:
    for _ in range(3):
        throttle.take("ticket:1", LIMIT)
    for _ in range(5):
        clock.advance(10)
        wait_of(throttle, "ticket:1")
    clock.advance(10)
    throttle.take("ticket:1", LIMIT)


def test_a_try_given_back_does_not_count(throttle: Throttle) -> None:
    for _ in range(2):
        throttle.take("seat:1", LIMIT)
    throttle.give_back("seat:1", throttle.take("seat:1", LIMIT))
    throttle.take("seat:1", LIMIT)
    wait_of(throttle, "seat:1")


def test_forgetting_begins_anew(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.take("ticket:1", LIMIT)
    throttle.forget("ticket:1")
    throttle.forget("never seen")
    throttle.take("ticket:1", LIMIT)


def test_without_redis_each_node_counts_for_itself(clock: ManualClock) -> None:
    unreachable = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2, retry=None)
    throttle = RedisThrottle(unreachable, clock)
    for _ in range(3):
        throttle.take("ticket:1", LIMIT)
    assert wait_of(throttle, "ticket:1") == 60
    throttle.forget("ticket:1")
    throttle.take("ticket:1", LIMIT)


def test_ever_new_keys_do_not_fill_the_memory(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.adapters.throttle.SWEEP_ABOVE_KEYS", 100)
    throttle = InMemoryThrottle(clock)
    for number in range(1000):
        throttle.take(f"name:{number}", LIMIT)
        clock.advance(1)
    assert len(throttle._tries) <= 200
