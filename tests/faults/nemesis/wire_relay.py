"""A TCP relay between one client and the server that cuts a reply, or holds bytes back in either direction."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

CHUNK = 65536


class WireRelay:
    """`base_url` leads to the server. Arm it before the request that is to be hit."""

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self._target = (target_host, target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()
        self._cut_next = threading.Event()
        #: replies that were taken away, so far
        self.cuts = 0
        self.delay_replies_s = 0.0
        self.delay_requests_s = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut_next_reply(self) -> None:
        """The next bytes from the server are thrown away and the line breaks: the server has acted, the client never knows."""
        self._cut_next.set()

    def let_through(self) -> None:
        self._cut_next.clear()
        self.delay_replies_s = self.delay_requests_s = 0.0

    def break_lines(self) -> None:
        """Every open line ends; new ones work."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_lines()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._lines += [near, far]
            threading.Thread(target=self._pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if back and self._cut_next.is_set():
                    self._cut_next.clear()
                    self.cuts += 1
                    break
                delay = self.delay_replies_s if back else self.delay_requests_s
                if delay:
                    time.sleep(delay)
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._lines = [line for line in self._lines if line not in (source, target)]
        source.close()
