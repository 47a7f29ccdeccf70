"""Tells systemd that the process is ready, alive, leaving (`sd_notify`); without systemd nothing happens.

The watchdog is fed from the event loop: a loop that stands still is restarted, a database that is away is not.
"""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)


def notify(state: str) -> bool:
    """Send `state`, e.g. `READY=1`; False when no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # a name in the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(state.encode(), address)
    except OSError:
        log.exception("the service manager could not be told %s", state)
        return False
    return True


def watchdog_interval_s() -> float | None:
    """How often `WATCHDOG=1` is to be sent: a third of what systemd allows; None when it does not watch."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(usec) / 3e6 if usec.isdigit() and watched else None
