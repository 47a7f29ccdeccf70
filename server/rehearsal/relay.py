"""A TCP relay between clients and one node that can be cut, stalled, or made to lose or hold back what the node answers.

One thread with a selector carries all lines, so that it costs the same in cooperative and in ordinary processes.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field

CHUNK = 65536
TICK_S = 0.02
#: what an acknowledgement of answers looks like on the way back, over the live channel and over HTTP
ACK_MARK = b'"acks"'


@dataclass(eq=False)
class _Line:
    near: socket.socket
    far: socket.socket
    to_far: bytearray = field(default_factory=bytearray)
    #: (not before, bytes)
    to_near: deque[tuple[float, bytes]] = field(default_factory=deque)


class Relay:
    """`base_url` leads to the node behind it. Every switch may be set at any moment from any thread."""

    def __init__(self, target_port: int, *, host: str = "127.0.0.1") -> None:
        self._target = (host, target_port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self._port = self._listener.getsockname()[1]
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._lines: dict[socket.socket, _Line] = {}
        self._waiting: list[socket.socket] = []
        #: lines with something to pass on
        self._pending: set[_Line] = set()
        self._swallowing = self._stalled = self._refusing = self._closing = self._cut_now = False
        self._delay_s = 0.0
        self._drop: tuple[float, random.Random] | None = None
        self._settled = threading.Event()
        #: bytes of answers kept back for good, acknowledgements lost that way
        self.swallowed = 0
        self.dropped_replies = 0
        self.delayed_replies = 0
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        """The way in."""
        return f"http://127.0.0.1:{self._port}"

    def swallow_answers(self) -> None:
        """The wire back is dead although nobody knows yet; until `cut`."""
        self._swallowing = True

    def cut(self) -> None:
        """Everybody's line breaks; new ones work again."""
        self._swallowing = self._stalled = self._refusing = False
        self._do_cut()

    def unplug(self) -> None:
        """The cable is out: nothing goes through, lines do not know it, new ones hang. Until `plug_in`."""
        self._stalled = True
        self._ring()

    def refuse(self) -> None:
        """All lines break and new ones are refused, until `plug_in`."""
        self._refusing = True
        self._do_cut()

    def plug_in(self) -> None:
        """As before; what a cable held back arrives now, as TCP would deliver it."""
        self._stalled = self._refusing = False
        self._ring()

    def drop_replies(self, share: float, source: random.Random) -> None:
        """Of the acknowledgements of answers this share is lost on the way, and the line breaks. 0 ends it."""
        self._drop = (share, source) if share else None

    def delay_replies(self, seconds: float) -> None:
        """Acknowledgements of answers arrive so much later. 0 ends it."""
        self._delay_s = seconds

    def close(self) -> None:
        """No more lines, no more thread."""
        self._closing = True
        self._ring()
        self._thread.join(timeout=5)

    # ── the thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def _do_cut(self) -> None:
        self._cut_now = True
        self._settled.clear()
        self._ring()
        self._settled.wait(2)

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    def _run(self) -> None:
        while not self._closing:
            if self._stalled:  # nothing is read, so that both sides feel the cable
                time.sleep(TICK_S)
                self._accept()
            else:
                for key, _ in self._selector.select(TICK_S if self._pending else None):
                    self._serve(key.fileobj)  # type: ignore[arg-type]
            if self._cut_now:
                self._cut_now = False
                self._cut_all()
                self._settled.set()
            if not self._stalled:
                waiting, self._waiting = self._waiting, []
                for near in waiting:
                    self._join(near)
            for line in list(self._pending):
                self._flush(line)
        self._cut_all()
        for one in (self._listener, self._bell, self._rope):
            one.close()
        self._selector.close()

    def _serve(self, one: socket.socket) -> None:
        if one is self._bell:
            with contextlib.suppress(OSError):
                self._bell.recv(4096)
        elif one is self._listener:
            self._accept()
        elif one in self._lines:
            self._read(self._lines[one], one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            near, _ = self._listener.accept()
            if self._refusing:
                near.close()
            elif self._stalled:
                self._waiting.append(near)
            else:
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=2)
        except OSError:
            near.close()
            return
        line = _Line(near, far)
        for one in (near, far):
            one.setblocking(False)
            with contextlib.suppress(OSError):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines[one] = line
            self._selector.register(one, selectors.EVENT_READ)

    def _read(self, line: _Line, one: socket.socket) -> None:
        try:
            data = one.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._flush(line)
            self._end(line)
        elif one is line.near:
            line.to_far += data
            self._pending.add(line)
        else:
            self._take_answer(line, data)

    def _take_answer(self, line: _Line, data: bytes) -> None:
        if self._swallowing:
            self.swallowed += len(data)
            return
        is_ack = ACK_MARK in data
        if is_ack and self._drop is not None and self._drop[1].random() < self._drop[0]:
            self.dropped_replies += 1
            self._end(line)
            return
        due = 0.0
        if is_ack and self._delay_s:
            self.delayed_replies += 1
            due = time.monotonic() + self._delay_s
        line.to_near.append((due, data))
        self._pending.add(line)

    def _flush(self, line: _Line) -> None:
        if self._stalled:
            return
        try:
            if line.to_far:
                del line.to_far[: line.far.send(line.to_far)]
            now = time.monotonic()
            while line.to_near and line.to_near[0][0] <= now:  # what comes after a delayed answer waits behind it
                due, data = line.to_near[0]
                sent = line.near.send(data)
                if sent < len(data):
                    line.to_near[0] = (due, data[sent:])
                    break
                line.to_near.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._end(line)
            return
        if not line.to_far and not line.to_near:
            self._pending.discard(line)
        self._listen_for(line)

    def _listen_for(self, line: _Line) -> None:
        for one, has_more in (
            (line.near, bool(line.to_near) and line.to_near[0][0] == 0),
            (line.far, bool(line.to_far)),
        ):
            if one in self._lines:
                self._selector.modify(one, selectors.EVENT_READ | (selectors.EVENT_WRITE if has_more else 0))

    def _end(self, line: _Line) -> None:
        self._pending.discard(line)
        for one in (line.near, line.far):
            if self._lines.pop(one, None) is not None:
                self._selector.unregister(one)
            with contextlib.suppress(OSError):
                one.close()

    def _cut_all(self) -> None:
        for line in set(self._lines.values()):
            self._end(line)
        for near in self._waiting:
            near.close()
        self._waiting.clear()
