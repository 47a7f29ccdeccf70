"""A TCP relay that holds every byte back for a while, each direction by itself, without changing the order."""

from __future__ import annotations

import contextlib
import queue
import random
import socket
import threading
import time
from collections.abc import Callable

CHUNK = 65536


class SlowLine:
    """`base_url` is the near end. Each chunk is `delay_s()` late, never overtaking the one before it."""

    def __init__(self, host: str, port: int, mean_s: float, jitter_s: float, seed: int) -> None:
        self._target = (host, port)
        self._dice = random.Random(seed)
        self._mean_s, self._jitter_s = mean_s, jitter_s
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def delay_s(self) -> float:
        return self._mean_s + self._dice.uniform(-self._jitter_s, self._jitter_s)

    def _accept(self) -> None:
        while self._open:
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
            for source, target in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting: queue.Queue[tuple[float, bytes]] = queue.Queue()
                _thread(lambda source=source, waiting=waiting: self._read(source, waiting))
                _thread(lambda target=target, waiting=waiting: self._write(target, waiting))

    def _read(self, source: socket.socket, waiting: queue.Queue[tuple[float, bytes]]) -> None:
        data = b"-"
        while data:
            try:
                data = source.recv(CHUNK)
            except OSError:
                data = b""
            waiting.put((time.monotonic() + self.delay_s(), data))

    @staticmethod
    def _write(target: socket.socket, waiting: queue.Queue[tuple[float, bytes]]) -> None:
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)
            except OSError:
                return


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()
