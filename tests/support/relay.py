"""A small TCP relay between a client and a server that can be cut, or made to swallow what the server answers."""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 65536


class Relay:
    """`base_url` leads to the server; `swallow_answers()` lets requests through and keeps replies back; `cut()` breaks all lines."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        self._swallowing = threading.Event()
        self.swallowed = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def swallow_answers(self) -> None:
        """The wire back is dead although nobody knows yet."""
        self._swallowing.set()

    def cut(self) -> None:
        """Everybody's line breaks; new ones work again."""
        self._swallowing.clear()
        lines, self._lines = self._lines, []
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target_port))
            self._lines += [near, far]
            threading.Thread(target=self._pump, args=(near, far), kwargs={"back": False}, daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near), kwargs={"back": True}, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, *, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if back and self._swallowing.is_set():
                    self.swallowed += len(data)
                    continue
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
