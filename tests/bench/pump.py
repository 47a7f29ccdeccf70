"""The load generator: bare frames over bare sockets, in a process of its own on a core of its own.

Frames and requests are built before the measuring begins and a reply is looked at no further than is needed to tell that
it is an acknowledgement: the generator must cost less than the server it measures. Commands come as JSON lines on standard
input, replies go as JSON lines to standard output (`tests.bench.load.Pump` is the other end).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.bench.measures import percentiles

NAMESPACE = "/candidate"
#: first byte of a paper file whose plaintext is compressed (deploy/docs/wire.md)
COMPRESSED = 2
Seat = dict[str, Any]


def text_frame(text: bytes) -> bytes:
    """A client's frame; the mask is zero, which costs the server as much as any other."""
    size = len(text)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0x80 | 126, size)
    return head + b"\0\0\0\0" + text


class Line:
    """Running numbers of one page, and the bodies of its messages."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.seq = 0
        self.began = time.monotonic()

    def body(self) -> str:
        """The next answer: the next item, its first option, as the page would send it."""
        self.seq += 1
        item, option = self.seat["choices"][self.seq % len(self.seat["choices"])]
        now = time.time()
        entry = {
            "seq": self.seq,
            "kind": "answer",
            "item": item,
            "value": [option],
            "client_time_ms": int(now * 1000),
            "client_monotonic_ms": int((time.monotonic() - self.began) * 1000),
        }
        message = {"page_id": self.seat["page_id"], "epoch": 1, "entries": [entry]}
        return json.dumps(message, separators=(",", ":"))


class Channel(asyncio.Protocol):
    """One page's live channel."""

    def __init__(self, seat: Seat, line: Line, host: str, namespace: str = NAMESPACE) -> None:
        self.seat, self.line, self.host, self.namespace = seat, line, host, namespace
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_ack: Callable[[bytes], None] | None = None
        self.sent_bytes = self.got_bytes = 0
        self.told = 0
        self.is_lost = False
        self._buffer = b""
        self._is_open = False
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Sec-WebSocket-Version: 13\r\nOrigin: http://{self.host}\r\nCookie: {self.seat['cookie']}\r\n\r\n".encode()
        )

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_lost = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the channel was closed while it opened"))

    def data_received(self, data: bytes) -> None:
        self.got_bytes += len(data)
        self._buffer += data
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self.transport.close()
                return
            self._buffer, self._is_open = self._buffer[end + 4 :], True
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                if len(buffer) - at < 2 + wide:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 2 + wide], "big"), at + 2 + wide
            if len(buffer) < start + size:
                break
            if buffer[at] == 0x81:
                self._take(buffer[start : start + size])
            at = start + size
        self._buffer = buffer[at:]

    def _take(self, packet: bytes) -> None:
        head = packet[:2]
        if head == b"43":
            if self.on_ack is not None:
                self.on_ack(packet)
        elif packet[:1] == b"0":
            auth = json.dumps({"page_id": self.seat["page_id"]}, separators=(",", ":"))
            self._write(f"40{self.namespace},{auth}")
        elif packet[:1] == b"2":
            self._write("3")
        elif head == b"40":
            self.ready.set_result(None)
        elif head == b"44":
            self.ready.set_exception(ConnectionError(packet.decode()))
        else:
            self.told += 1

    def _write(self, text: str) -> None:
        frame = text_frame(text.encode())
        self.sent_bytes += len(frame)
        self.transport.write(frame)

    def send(self, event: str) -> None:
        """One answer, or one message that asks for nothing."""
        self._number += 1
        body = self.line.body() if event != "heartbeat" else f'{{"page_id":"{self.seat["page_id"]}","unsent":0}}'
        self._write(f'42{NAMESPACE},{self._number % 1000}["{event}",{body}]')


class Requests(asyncio.Protocol):
    """One keep-alive HTTP connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._reply: asyncio.Future[tuple[int, bytes]] | None = None
        self.cookie = ""
        self.sent_bytes = self.got_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def connection_lost(self, _error: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self.got_bytes += len(data)
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        place = head.find(b"content-length:")
        size = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self._buffer) >= end + 4 + size and self._reply is not None:
            body = bytes(self._buffer[end + 4 : end + 4 + size])
            given = bytes(self._buffer[:end]).partition(b"Set-Cookie: ")[2]
            if given:
                self.cookie = given.split(b";", 1)[0].decode()
            self._buffer.clear()
            self._reply.set_result((int(head[9:12]), body))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._reply = asyncio.get_running_loop().create_future()
        self.sent_bytes += len(request)
        self.transport.write(request)
        return self._reply


class Generator:
    """What the commands do."""

    def __init__(self, port: int, seats: list[Seat]) -> None:
        self.port, self.seats = port, seats
        self.host = f"127.0.0.1:{port}"
        self.lines = [Line(seat) for seat in seats]
        self.channels: dict[int, Channel] = {}
        self.http: dict[int, Requests] = {}
        self.papers: dict[int, bytes] = {}
        self.paper_bytes: list[int] = []
        self.boards: list[Channel] = []

    async def _requests(self, place: int) -> Requests:
        if place not in self.http:
            loop = asyncio.get_running_loop()
            _, self.http[place] = await loop.create_connection(Requests, "127.0.0.1", self.port)
        return self.http[place]

    def _request(self, place: int, method: str, path: str, body: str = "", extra: str = "") -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nOrigin: http://{self.host}\r\n"
            f"Cookie: {self.seats[place]['cookie']}\r\n{extra}"
        )
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        return f"{head}\r\n{body}".encode()

    async def connect(self, people: int) -> dict[str, Any]:
        """Open the live channels of the first so many, a hundred at a time."""
        return await self.connect_some(0, people)

    async def connect_some(self, first: int, last: int) -> dict[str, Any]:
        """Open the live channels of these."""
        began = time.monotonic()

        async def one(place: int) -> None:
            loop = asyncio.get_running_loop()
            _, channel = await loop.create_connection(
                lambda: Channel(self.seats[place], self.lines[place], self.host), "127.0.0.1", self.port
            )
            await channel.ready
            self.channels[place] = channel

        waiting = [place for place in range(first, last) if place not in self.channels]
        for start in range(0, len(waiting), 100):
            await asyncio.gather(*(one(place) for place in waiting[start : start + 100]))
        return {"connected": len(self.channels), "s": time.monotonic() - began}

    async def watch(self, boards: list[dict[str, str]]) -> dict[str, Any]:
        """Leave so many boards of rooms open; what comes is counted and thrown away."""
        loop = asyncio.get_running_loop()
        for board in boards:
            seat = {"cookie": board["cookie"], "page_id": ""}
            _, channel = await loop.create_connection(
                lambda seat=seat: Channel(seat, self.lines[0], self.host, "/proctor"), "127.0.0.1", self.port
            )
            await channel.ready
            told = {"sitting_id": board["sitting_id"], "room_id": board["room_id"]}
            channel._write("42/proctor,1" + json.dumps(["watch_room", told]))
            self.boards.append(channel)
        await asyncio.sleep(0.5)
        return {"boards": len(self.boards)}

    async def look_away(self) -> dict[str, Any]:
        """Close the boards."""
        told = sum(board.told for board in self.boards)
        got = sum(board.got_bytes for board in self.boards)
        for board in self.boards:
            board.transport.close()
        self.boards.clear()
        return {"deltas": told, "bytes": got}

    async def sign_in(self, first: int, last: int, at_once: int) -> dict[str, Any]:
        """As the page does: ticket number and PIN, then the state."""
        turn = asyncio.Semaphore(at_once)
        waits: list[float] = []

        async def one(place: int) -> None:
            seat = self.seats[place]
            body = json.dumps({"ticket_number": seat["ticket_number"], "pin": seat["pin"], "device_secret": "d" * 64})
            async with turn:
                http = await self._requests(place)
                began = time.monotonic()
                status, reply = await http.ask(self._request(place, "POST", "/api/candidate/sign-in", body))
                if status != 200:
                    raise ConnectionError(reply.decode()[:200])
                seat["cookie"] = http.cookie
                waits.append((time.monotonic() - began) * 1000)
                for _ in range(2):  # the two confirmations are answered with the state as well
                    await http.ask(self._request(place, "GET", "/api/candidate/state"))

        await asyncio.gather(*(one(place) for place in range(first, last)))
        return {"ms": percentiles(waits)}

    async def answer_all(self, first: int, last: int, count: int) -> dict[str, Any]:
        """Each of them so many answers by the live channel, one after the other."""
        acked = 0

        async def one(place: int) -> None:
            nonlocal acked
            channel, loop = self.channels[place], asyncio.get_running_loop()
            for _ in range(count):
                reply: asyncio.Future[bytes] = loop.create_future()
                channel.on_ack = reply.set_result
                channel.send("record_answers")
                acked += b'"ok":true' in await asyncio.wait_for(reply, 20)

        await asyncio.gather(*(one(place) for place in range(first, last)))
        return {"acked": acked}

    async def standings(self, first: int, last: int) -> dict[str, Any]:
        """One more answer of everybody, by plain HTTP: what each was told, counted."""
        told: dict[str, int] = {}

        async def one(place: int) -> None:
            http = await self._requests(place)
            status, reply = await http.ask(
                self._request(place, "POST", "/api/candidate/answers", self.lines[place].body())
            )
            said = json.loads(reply)
            name = said["acks"][0]["standing"] if status == 200 else said["code"]
            told[name] = told.get(name, 0) + 1

        await asyncio.gather(*(one(place) for place in range(first, last)))
        return {"told": told}

    async def submit_all(self, first: int, last: int, at: float = 0.0) -> dict[str, Any]:
        """All hand in at one moment: now, or at `at` (seconds since the epoch)."""
        waits: list[float] = []
        ended = 0

        async def one(place: int, at: float) -> None:
            nonlocal ended
            body = json.dumps({"page_id": self.seats[place]["page_id"], "answered": 90})
            status, reply = await self.http[place].ask(self._request(place, "POST", "/api/candidate/submit", body))
            waits.append((time.monotonic() - at) * 1000)
            ended += status == 200 and bool(json.loads(reply).get("receipt"))

        for place in range(first, last):
            await self._requests(place)
        await asyncio.sleep(max(0.0, at - time.time()) if at else 0.0)
        began = time.monotonic()
        await asyncio.gather(*(one(place, began) for place in range(first, last)))
        return {"ended": ended, "ms": percentiles(waits)}

    async def disconnect(self) -> dict[str, Any]:
        """Close all of them."""
        for channel in self.channels.values():
            channel.transport.close()
        closed = len(self.channels)
        self.channels.clear()
        await asyncio.sleep(0.2)
        return {"closed": closed}

    async def papers_early(self, first: int, last: int) -> dict[str, Any]:
        """Fetch the encrypted papers, as pages do before the start; bytes are counted at the socket."""
        began = time.monotonic()

        async def one(place: int) -> None:
            http = await self._requests(place)
            before = http.sent_bytes + http.got_bytes
            status, body = await http.ask(self._request(place, "GET", self.seats[place]["paper_url"]))
            if status != 200:
                raise ConnectionError(f"no paper: {status}")
            self.papers[place] = body
            self.paper_bytes.append(http.sent_bytes + http.got_bytes - before)

        for start in range(first, last, 50):
            await asyncio.gather(*(one(place) for place in range(start, min(last, start + 50))))
        return {
            "s": time.monotonic() - began,
            "bytes_each": sum(self.paper_bytes) / len(self.paper_bytes),
            "body_bytes_each": sum(map(len, self.papers.values())) / len(self.papers),
        }

    async def begin(self, first: int, last: int) -> dict[str, Any]:
        """All press at one moment; a wait ends when the first question has been decrypted."""
        waits: list[float] = []
        refused: list[str] = []
        for place in range(first, last):
            await self._requests(place)

        async def one(place: int, at: float) -> None:
            seat = self.seats[place]
            body = json.dumps({"page_id": seat["page_id"]})
            status, reply = await self.http[place].ask(self._request(place, "POST", "/api/candidate/begin", body))
            if status != 200:
                refused.append(reply.decode()[:200])
                return
            key, sealed = base64.b64decode(json.loads(reply)["key"]), self.papers[place]
            text = AESGCM(key).decrypt(sealed[1:13], sealed[13:], seat["paper_aad"].encode())
            if sealed[0] == COMPRESSED:
                text = zlib.decompress(text)
            if not json.loads(text)["sections"][0]["items"][0]["stem"]:
                refused.append("no first question")
            waits.append((time.monotonic() - at) * 1000)

        at = time.monotonic()
        await asyncio.gather(*(one(place, at) for place in range(first, last)))
        return {"refused": refused[:3], "failed": len(refused), "ms": percentiles(waits)}

    async def saturate(self, event: str, people: int, seconds: float) -> dict[str, Any]:
        """Closed loop: everybody sends the next one when the last one was acknowledged."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        end = time.monotonic() + seconds
        channels = [self.channels[place] for place in range(people)]
        acked, bad, finished = 0, [], 0
        waits: list[float] = []
        sent_before = sum(channel.sent_bytes + channel.got_bytes for channel in channels)

        def drive(channel: Channel) -> None:
            sent_at = 0.0

            def next_one(packet: bytes) -> None:
                nonlocal acked, finished, sent_at
                now = time.monotonic()
                if b'"ok":true' in packet:
                    acked += 1
                    waits.append((now - sent_at) * 1000)
                else:
                    bad.append(packet.decode()[:300])
                if now < end and not (bad and len(bad) > 50):
                    sent_at = now
                    channel.send(event)
                else:
                    finished += 1
                    if finished == len(channels) and not done.done():
                        done.set_result(None)

            channel.on_ack = next_one
            sent_at = time.monotonic()
            channel.send(event)

        began = time.monotonic()
        for channel in channels:
            drive(channel)
        await asyncio.wait_for(done, seconds + 20)
        lasted = time.monotonic() - began
        moved = sum(channel.sent_bytes + channel.got_bytes for channel in channels) - sent_before
        return {
            "acked": acked, "bad": bad[:2], "per_s": acked / lasted, "s": lasted, "ms": percentiles(waits),
            "bytes_each": moved / max(1, acked),
        }  # fmt: skip

    async def pace(
        self, people: int, period: float, seconds: float, by: str = "socket", first: int = 0
    ) -> dict[str, Any]:
        """Open loop: everybody answers once a period, evenly spread; waits are counted from the moment it was due."""
        waits: list[float] = []
        bad: list[str] = []
        loop = asyncio.get_running_loop()
        began = time.monotonic() + 0.1

        async def one(place: int, offset: float) -> None:
            channel = self.channels.get(place)
            due = began + offset
            while due < began + seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                late = max(0.0, time.monotonic() - due)  # the generator's own lateness is not the server's
                if by == "socket" and channel is not None:
                    reply: asyncio.Future[bytes] = loop.create_future()
                    channel.on_ack = lambda packet, reply=reply: None if reply.done() else reply.set_result(packet)  # type: ignore[misc]
                    channel.send("record_answers")
                    ok = b'"ok":true' in await asyncio.wait_for(reply, 20)
                else:
                    request = self._request(place, "POST", "/api/candidate/answers", self.lines[place].body())
                    status, _ = await asyncio.wait_for(self.http[place].ask(request), 20)
                    ok = status == 200
                waits.append((time.monotonic() - due - late) * 1000)
                if not ok:
                    bad.append("refused")
                due += period

        if by == "http":
            for place in range(first, first + people):
                await self._requests(place)
        await asyncio.gather(
            *(one(first + place, period * place / people) for place in range(people)), return_exceptions=False
        )
        return {
            "acked": len(waits) - len(bad),
            "bad": len(bad),
            "ms": percentiles(waits),
            "s": time.monotonic() - began,
        }

    async def saturate_http(self, people: int, seconds: float) -> dict[str, Any]:
        """As `saturate`, by POST."""
        for place in range(people):
            await self._requests(place)
        end = time.monotonic() + seconds
        waits: list[float] = []
        bad: list[str] = []
        before = sum(http.sent_bytes + http.got_bytes for http in self.http.values())

        async def one(place: int) -> None:
            http, line = self.http[place], self.lines[place]
            while time.monotonic() < end and len(bad) < 50:
                sent_at = time.monotonic()
                status, body = await http.ask(self._request(place, "POST", "/api/candidate/answers", line.body()))
                if status == 200:
                    waits.append((time.monotonic() - sent_at) * 1000)
                else:
                    bad.append(body.decode()[:300])

        began = time.monotonic()
        await asyncio.gather(*(one(place) for place in range(people)))
        lasted = time.monotonic() - began
        moved = sum(http.sent_bytes + http.got_bytes for http in self.http.values()) - before
        return {
            "acked": len(waits), "bad": bad[:2], "per_s": len(waits) / lasted, "s": lasted, "ms": percentiles(waits),
            "bytes_each": moved / max(1, len(waits)),
        }  # fmt: skip

    async def call(self, place: int, method: str, path: str, body: str = "") -> dict[str, Any]:
        """One request of one candidate."""
        status, reply = await (await self._requests(place)).ask(self._request(place, method, path, body))
        return {"status": status, "bytes": len(reply)}


async def main(port: int, seats: list[Seat]) -> None:
    """Commands until standard input ends."""

    generator = Generator(port, seats)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while command := await reader.readline():
        wanted = json.loads(command)
        try:
            reply = await getattr(generator, wanted.pop("do"))(**wanted)
        except (OSError, ValueError, LookupError) as error:  # told to the other end, which fails with it
            reply = {"error": f"{type(error).__name__}: {error}"}
        usage = time.process_time()
        print(json.dumps({**reply, "generator_cpu_s": usage}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
