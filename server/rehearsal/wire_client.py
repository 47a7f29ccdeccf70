"""A small raw Socket.IO client over websocket: what `deploy/docs/wire.md` describes, and nothing more.

Engine.IO 4 / Socket.IO 5 text packets: `0{open}` · `40/ns,{auth}` connect · `42/ns,id[event,payload]` · `43/ns,id[ack]` ·
`2`/`3` ping and pong. The general client costs several times the CPU, which would make a rehearsal measure itself.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import websocket

ACK_TIMEOUT_S = 6.0
CONNECT_TIMEOUT_S = 5.0
#: without a word from the server for longer than it promised, the line is dead
DEFAULT_SILENCE_S = 30.0


class ChannelDown(Exception):
    """The live channel is not there (any more); what was not acknowledged must be sent again."""


class ChannelRefused(Exception):
    """The server refused the connection; `args[0]` is its code."""


class WireClient:
    """One connection to one namespace. `on_event(name, payload)` hears what the server sends, `on_lost()` its end."""

    def __init__(
        self, base_url: str, namespace: str, cookie: str, on_event: Callable[[str, Any], None],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._namespace = namespace
        self._on_event = on_event
        self._on_lost = on_lost
        #: when it ended (`time.monotonic`)
        self.closed_at: float | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[threading.Event, list[Any]]] = {}
        self._ready = threading.Event()
        self._refusal: str | None = None
        self._open = True
        address = urlsplit(base_url)
        scheme = "wss" if address.scheme == "https" else "ws"
        try:
            self._socket = websocket.create_connection(
                f"{scheme}://{address.netloc}/socket.io/?EIO=4&transport=websocket",
                timeout=CONNECT_TIMEOUT_S,
                cookie=cookie,
                origin=base_url,
            )
        except (OSError, websocket.WebSocketException) as error:
            raise ChannelDown(str(error)) from error

    def connect(self, auth: dict[str, Any]) -> None:
        """Join the namespace.

        Raises:
            ChannelDown, ChannelRefused.
        """
        self._send(f"40{self._namespace},{json.dumps(auth)}")
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(CONNECT_TIMEOUT_S):
            self.close()
            raise ChannelDown("no answer to the connection")
        if self._refusal is not None:
            self.close()
            raise ChannelRefused(self._refusal)
        if not self._open:
            raise ChannelDown("closed while connecting")

    @property
    def is_open(self) -> bool:
        """False once the connection broke or was closed."""
        return self._open

    def ask(self, name: str, payload: dict[str, Any]) -> Any:
        """Send a message and wait for its acknowledgement.

        Raises:
            ChannelDown: no acknowledgement; it may or may not have been stored.
        """
        number = next(self._numbers)
        arrived, answer = threading.Event(), list[Any]()
        self._waiting[number] = (arrived, answer)
        try:
            self._send(f"42{self._namespace},{number}{json.dumps([name, payload])}")
            if not arrived.wait(ACK_TIMEOUT_S) or not answer:
                raise ChannelDown("no acknowledgement")
            return answer[0]
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Break the connection."""
        self._open = False
        if self.closed_at is None:
            self.closed_at = time.monotonic()
            self._on_lost()
        self._ready.set()
        try:
            self._socket.close(timeout=0)
        except (OSError, websocket.WebSocketException):
            self._open = False
        for arrived, _ in list(self._waiting.values()):
            arrived.set()

    def _send(self, packet: str) -> None:
        try:
            self._socket.send(packet)
        except (OSError, websocket.WebSocketException) as error:
            self.close()
            raise ChannelDown(str(error)) from error

    def _read(self) -> None:
        self._socket.settimeout(DEFAULT_SILENCE_S)
        try:
            while self._open:
                packet = self._socket.recv()
                if not isinstance(packet, str) or packet == "":
                    break
                self._take(packet)
        except (OSError, websocket.WebSocketException, ValueError):
            self._open = False
        self.close()

    def _take(self, packet: str) -> None:
        if packet == "2":
            self._send("3")
            return
        if packet.startswith("0"):
            promised = json.loads(packet[1:])
            self._socket.settimeout((promised["pingInterval"] + promised["pingTimeout"]) / 1000)
            return
        kind, head = packet[:2], f"{self._namespace},"
        if not packet[2:].startswith(head):
            return
        body = packet[2 + len(head) :]
        if kind == "40":
            self._ready.set()
        elif kind == "44":
            self._refusal = str(json.loads(body).get("message", "REFUSED"))
            self._ready.set()
        elif kind == "43":
            digits = len(body) - len(body.lstrip("0123456789"))
            waiting = self._waiting.get(int(body[:digits]))
            if waiting is not None:
                waiting[1].extend(json.loads(body[digits:]))
                waiting[0].set()
        elif kind == "42":
            name, *arguments = json.loads(body[body.index("[") :])
            self._on_event(name, arguments[0] if arguments else None)
