"""A websocket that speaks Engine.IO and Socket.IO by hand and keeps every frame, so that nothing is hidden by a client."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from typing import Any

import websocket

SECONDS = 8.0


class Refused(Exception):
    """The handshake or the namespace said no; `args` are status or code, and what came with it."""


class RawSocket:
    """One connection. `frames` holds every text frame that came, pings included."""

    def __init__(self, base_url: str, cookie: str = "", origin: str | None = None) -> None:
        self.frames: list[str] = []
        self.closed = threading.Event()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        address = base_url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        try:
            self._socket = websocket.create_connection(
                address, timeout=SECONDS, cookie=cookie or None, origin=base_url if origin is None else origin
            )
        except websocket.WebSocketBadStatusException as error:
            raise Refused(error.status_code, str(error.resp_body)) from None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    # ── packets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, packet: str | bytes) -> None:
        """One frame as it is; errors of a broken line are the caller's finding, not ours."""
        try:
            if isinstance(packet, bytes):
                self._socket.send_binary(packet)
            else:
                self._socket.send(packet)
        except (OSError, websocket.WebSocketException):
            self.closed.set()

    def join(self, namespace: str, auth: Any = None) -> RawSocket:
        """Connect to a namespace.

        Raises:
            Refused: code and what came with it.
        """
        self.send(f"40{namespace},{json.dumps(auth) if auth is not None else ''}")
        frame = self.wait_for(lambda one: one.startswith((f"40{namespace},", f"44{namespace},")))
        if frame.startswith("44"):
            body = json.loads(frame[len(f"44{namespace},") :])
            told = body if isinstance(body, dict) else {"message": body}
            raise Refused(told.get("message"), told.get("data"))
        return self

    def ask(self, namespace: str, *message: Any) -> Any:
        """Send an event and wait for its acknowledgement."""
        number = next(self._numbers)
        self.send(f"42{namespace},{number}{json.dumps(message)}")
        head = f"43{namespace},{number}["
        frame = self.wait_for(lambda one: one.startswith(head))
        return json.loads(frame[len(head) - 1 :])[0]

    def events(self, namespace: str, name: str) -> list[Any]:
        """Payloads of the events of one name that came so far."""
        head = f'42{namespace},["{name}"'
        return [json.loads(frame[len(f"42{namespace},") :])[1] for frame in list(self.frames) if frame.startswith(head)]

    def wait_for(self, fits: Any, seconds: float = SECONDS) -> str:
        """The first frame that fits."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                found = next((frame for frame in self.frames if fits(frame)), None)
                if found is not None:
                    return found
                left = end - time.monotonic()
                if left <= 0 or (self.closed.is_set() and not self._thread.is_alive()):
                    raise TimeoutError(f"nothing came that fits; closed: {self.closed.is_set()}")
                self._changed.wait(min(left, 0.2))

    def close(self) -> None:
        self.closed.set()
        try:
            if self._socket.sock is not None:
                self._socket.sock.shutdown(socket.SHUT_RDWR)  # no farewell: the server must cope with lines that end
        except (OSError, websocket.WebSocketException):
            self.closed.set()
        self._thread.join(1)
        self._socket.shutdown()

    def _read(self) -> None:
        self._socket.settimeout(0.5)
        while not self.closed.is_set():
            try:
                frame = self._socket.recv()
            except websocket.WebSocketTimeoutException:
                continue
            except (OSError, websocket.WebSocketException):
                break
            if not isinstance(frame, str) or frame == "":
                break
            if frame == "2":
                self.send("3")
            with self._changed:
                self.frames.append(frame)
                self._changed.notify_all()
        self.closed.set()
        with self._changed:
            self._changed.notify_all()


__all__ = ["RawSocket", "Refused"]
