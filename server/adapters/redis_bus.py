"""Events between nodes through Redis. Only a messenger: this node's own reactions never wait for it.

Pub/sub loses what is published while a listener is away; boards number their deltas and heartbeats re-read state, so
a lost event makes a screen late, never wrong for long. Whoever publishes never waits for Redis: a frozen one would hold
up every acknowledgement (measured: 120 answers a second became 2).

Deaf workers (security-and-reliability.md 2.9): every node sends itself a probe through Redis. A line on which not even that
is heard is given up and made anew, however alive it looks; three probes missed, and the node says that it is deaf.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.core.bus import Handler, InProcessBus
from server.core.clock import Clock
from server.core.events import Event, from_wire, to_wire

log = logging.getLogger(__name__)
CHANNEL = "mingyuan:events"
PROBE_EVERY_S = 4.0
#: two probes missed on a line that looks alive: it is made anew
STALE_LINE_AFTER_S = 9.0
#: three probes missed: the node says so
DEAF_AFTER_S = 12.5
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 1.0
CONNECT_WITHIN_S = 0.5
#: more news than this is not worth telling late; the oldest goes first
MOST_WAITING = 5_000
MOST_AT_ONCE = 500


def connect(url: str) -> redis.Redis:
    """A client that fails fast: an emit must not hang for ten seconds because Redis does (realtime.md 8)."""
    return redis.Redis.from_url(
        url,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        socket_keepalive=True,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 0),
    )


class RedisBus:
    """Reacts here at once, tells the other nodes by Redis, hears them in a thread of its own."""

    def __init__(self, url: str, node_id: str, clock: Clock, stopping: threading.Event) -> None:
        self._url = url
        self._node_id = node_id
        self._clock = clock
        self._stopping = stopping
        self._local = InProcessBus()
        self._client = connect(url)
        self._heard_at = clock.monotonic()
        self._subscribed_at = clock.monotonic()
        #: how often the line was made anew because nothing was heard on it
        self.lines_given_up = 0
        self._outgoing: deque[str] = deque(maxlen=MOST_WAITING)
        self._has_news = threading.Event()
        self._has_messenger = False

    def start(self) -> None:
        """Begin telling, listening and probing."""
        self._has_messenger = True
        threading.Thread(target=self._tell, name="redis-messenger", daemon=True).start()
        threading.Thread(target=self._listen, name="redis-bus", daemon=True).start()
        threading.Thread(target=self._probe, name="redis-probe", daemon=True).start()

    def subscribe(self, handler: Handler) -> None:
        self._local.subscribe(handler)

    def publish(self, event: Event) -> None:
        self._local.publish(event)
        self._send({"from": self._node_id, "event": to_wire(event)})

    @property
    def is_deaf(self) -> bool:
        """Nothing, not even our own probe, was heard for a while."""
        return self._clock.monotonic() - self._heard_at > DEAF_AFTER_S

    def _send(self, message: dict[str, Any]) -> None:
        self._outgoing.append(json.dumps(message))
        self._has_news.set()
        if not self._has_messenger:
            self._tell_waiting()  # a command line tool: told before it ends

    def _tell(self) -> None:
        while not self._stopping.is_set():
            if self._has_news.wait(1.0):
                self._has_news.clear()
                self._tell_waiting()
        self._tell_waiting()  # the last news of a stopping node: what it acknowledged, that it gave its duties up

    def _tell_waiting(self) -> None:
        while self._outgoing:
            pipeline = self._client.pipeline(transaction=False)
            for _ in range(min(len(self._outgoing), MOST_AT_ONCE)):
                pipeline.publish(CHANNEL, self._outgoing.popleft())
            try:
                pipeline.execute()
            except redis.RedisError as error:
                log.warning("other nodes were not told: %s", type(error).__name__)

    def _probe(self) -> None:
        while not self._stopping.is_set():
            self._send({"from": self._node_id, "event": None})
            self._stopping.wait(PROBE_EVERY_S)

    def _listen(self) -> None:
        wait = FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                wait = self._listen_on_one_line(wait)
            except (redis.RedisError, OSError) as error:
                log.warning(
                    "not listening to other nodes, next try in %.1f s: %s", wait, str(error) or type(error).__name__
                )
                self._stopping.wait(wait)
                wait = min(wait * 2, LONGEST_WAIT_S)

    def _listen_on_one_line(self, wait: float) -> float:
        """Listen until the process stops or the line breaks; returns the first wait before the next line."""
        # An own client for every line, without a time limit on reading: `get_message` has its own.
        with (
            redis.Redis.from_url(
                self._url, socket_keepalive=True, socket_connect_timeout=CONNECT_WITHIN_S, socket_timeout=None
            ) as client,
            client.pubsub(ignore_subscribe_messages=True) as pubsub,
        ):
            pubsub.subscribe(CHANNEL)
            self._subscribed_at = self._clock.monotonic()
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=1.0)
                if message is not None:
                    wait = FIRST_WAIT_S  # a line is good when something came through it, not when it was opened
                    self._hear(message["data"])
                elif self._clock.monotonic() - max(self._heard_at, self._subscribed_at) > STALE_LINE_AFTER_S:
                    self.lines_given_up += 1
                    raise redis.ConnectionError("nothing heard on this line, not even our own probe")
        return wait

    def _hear(self, data: bytes) -> None:
        self._heard_at = self._clock.monotonic()
        try:
            message = json.loads(data)
            if message["from"] == self._node_id or message["event"] is None:
                return
            event = from_wire(message["event"])
        except (ValueError, KeyError, TypeError):
            log.exception("an event from another node was not understood")
            return
        self._local.publish(event)
