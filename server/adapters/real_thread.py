"""Slow computing off the event loop: the one place that knows how."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_real_thread(function: Callable[..., Result], *args: Any) -> Result:
    """Call `function(*args)`; under gevent in a thread of the operating system, so that other greenlets go on.

    The caller waits for the result in either case. `function` must not touch greenlets, sockets or the database.
    """
    # Only ask gevent when somebody imported it before us: a command line tool starts quicker without it.
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return function(*args)
    import gevent

    result: Result = gevent.get_hub().threadpool.apply(function, args)
    return result
