"""Slow computing leaves the event loop free."""

from __future__ import annotations

import subprocess
import sys

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
