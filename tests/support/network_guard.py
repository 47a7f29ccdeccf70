"""Tests talk to this machine only. A connection to anywhere else is an error in the test, and said at once."""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any


class OtherHostError(RuntimeError):
    """A test tried to reach another machine."""


def _is_here(host: str) -> bool:
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        connection, address = arguments
        if connection.family in {socket.AF_INET, socket.AF_INET6} and not _is_here(str(address[0])):
            raise OtherHostError(f"tests do not leave this machine: {address[0]}")


def install() -> None:
    sys.addaudithook(_watch)
