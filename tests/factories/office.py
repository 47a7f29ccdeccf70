"""The exam office's page without a page: its addresses, pressed by whoever `actor` is, and the steps filled in."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

import itembank.views
import server.delivery.office_views
import server.scheduling.views
from server.core.actor import Actor
from server.core.permissions import Role
from server.webkit import error_replies, headers
from server.webkit.guards import register_loader
from server.webkit.platform import Platform
from tests.factories.accounts import an_account
from tests.factories.paper_rows import a_paper_world
from tests.factories.rosters import as_xlsx, roster_rows

CLERK = Actor("clerk", Role.EXAM_CLERK, "钱晓芸")
KEEPER = Actor("keeper", Role.BANK_KEEPER, "李文博")
BASE = "/api/scheduling"
PEOPLE = 9


class Office:
    """Whoever sits at the page, and the steps with what they need filled in."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.actor: Actor | None = CLERK
        self.app = Flask("server", root_path=str(Path(headers.__file__).parents[1]))
        self.app.extensions["mingyuan"] = platform
        self.app.config["MAX_CONTENT_LENGTH"] = 12 * 2**20
        error_replies.register(self.app)
        headers.register(self.app, secure=False)
        register_loader(self.app, "/api/", lambda: ([self.actor], "csrf") if self.actor else None)
        server.scheduling.views.register(self.app, platform)
        server.delivery.office_views.register(self.app, platform)
        itembank.views.register(self.app, platform, 1200, 8)
        self.client = self.app.test_client()

    def get(self, path: str, actor: Actor | None = CLERK) -> Any:
        self.actor = actor
        reply = self.client.get(path)
        assert reply.status_code == 200, reply.json
        return reply.json

    def send(self, path: str, body: Any = None, actor: Actor | None = CLERK, **more: Any) -> TestResponse:
        self.actor = actor
        more = more or {"json": {} if body is None else body}
        return self.client.post(path, headers={"X-CSRF-Token": "csrf"}, **more)

    def done(self, path: str, body: Any = None, actor: Actor | None = CLERK) -> Any:
        reply = self.send(path, body, actor)
        assert reply.status_code == 200, reply.json
        return reply.json

    def upload(self, sitting_id: str, data: bytes, mode: str, name: str = "名单.xlsx") -> TestResponse:
        form = {"file": (io.BytesIO(data), name), "mode": mode}
        path = f"{BASE}/sittings/{sitting_id}/import-roster"
        return self.send(path, data=form, content_type="multipart/form-data")

    # ── the steps ────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, rooms: int = 2) -> str:
        centre = self.done(f"{BASE}/create-centre", {"name": "第一考点"})["centre_id"]
        room_ids = [
            self.done(
                f"{BASE}/create-room",
                {"centre_id": centre, "name": f"第{n}考场", "number": n, "rows": 3, "columns": 3, "spare": 1},
            )["room_id"]
            for n in range(1, rooms + 1)
        ]
        wanted = {
            "centre_id": centre, "name": "电工四级理论", "occupation_code": "6-31-01-03", "occupation_name": "电工",
            "level": 4, "starts_at": "2026-06-16T09:00:00", "duration_minutes": 90, "room_ids": room_ids,
            "profile": "suzhou-2021",
        }  # fmt: skip
        return str(self.done(f"{BASE}/plan-sitting", wanted)["sitting_id"])

    def enrol(self, sitting_id: str, people: int = PEOPLE) -> None:
        reply = self.upload(sitting_id, as_xlsx(roster_rows(people)), "all")
        assert reply.json["stored"] == people, reply.json

    def seat(self, sitting_id: str) -> None:
        self.done(f"{BASE}/sittings/{sitting_id}/assign-seats", {"forms": ["A", "B"]})

    def ticket(self, sitting_id: str, **wanted: Any) -> TestResponse:
        return self.send(f"{BASE}/sittings/{sitting_id}/issue-tickets", wanted)

    def staff(self, sitting_id: str) -> None:
        with self.platform.uow() as work:
            people = [an_account(work.session, [Role.PROCTOR]).id for _ in range(4)]
        for number, room in enumerate(self.full(sitting_id)["rooms"]):
            chief, deputy = people[2 * number : 2 * number + 2]
            body = {"room_id": room["id"], "chief_id": chief, "deputy_ids": [deputy]}
            self.done(f"{BASE}/sittings/{sitting_id}/assign-proctors", body)

    def paper(self) -> str:
        a_paper_world(self.platform.database, self.platform.paper_store, vault=self.platform.vault)
        [table] = self.get("/api/bank/spec-tables", KEEPER)["spec_tables"]
        wanted = {"spec_table_id": table["id"], "forms": 2, "backups": 1, "seed": 7}
        return str(self.done("/api/bank/assemble-paper", wanted, KEEPER)["paper_id"])

    def seal(self, sitting_id: str, paper_id: str, room: int = 0, **more: Any) -> TestResponse:
        room_id = self.full(sitting_id)["rooms"][room]["id"]
        body = {"room_id": room_id, "paper_id": paper_id, **more}
        return self.send(f"{BASE}/sittings/{sitting_id}/seal-room", body, KEEPER)

    def full(self, sitting_id: str) -> Any:
        return self.get(f"{BASE}/sittings/{sitting_id}")

    def next_step(self) -> str | None:
        [head] = self.get(f"{BASE}/sittings")["sittings"]
        return next((step["step"] for step in head["steps"] if step["is_next"]), None)
