"""Slowing down guessing: at most so many tries per key within a sliding window.

    ticket = throttle.take("account:zhang", limit)     # raises TooManyRequests when used up
    ...the slow check...
    throttle.forget("account:zhang")                   # it was right: the count begins anew
    throttle.give_back("machine:10.0.0.7", other)      # it was right: this one try does not count

A try is taken before the check, so that many at the same time cannot all slip through.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import redis

from server.core.clock import Clock
from server.core.errors import TooManyRequests
from server.core.ids import new_id

log = logging.getLogger(__name__)
SWEEP_ABOVE_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries within the window."""

    attempts: int
    window: timedelta


class Throttle(Protocol):
    """Counts tries by key; keys are made by the caller, `"<what>:<which>"`."""

    def take(self, key: str, limit: Limit) -> str:
        """Use one try.

        Raises:
            TooManyRequests: `TOO_MANY_ATTEMPTS`; data `retry_after`, whole seconds.
        """
        ...

    def give_back(self, key: str, ticket: str) -> None:
        """Undo one `take`."""
        ...

    def forget(self, key: str) -> None:
        """Undo all of them."""
        ...


class InMemoryThrottle:
    """Counts in this process; the default when there is one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: defaultdict[str, deque[tuple[float, str]]] = defaultdict(deque)
        self._longest = 0.0

    def take(self, key: str, limit: Limit) -> str:
        now, window = self._clock.monotonic(), limit.window.total_seconds()
        with self._lock:
            self._longest = max(self._longest, window)
            tries = self._tries[key]
            while tries and tries[0][0] <= now - window:
                tries.popleft()
            if len(tries) >= limit.attempts:
                raise too_many(tries[0][0] + window - now)
            ticket = new_id()
            tries.append((now, ticket))
            if len(self._tries) > SWEEP_ABOVE_KEYS:
                self._sweep(now)
        return ticket

    def give_back(self, key: str, ticket: str) -> None:
        with self._lock:
            self._tries[key] = deque(one for one in self._tries[key] if one[1] != ticket)

    def forget(self, key: str) -> None:
        with self._lock:
            self._tries.pop(key, None)

    def _sweep(self, now: float) -> None:
        # Somebody who tries ever new names must not fill the memory.
        for key in [key for key, tries in self._tries.items() if not tries or tries[-1][0] <= now - self._longest]:
            del self._tries[key]


# KEYS[1] the key; ARGV: now ms, window ms, attempts, ticket. Returns 0, or how many ms to wait.
_TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, first[2] + ARGV[2] - ARGV[1])
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
"""


class RedisThrottle:
    """Counts for all nodes together. While Redis is away every node counts for itself."""

    def __init__(self, client: redis.Redis, clock: Clock, prefix: str = "mingyuan:throttle:") -> None:
        self._client = client
        self._clock = clock
        self._prefix = prefix
        self._take = client.register_script(_TAKE)
        self._local = InMemoryThrottle(clock)

    def take(self, key: str, limit: Limit) -> str:
        ticket = new_id()
        now_ms = round(self._clock.now().timestamp() * 1000)
        window_ms = round(limit.window.total_seconds() * 1000)
        try:
            wait_ms = int(self._take(keys=[self._prefix + key], args=[now_ms, window_ms, limit.attempts, ticket]))
        except redis.RedisError:
            log.warning("Redis does not answer; sign-ins are throttled per node")
            return self._local.take(key, limit)
        if wait_ms:
            raise too_many(wait_ms / 1000)
        return ticket

    def give_back(self, key: str, ticket: str) -> None:
        self._local.give_back(key, ticket)
        try:
            self._client.zrem(self._prefix + key, ticket)
        except redis.RedisError:
            log.warning("Redis does not answer; one try stays counted")

    def forget(self, key: str) -> None:
        self._local.forget(key)
        try:
            self._client.delete(self._prefix + key)
        except redis.RedisError:
            log.warning("Redis does not answer; tries stay counted")


def too_many(wait_seconds: float) -> TooManyRequests:
    """The refusal, with whole seconds to wait."""
    wait = max(1, math.ceil(wait_seconds))
    return TooManyRequests(
        "TOO_MANY_ATTEMPTS",
        f"尝试次数过多，请在 {wait} 秒后再试；如有困难请联系工作人员。",
        f"Too many attempts. Try again in {wait} seconds, or ask the staff for help.",
        retry_after=wait,
    )
