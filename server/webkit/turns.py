"""Turns: how many requests of a rush may be at the database at one time; the others wait in memory, first come first served.

A hall that signs in, begins or hands in at one moment would otherwise take every connection of the pool, and whoever waited too
long for one would be told that the database is away.
"""

from __future__ import annotations

import threading

from flask import Blueprint, g, request

from server.webkit.gate import storage_unavailable

#: of the pool's thirty connections; the rest is for boards, duties and staff
AT_ONCE = 12
#: longer than this nobody stands in line; pages ask again by themselves
PATIENCE_S = 20.0


def take_turns(api: Blueprint, free: frozenset[str], at_once: int = AT_ONCE) -> None:
    """Let so many requests of the blueprint run at once; addresses in `free` never wait.

    Raises (in the request):
        Unavailable: `STORAGE_UNAVAILABLE` after `PATIENCE_S`.
    """
    turns = threading.BoundedSemaphore(at_once)

    @api.before_request
    def _stand_in_line() -> None:
        if request.path in free:
            return
        if not turns.acquire(timeout=PATIENCE_S):
            raise storage_unavailable()
        g.has_turn = True

    @api.teardown_request
    def _give_way(_error: BaseException | None) -> None:
        if g.pop("has_turn", False):
            turns.release()
