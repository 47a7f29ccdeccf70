"""The whole application in this process, without a listener: Flask's own client, a clock moved by hand."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from itembank.domain.sealing import open_paper
from server.accounts.models import Account
from server.app import ExamServer
from server.audit.models import AuditEntry
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.permissions import Role
from server.delivery.models import Attempt, JournalEntry
from server.rehearsal.demo_site import DemoAccount, DemoRoom
from server.scheduling.services.issue_tickets import IssuedTicket
from server.settings import Settings
from server.storage.base import Base
from server.storage.database import Database
from server.webkit.platform import Platform
from tests.factories.accounts import a_sign_in
from tests.factories.scheduling import STARTS_AT, a_vault
from tests.security.planted_site import PIN, PlantedSite, planted_site

T = STARTS_AT
MINUTE = timedelta(minutes=1)
DEVICE, OTHER_DEVICE = "a" * 64, "b" * 64
PAGE, OTHER_PAGE = "c" * 32, "d" * 32
HOST = "http://localhost"


@dataclass
class Visitor:
    """A browser: its cookies, and the CSRF header its page would send."""

    client: FlaskClient
    csrf: str = ""
    #: everything that came back, to be searched
    received: list[bytes] = field(default_factory=list)

    def get(self, address: str, **headers: str) -> TestResponse:
        return self._keep(self.client.get(address, headers=self._headers(headers)))

    def post(self, address: str, body: Any = None, **headers: str) -> TestResponse:
        return self._keep(self.client.post(address, json={} if body is None else body, headers=self._headers(headers)))

    def send(self, method: str, address: str, **more: Any) -> TestResponse:
        return self._keep(self.client.open(address, method=method, **more))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {
            **({"X-CSRF-Token": self.csrf} if self.csrf else {}),
            **{name.replace("_", "-"): v for name, v in more.items()},
        }

    def _keep(self, response: TestResponse) -> TestResponse:
        self.received.append(f"{response.status}\n{response.headers}\n".encode() + response.get_data())
        response.close()
        return response


@dataclass
class CandidateBrowser(Visitor):
    """A candidate's browser."""

    world: ExamWorld = field(default=None)  # type: ignore[assignment]
    ticket: IssuedTicket = field(default=None)  # type: ignore[assignment]
    device: str = DEVICE
    page_id: str = PAGE
    epoch: int = 0
    key: str = ""
    paper: dict[str, Any] = field(default_factory=dict)
    seq: int = 0

    def sign_in(self, **changes: Any) -> TestResponse:
        body = {"ticket_number": self.ticket.number, "pin": self.ticket.pin, "device_secret": self.device, **changes}
        return self.post("/api/candidate/sign-in", body)

    def confirm(self) -> None:
        for step in ("identity", "rules"):
            assert self.post("/api/candidate/confirm", {"step": step}).status_code == 200

    def begin(self) -> TestResponse:
        """Fetch the paper and its key, open it as the page does."""
        state = self.get("/api/candidate/state").json
        reply = self.post("/api/candidate/begin", {"page_id": self.page_id})
        if reply.status_code == 200:
            self.epoch = reply.json["epoch"]
            self.paper = self.open(state["paper"], reply.json["key"])
        return reply

    def open(self, paper: dict[str, Any], key: str) -> dict[str, Any]:
        import base64
        import json

        file = self.get(paper["url"]).get_data()
        document = open_paper(base64.b64decode(key), paper["aad"].split(":")[1], file)
        self.received.append(json.dumps(document, ensure_ascii=False).encode())
        return document

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for section in self.paper["sections"] for item in section["items"]]

    def entry(self, item: str, value: list[str], **changes: Any) -> dict[str, Any]:
        self.seq += 1
        return {
            "seq": self.seq, "page_id": self.page_id, "kind": "answer", "item": item, "value": value,
            "client_time_ms": 0, "client_monotonic_ms": 0, **changes,
        }  # fmt: skip

    def save(self, *entries: dict[str, Any], epoch: int | None = None) -> TestResponse:
        message = {"page_id": self.page_id, "epoch": self.epoch if epoch is None else epoch, "entries": list(entries)}
        return self.post("/api/candidate/answers", message)

    def answer(self, place: int = 0, option: int = 0) -> TestResponse:
        item = self.items[place]
        return self.save(self.entry(item["ref"], [item["options"][option]["ref"]]))

    def submit(self) -> TestResponse:
        return self.post("/api/candidate/submit", {"page_id": self.page_id, "answered": 1})

    @property
    def attempt_id(self) -> str:
        return self.world.attempt(self.ticket).id


@dataclass
class ExamWorld:
    """One node and the people around it."""

    platform: Platform
    server: ExamServer
    site: PlantedSite
    clock: ManualClock

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────

    def nobody(self) -> Visitor:
        return Visitor(self.server.flask.test_client())

    def candidate(self, number: int = 0, **changes: Any) -> CandidateBrowser:
        """The n-th candidate's browser, not signed in."""
        return CandidateBrowser(
            self.server.flask.test_client(), world=self, ticket=self.site.tickets[number], **changes
        )

    def answering(self, number: int = 0, **changes: Any) -> CandidateBrowser:
        """A candidate before an open paper; the gates must have been passed."""
        browser = self.candidate(number, **changes)
        assert browser.sign_in().status_code == 200
        browser.confirm()
        assert browser.begin().status_code == 200
        return browser

    def staff(self, account: DemoAccount | Role) -> Visitor:
        """Somebody of the staff, signed in."""
        account_id = (self.site.staff[account] if isinstance(account, Role) else account).account_id
        with self.platform.uow() as work:
            token, row = a_sign_in(work.session, work.session.get_one(Account, account_id), at=self.clock.now())
            csrf = row.csrf_token
        client = self.server.flask.test_client()
        client.set_cookie("mingyuan-staff", token, path="/")
        return Visitor(client, csrf)

    def room(self, number: int = 1) -> DemoRoom:
        return self.site.rooms[number - 1]

    def address(self, room: int = 1, command: str = "") -> str:
        base = f"/api/proctor/board/{self.site.sitting_id}/{self.room(room).room_id}"
        return f"{base}/{command}" if command else base

    # ── the day ──────────────────────────────────────────────────────────────────────────────────────────────────

    def at(self, moment: timedelta) -> None:
        """Move the clock to T + moment."""
        self.clock.advance(T + moment - self.clock.now())

    def press(
        self, room: int, command: str, body: dict[str, Any] | None = None, *, both: bool = False
    ) -> list[dict[str, Any]]:
        people = (self.room(room).chief, self.room(room).deputy) if both else (self.room(room).chief,)
        replies = [self.staff(who).post(self.address(room, command), body) for who in people]
        assert all(reply.status_code == 200 for reply in replies), replies[-1].get_data(as_text=True)
        return [reply.json for reply in replies]

    def open_doors(self, *rooms: int) -> None:
        """Papers fetched, doors open; it is T − 10 min."""
        self.at(-25 * MINUTE)
        for room in rooms or (1, 2):
            self.press(room, "fetch-paper", both=True)
        self.at(-15 * MINUTE)
        for room in rooms or (1, 2):
            self.press(room, "open-admission")
        self.at(-10 * MINUTE)

    def open_paper(self, *rooms: int) -> None:
        """Two people, two secrets; it is T − 4 min."""
        self.at(-4 * MINUTE)
        for number in rooms or (1, 2):
            room = self.room(number)
            for who, secret in zip((room.chief, room.deputy), room.opening_secrets, strict=True):
                reply = self.staff(who).post(self.address(number, "open-paper"), {"opening_secret": secret})
                assert reply.status_code == 200, reply.get_data(as_text=True)

    def start(self) -> None:
        """All gates passed; it is T + 1 s."""
        self.open_doors()
        self.open_paper()
        self.at(timedelta(seconds=1))

    # ── the truth ────────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, ticket: IssuedTicket) -> Attempt:
        with self.platform.uow.read() as session:
            return session.scalars(select(Attempt).where(Attempt.ticket_id == ticket.ticket_id)).one()

    def rows(self) -> dict[str, int]:
        """Rows of every table."""
        with self.platform.uow.read() as session:
            return {
                name: session.scalar(select(func.count()).select_from(table)) or 0
                for name, table in Base.metadata.tables.items()
            }

    def audited(self) -> list[str]:
        """Actions of the audit log, in order."""
        with self.platform.uow.read() as session:
            return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)))

    def read(self, query: Callable[[Any], Any]) -> Any:
        with self.platform.uow.read() as session:
            return query(session)


# ── reading replies ──────────────────────────────────────────────────────────────────────────────────────────────────


def ack_of(response: TestResponse) -> tuple[str, str | None]:
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json["acks"][0]["standing"], response.json["acks"][0]["code"]


def refusal(response: TestResponse) -> tuple[int, str]:
    body = response.get_json()
    assert body["message_zh"]
    assert body["message_en"]
    return response.status_code, body["code"]


def journal(world: ExamWorld, browser: CandidateBrowser) -> list[JournalEntry]:
    attempt_id = browser.attempt_id
    query = select(JournalEntry).where(JournalEntry.attempt_id == attempt_id).order_by(JournalEntry.entry_no)
    return world.read(lambda session: list(session.scalars(query)))


def make_template(folder: Path) -> PlantedSite:
    """The planted site in a folder, to be copied for each test."""
    database = Database(f"sqlite:///{folder / 'mingyuan.db'}")
    database.create_all()
    platform = Platform(Settings(data=folder), ManualClock(T - 60 * MINUTE), database, InProcessBus(), a_vault())
    site = planted_site(platform)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return site


@contextmanager
def exam_world(template: Path, site: PlantedSite, folder: Path, **settings: Any) -> Iterator[ExamWorld]:
    """A fresh copy of the template, an hour before T."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    clock = ManualClock(T - 60 * MINUTE)
    database = Database(f"sqlite:///{folder / 'mingyuan.db'}")
    platform = Platform(
        Settings(data=folder, **settings), clock, database, InProcessBus(), a_vault(), stopping=threading.Event()
    )
    server = ExamServer(platform)
    server.delivery.writer.start()
    try:
        yield ExamWorld(platform, server, site, clock)
    finally:
        server.delivery.writer.stop()
        database.dispose()


__all__ = [
    "DEVICE",
    "HOST",
    "MINUTE",
    "OTHER_DEVICE",
    "OTHER_PAGE",
    "PAGE",
    "PIN",
    "CandidateBrowser",
    "ExamWorld",
    "T",
    "Visitor",
    "ack_of",
    "exam_world",
    "journal",
    "refusal",
]
