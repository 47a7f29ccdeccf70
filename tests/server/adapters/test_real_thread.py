"""Slow computing leaves the event loop free."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from server.adapters.real_thread import in_real_thread

UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent, hashlib, threading
from server.adapters.real_thread import in_real_thread

ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.002)

gevent.spawn(tick)
gevent.sleep(0)
def slow():
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 600_000)
    return 7
assert in_real_thread(slow) == 7
assert len(ticks) > 5, len(ticks)
try:
    in_real_thread(lambda: 1 / 0)
except ZeroDivisionError:
    print("fine")
"""


def test_without_gevent_it_is_a_plain_call() -> None:
    assert in_real_thread(divmod, 7, 2) == (3, 1)


def test_under_gevent_other_greenlets_go_on() -> None:
    done = subprocess.run([sys.executable, "-c", UNDER_GEVENT], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "fine", done.stderr


WITHOUT_A_LOG = """
from gevent import monkey
monkey.patch_all()
import gevent
from server.adapters.real_thread import in_real_thread

def fail():
    raise OSError(28, "No space left on device")
with gevent.Timeout(10):
    try:
        in_real_thread(fail)
    except OSError:
        print("told")
"""


def test_an_error_reaches_the_caller_although_nothing_can_be_logged() -> None:
    """The log often lies on the very disk that is full: whoever waits must not wait for ever."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_A_LOG], stdout=subprocess.PIPE, stderr=full, text=True, timeout=60
        )
    assert done.stdout.strip() == "told"


PATIENCE = """
from gevent import monkey
monkey.patch_all()
import gevent
from server.adapters.real_thread import in_real_thread_within

really_sleep = monkey.get_original("time", "sleep")
ended = []
assert in_real_thread_within(5, ended.append, lambda: None) and ended == [None]
assert not in_real_thread_within(5, ended.append, lambda: 1 / 0)
assert isinstance(ended.pop(), ZeroDivisionError) and ended == [None]
assert not in_real_thread_within(0.05, ended.append, really_sleep, 0.5), "it takes too long"
assert ended == [None]
gevent.sleep(1)
assert ended == [None, None], "told once, later"
print("fine")
"""


def test_patience_ends_before_a_slow_disk_does_and_the_end_is_told_once() -> None:
    done = subprocess.run([sys.executable, "-c", PATIENCE], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "fine", done.stderr
