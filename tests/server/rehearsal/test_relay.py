"""The relay's switches, over real sockets."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from server.rehearsal.relay import Relay

ACK = b'43/candidate,1[{"ok":true,"acks":[]}]\n'


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    """Answers every line with an acknowledgement."""
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[socket.socket] = []

    def serve(line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while line.recv(4096):
                line.sendall(ACK)
        line.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                lines.append(line)
                threading.Thread(target=serve, args=(line,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay() -> Iterator[Relay]:
    with echo_server() as port:
        made = Relay(port)
        yield made
        made.close()


@contextlib.contextmanager
def line_to(relay: Relay) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(relay.base_url.rpartition(":")[2])), timeout=3) as line:
        yield line


def test_what_is_sent_arrives_and_is_answered(relay: Relay) -> None:
    with line_to(relay) as line:
        for _ in range(3):
            line.sendall(b"?")
            assert line.recv(4096) == ACK


def test_an_unplugged_cable_holds_everything_back_until_it_is_plugged_in(relay: Relay) -> None:
    with line_to(relay) as line:
        relay.unplug()
        time.sleep(0.1)
        line.sendall(b"?")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(4096)
        with line_to(relay) as later:  # hangs, is not refused
            later.sendall(b"?")
            relay.plug_in()
            line.settimeout(3)
            assert line.recv(4096) == ACK
            assert later.recv(4096) == ACK


def test_a_cut_breaks_every_line_and_new_ones_work(relay: Relay) -> None:
    with line_to(relay) as line:
        line.sendall(b"?")
        assert line.recv(4096) == ACK
        relay.cut()
        assert line.recv(4096) == b""
    with line_to(relay) as line:
        line.sendall(b"?")
        assert line.recv(4096) == ACK


def test_a_dropped_reply_breaks_the_line_after_the_server_did_its_work(relay: Relay) -> None:
    relay.drop_replies(1.0, random.Random(1))
    with line_to(relay) as line:
        line.sendall(b"?")
        assert line.recv(4096) == b""
    assert relay.dropped_replies == 1
    relay.drop_replies(0, random.Random(1))
    with line_to(relay) as line:
        line.sendall(b"?")
        assert line.recv(4096) == ACK


def test_a_delayed_reply_arrives_late_and_whole(relay: Relay) -> None:
    relay.delay_replies(0.5)
    with line_to(relay) as line:
        began = time.monotonic()
        line.sendall(b"?")
        assert line.recv(4096) == ACK
        assert time.monotonic() - began >= 0.5
    assert relay.delayed_replies == 1


def test_refused_means_refused_until_plugged_in(relay: Relay) -> None:
    relay.refuse()
    with line_to(relay) as line:
        assert line.recv(10) == b""
    relay.plug_in()
    with line_to(relay) as line:
        line.sendall(b"?")
        assert line.recv(4096) == ACK
