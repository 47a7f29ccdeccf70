"""The door of a node: so many log-ins are worked on at once, the others wait in line, and those who sat already go first.

A queue that says so beats a crash (security-and-reliability.md 2.11: NZQA slowed down at 18,000 log-ins of 20,000). What is
bounded is log-ins alone: whoever answers, or comes back with a log-in that still holds, never stands here.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server.core.clock import Clock
from server.core.errors import Unavailable

#: below the page's own patience (8 s), so that it is us who say why
WAIT_S = 6.0
#: a longer line is turned away at once: it would not be served within `WAIT_S`
LONGEST_LINE = 400


class SignInDoor:
    """One a process."""

    def __init__(self, places: int, clock: Clock) -> None:
        self._places = places
        self._clock = clock
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting = {True: 0, False: 0}
        #: how long one log-in takes, smoothed; for the hint when to come again
        self._takes_s = 0.1

    @contextmanager
    def turn(self, *, seated: bool) -> Iterator[None]:
        """Wait for a place, work, give it back.

        Args:
            seated: this candidate has been in before (a PC that was restarted, a page that lost its log-in).

        Raises:
            Unavailable: `SIGN_IN_BUSY`; data `ahead` (people before this one) and `retry_after`, s.
        """
        self._take(seated)
        began = self._clock.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._takes_s = 0.9 * self._takes_s + 0.1 * (self._clock.monotonic() - began)
                self._changed.notify_all()

    def _take(self, seated: bool) -> None:
        end = self._clock.monotonic() + WAIT_S
        with self._changed:
            if self._is_free(seated):
                self._inside += 1
                return
            if self._ahead(seated) >= LONGEST_LINE:
                raise self._busy(seated)
            self._waiting[seated] += 1
            try:
                while not self._is_free(seated):
                    left = end - self._clock.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        raise self._busy(seated)
                self._inside += 1
            finally:
                self._waiting[seated] -= 1
                self._changed.notify_all()

    def _is_free(self, seated: bool) -> bool:
        return self._inside < self._places and (seated or self._waiting[True] == 0)

    def _ahead(self, seated: bool) -> int:
        return self._inside + self._waiting[True] + (0 if seated else self._waiting[False])

    def _busy(self, seated: bool) -> Unavailable:
        ahead = self._ahead(seated)
        seconds = min(30, max(2, math.ceil(ahead * self._takes_s / self._places)))
        return Unavailable(
            "SIGN_IN_BUSY",
            f"登录的人较多，前面还有约 {ahead} 人，请在 {seconds} 秒后再试。考试时间不受影响。",
            f"Many are signing in, about {ahead} before you. Try again in {seconds} seconds; no exam time is lost.",
            ahead=ahead,
            retry_after=seconds,
        )
