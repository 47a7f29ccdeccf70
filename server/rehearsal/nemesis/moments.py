"""When a nemesis strikes."""

from __future__ import annotations

import time

from server.rehearsal.load import RunningLoad

EARLIEST, LATEST = 0.2, 0.5
#: answering that is wanted after the fault, so that the return is seen
AFTERWARDS_S = 3.0


def wait_for_the_moment(run: RunningLoad, lasting_s: float = 0.0) -> None:
    """Between a fifth and half of the window, drawn from the seed; earlier where the fault would not end in time."""
    if run.at_once:
        return
    begin, end = run.window
    share = run.random.uniform(EARLIEST, LATEST)
    moment = min(begin + share * (end - begin), max(begin + 1.0, end - lasting_s - AFTERWARDS_S))
    run.sleep(max(0.0, moment - time.monotonic()))


def fitting(lasting_s: float, window_s: float) -> float:
    """A fault's default length, shortened so that half of the window stays whole."""
    return round(min(lasting_s, window_s / 2), 1)
