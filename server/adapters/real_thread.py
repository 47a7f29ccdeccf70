"""Slow computing off the event loop: the one place that knows how."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
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

    ended: _Ended = gevent.get_hub().threadpool.apply(_run, (function, args))
    if ended.error is not None:
        raise ended.error
    result: Result = ended.result
    return result


def in_real_thread_within(
    seconds: float, finish: Callable[[BaseException | None], None], function: Callable[..., object], *args: Any
) -> bool:
    """Likewise, but the caller waits for at most so long; True when `function` ended well within that time.

    `finish(error)` is called exactly once when `function` has ended, be it after the caller went on. Without gevent the
    function is simply called.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - handed to the caller, who decides
            finish(error)
            return False
        finish(None)
        return True
    import gevent

    work = gevent.get_hub().threadpool.spawn(_run, function, args)
    work.rawlink(lambda done: gevent.spawn(finish, done.value.error))
    work.wait(seconds)
    gevent.sleep(0)  # lets `finish` run before the caller looks
    return bool(work.ready() and work.value.error is None)


@dataclass(frozen=True, slots=True)
class _Ended:
    result: Any = None
    error: Exception | None = None


def _run(function: Callable[..., Any], args: tuple[Any, ...]) -> _Ended:
    # gevent prints a thread's exception before it tells the waiter. Where printing fails (the log lies on the full disk that
    # caused it) the waiter would wait for ever, so no exception gets that far.
    try:
        return _Ended(function(*args))
    except Exception as error:  # noqa: BLE001 - raised again where the caller waits
        return _Ended(error=error)
