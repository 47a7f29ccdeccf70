"""How long the outbox waits before it tries again."""

from __future__ import annotations

from datetime import timedelta

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=15)


def next_delay(tries: int) -> timedelta:
    """Delay after the `tries`-th failure (from 1): 2 s, 4 s, 8 s … capped at 15 minutes."""
    doublings = min(max(tries, 1) - 1, 20)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
