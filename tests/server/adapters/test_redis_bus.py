"""Events between nodes: everybody else hears them, and nobody ever waits for Redis."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from server.adapters import redis_bus
from server.adapters.redis_bus import RedisBus
from server.core.clock import SystemClock
from server.core.events import AlarmRaised, Event
from tests.support import redis_server
from tests.support.processes import wait_until

Node = tuple[RedisBus, list[Event]]
ALARM = AlarmRaised(sitting_id="s1", room_id="r1", kind="storage")


@pytest.fixture
def node() -> Iterator[Callable[[str, str], Node]]:
    """Makes a listening node."""
    stopping = threading.Event()

    def make(url: str, node_id: str) -> Node:
        bus, heard = RedisBus(url, node_id, SystemClock(), stopping), list[Event]()
        bus.subscribe(heard.append)
        bus.start()
        wait_until(lambda: bus._client.pubsub_numsub("mingyuan:events")[0][1] > 0, seconds=10, what="listening")
        return bus, heard

    yield make
    stopping.set()


def test_other_nodes_hear_what_happened_and_the_own_one_hears_it_once(
    redis_url: str, node: Callable[[str, str], Node]
) -> None:
    (bus, here), (_, there) = node(redis_url, "n1"), node(redis_url, "n2")
    wait_until(lambda: bus._client.pubsub_numsub("mingyuan:events")[0][1] == 2, seconds=10, what="both listen")
    bus.publish(ALARM)
    wait_until(lambda: bool(there), seconds=10, what="the other node hears it")
    assert here == there == [ALARM]


def test_a_tool_that_never_listens_tells_before_it_goes_on(redis_url: str, node: Callable[[str, str], Node]) -> None:
    _, there = node(redis_url, "n2")
    RedisBus(redis_url, "tool", SystemClock(), threading.Event()).publish(ALARM)
    wait_until(lambda: bool(there), seconds=10, what="the node hears it")


def test_nobody_waits_for_a_frozen_redis(server_folder: Path, node: Callable[[str, str], Node]) -> None:
    reason = redis_server.why_not()
    if reason:
        pytest.skip(reason)
    frozen = redis_server.RedisServer(server_folder / "redis-frozen")
    frozen.start()
    try:
        bus, here = node(frozen.url, "n1")
        assert frozen._child is not None
        frozen._child.send(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(200):
            bus.publish(ALARM)
        assert time.monotonic() - began < 5, "one wait each would take a hundred seconds"
        assert len(here) == 200
        frozen._child.send(signal.SIGCONT)
    finally:
        frozen.stop()


# --- Deaf workers: nobody notices a line that looks alive and carries nothing ---------------------------------------


@pytest.fixture
def own_redis(server_folder: Path) -> Iterator[redis_server.RedisServer]:
    """One that may be killed."""
    reason = redis_server.why_not()
    if reason:
        pytest.skip(reason)
    own = redis_server.RedisServer(server_folder / "redis-to-break")
    own.start()
    yield own
    own.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a tenth of the waiting."""
    for name in ("PROBE_EVERY_S", "STALE_LINE_AFTER_S", "DEAF_AFTER_S"):
        monkeypatch.setattr(redis_bus, name, getattr(redis_bus, name) / 10)


def hears_again(bus: RedisBus, heard: list[Event], of: RedisBus) -> float:
    """Seconds until news of the other node arrive; each second one is told."""
    began, before = time.monotonic(), len(heard)

    def arrived() -> bool:
        of.publish(ALARM)
        return len(heard) > before

    wait_until(arrived, seconds=20, what="news of the other node", every=0.2)
    assert not bus.is_deaf
    return time.monotonic() - began


def test_the_figures_are_those_that_were_promised() -> None:
    assert 3 * redis_bus.PROBE_EVERY_S < redis_bus.DEAF_AFTER_S <= 15, "three misses, known within 15 s"
    assert redis_bus.STALE_LINE_AFTER_S < redis_bus.DEAF_AFTER_S
    assert redis_bus.LONGEST_WAIT_S <= 1


def test_listeners_that_redis_throws_out_come_back_by_themselves(
    own_redis: redis_server.RedisServer, node: Callable[[str, str], Node]
) -> None:
    (bus, heard), (other, _) = node(own_redis.url, "n1"), node(own_redis.url, "n2")
    with redis.Redis.from_url(own_redis.url) as client:
        assert client.client_kill_filter(_type="pubsub") == 2
    assert hears_again(bus, heard, other) < 3


def test_after_a_death_of_redis_nobody_stays_deaf_and_the_wait_has_a_cap(
    own_redis: redis_server.RedisServer, node: Callable[[str, str], Node]
) -> None:
    (bus, heard), (other, _) = node(own_redis.url, "n1"), node(own_redis.url, "n2")
    own_redis.crash()
    time.sleep(4)  # long enough for a doubling wait to reach its cap
    own_redis.start()
    assert hears_again(bus, heard, other) < 3


def test_a_line_that_looks_alive_and_carries_nothing_is_made_anew(
    quick: None, own_redis: redis_server.RedisServer, node: Callable[[str, str], Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a listener behind a firewall that forgot it: connected, subscribed, silent. Without the probe it stays so."""
    deaf_lines = [True]
    real = redis.client.PubSub.get_message

    def get_message(self: redis.client.PubSub, *args: object, **kwargs: object) -> object:
        if deaf_lines:
            time.sleep(0.05)
            return None
        return real(self, *args, **kwargs)

    monkeypatch.setattr(redis.client.PubSub, "get_message", get_message)
    bus, heard = node(own_redis.url, "n1")
    wait_until(lambda: bus.is_deaf, seconds=10, what="it says that it is deaf")
    wait_until(lambda: bus.lines_given_up >= 2, seconds=10, what="it tries new lines")
    deaf_lines.clear()
    wait_until(lambda: not bus.is_deaf, seconds=10, what="it hears its own probe")
    other, _ = node(own_redis.url, "n2")
    assert hears_again(bus, heard, other) < 3


def test_the_last_news_of_a_stopping_node_are_told(redis_url: str, node: Callable[[str, str], Node]) -> None:
    _, there = node(redis_url, "n2")
    stopping = threading.Event()
    leaving = RedisBus(redis_url, "n1", SystemClock(), stopping)
    leaving.start()
    for _ in range(50):
        leaving.publish(ALARM)
    stopping.set()
    wait_until(lambda: len(there) == 50, seconds=10, what="everything is told")
