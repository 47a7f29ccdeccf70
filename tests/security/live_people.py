"""People at a live server: HTTP clients that keep every byte, and their sockets."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

from itembank.domain.sealing import read_paper_file
from server.rehearsal.demo_site import DemoAccount
from server.scheduling.services.issue_tickets import IssuedTicket
from tests.security.raw_socket import RawSocket


class Listener:
    """An HTTP client; `heard` holds every byte of every reply, headers too, and of every socket frame."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.sockets: list[RawSocket] = []
        #: hands in at the end of the test
        self.leaves = True
        self._replies: list[bytes] = []
        self.http = httpx.Client(
            base_url=base_url, timeout=20, headers={"Origin": base_url}, event_hooks={"response": [self._keep]}
        )

    def _keep(self, response: httpx.Response) -> None:
        response.read()
        self._replies.append(f"{response.request.url}\n{response.headers}\n".encode() + response.content)

    @property
    def heard(self) -> bytes:
        frames = [frame.encode() for socket in self.sockets for frame in list(socket.frames)]
        # JSON escapes Chinese on the sockets: both spellings are searched.
        unescaped = [_unescaped(frame) for frame in frames]
        return b"\n".join([*self._replies, *frames, *unescaped])

    def note(self, what: bytes) -> None:
        """Something that was learnt in another way, e.g. by decrypting."""
        self._replies.append(what)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def socket(self, namespace: str, auth: Any = None) -> RawSocket:
        opened = RawSocket(self.base_url, self.cookie)
        self.sockets.append(opened)
        return opened.join(namespace, auth)

    def hang_up(self) -> None:
        """Close the sockets; stay signed in."""
        for socket in self.sockets:
            socket.close()
        self.sockets.clear()
        self._replies.clear()

    def close(self) -> None:
        self.hang_up()
        self.http.close()


def _unescaped(frame: bytes) -> bytes:
    return frame.decode().encode().decode("unicode_escape", errors="replace").encode("utf-8", errors="replace")


class LiveStaff(Listener):
    """Somebody of the staff."""

    def __init__(self, base_url: str, account: DemoAccount) -> None:
        super().__init__(base_url)
        reply = self.http.post(
            "/api/staff/sign-in", json={"login_name": account.login_name, "password": account.password}
        )
        assert reply.status_code == 200, reply.text
        self.http.headers["X-CSRF-Token"] = reply.json()["csrf_token"]


@dataclass
class LiveCandidate:
    """A candidate: page and channel."""

    base_url: str
    ticket: IssuedTicket
    device: str = field(default_factory=lambda: secrets.token_hex(32))
    page_id: str = field(default_factory=lambda: secrets.token_hex(16))
    paper: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    seq: int = 0

    def __post_init__(self) -> None:
        self.line = Listener(self.base_url)

    def post(self, name: str, body: dict[str, Any]) -> httpx.Response:
        return self.line.http.post(f"/api/candidate/{name}", json=body)

    def enter(self) -> dict[str, Any]:
        body = {"ticket_number": self.ticket.number, "pin": self.ticket.pin, "device_secret": self.device}
        for name, message in (("sign-in", body), ("confirm", {"step": "identity"}), ("confirm", {"step": "rules"})):
            reply = self.post(name, message)
            assert reply.status_code == 200, reply.text
        state: dict[str, Any] = reply.json()
        return state

    def begin(self) -> dict[str, Any]:
        state = self.line.http.get("/api/candidate/state").json()
        sealed = self.line.http.get(state["paper"]["url"]).content
        reply = self.post("begin", {"page_id": self.page_id})
        assert reply.status_code == 200, reply.text
        self.epoch, self.seq = reply.json()["epoch"], reply.json()["last_seq"]
        self.paper = read_paper_file(base64.b64decode(reply.json()["key"]), state["paper"]["aad"], sealed)
        self.line.note(json.dumps(self.paper, ensure_ascii=False).encode())
        return self.paper

    def join(self) -> RawSocket:
        return self.line.socket("/candidate", {"page_id": self.page_id})

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for section in self.paper["sections"] for item in section["items"]]

    def message(self, item: str, value: list[str], *, epoch: int | None = None) -> dict[str, Any]:
        self.seq += 1
        entry = {
            "seq": self.seq, "page_id": self.page_id, "kind": "answer", "item": item, "value": value,
            "client_time_ms": 1_700_000_000_000, "client_monotonic_ms": 1_000,
        }  # fmt: skip
        return {"page_id": self.page_id, "epoch": self.epoch if epoch is None else epoch, "entries": [entry]}
