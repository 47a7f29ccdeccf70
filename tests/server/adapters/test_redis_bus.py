"""Events between nodes: everybody else hears them, and nobody ever waits for Redis."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
