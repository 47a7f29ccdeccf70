"""One small exam day over the real wire, with everybody's bytes kept at its milestones."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from typing import Any

from pypdf import PdfReader
from sqlalchemy import select

from scoring.models import AttemptScore
from server.delivery.wire import NAMESPACE as CANDIDATE
from tests.security.live_people import LiveCandidate, LiveStaff
from tests.security.planted_site import (
    PlantedSite,
    Secrets,
    right_answers,
)
from tests.support.live_server import LiveServer
from tests.support.processes import wait_until


@dataclass
class Day:
    """One small exam day over the real wire, and what everybody had received at its milestones."""

    live: LiveServer
    secrets: Secrets
    candidates: list[LiveCandidate] = field(default_factory=list)
    chief: LiveStaff = field(default=None)  # type: ignore[assignment]
    deputy: LiveStaff = field(default=None)  # type: ignore[assignment]
    inspector: LiveStaff = field(default=None)  # type: ignore[assignment]
    before_opening: list[bytes] = field(default_factory=list)
    before_start: list[bytes] = field(default_factory=list)
    before_release: list[bytes] = field(default_factory=list)
    saves: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})
    early: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def site(self) -> PlantedSite:
        assert isinstance(self.live.site, PlantedSite)
        return self.live.site

    def proctors(self) -> list[LiveStaff]:
        return [self.chief, self.deputy, self.inspector]

    def heard_by_candidates(self) -> list[bytes]:
        return [candidate.line.heard for candidate in self.candidates]


def play(day: Day) -> None:
    live, room = day.live, day.live.rooms[0]
    live.open_doors()
    for ticket in [ticket for ticket in live.tickets if ticket.room_id == room.room_id]:
        candidate = LiveCandidate(live.base_url, ticket)
        day.candidates.append(candidate)
        state = candidate.enter()
        candidate.line.http.get(state["paper"]["url"])
        candidate.line.http.get("/")
        candidate.join().ask(CANDIDATE, "heartbeat", {"page_id": candidate.page_id, "unsent": 0})
        refused = candidate.post("begin", {"page_id": candidate.page_id})
        assert refused.json()["code"] == "NOT_STARTED"
    _look_at_the_board(day)
    day.before_opening = day.heard_by_candidates()
    live.open_paper()
    for candidate in day.candidates:
        assert candidate.post("begin", {"page_id": candidate.page_id}).json()["code"] == "NOT_STARTED"
        candidate.line.http.get("/api/candidate/state")
    day.before_start = day.heard_by_candidates()
    live.wait_for_start()
    for candidate in day.candidates:
        candidate.begin()
    _answer(day)
    _keep_the_room(day)
    _ask_early(day)
    for candidate in day.candidates:
        assert candidate.post("submit", {"page_id": candidate.page_id, "answered": 10}).json()["receipt"]
        candidate.line.http.get("/api/candidate/state")
    _end_the_room(day)
    _ask_early(day)
    day.before_release = day.heard_by_candidates()


def _answer(day: Day) -> None:
    """Everybody answers every item rightly and wrongly, over the channel and by HTTP; the replies are kept side by side."""
    for candidate in day.candidates:
        channel = candidate.line.sockets[0]
        right = right_answers(day.live.platform, day.live.attempt(candidate.ticket).id)
        for number, item in enumerate(candidate.items):
            wrong = next(one["ref"] for one in item["options"] if [one["ref"]] != right[item["ref"]])
            for is_right, value in ((True, right[item["ref"]]), (False, [wrong])):
                message = candidate.message(item["ref"], value)
                if number % 2:
                    reply = json.dumps(channel.ask(CANDIDATE, "record_answers", message))
                else:
                    reply = json.dumps(candidate.post("answers", message).json())
                assert '"standing": "counted"' in reply
                day.saves[is_right].append(reply)


def _keep_the_room(day: Day) -> None:
    """A proctor presses every kind of button."""
    live, room = day.live, day.live.rooms[0]
    base = f"/api/proctor/board/{live.sitting_id}/{room.room_id}"
    attempts = [live.attempt(candidate.ticket).id for candidate in day.candidates]
    ticks = dict.fromkeys(("name_ok", "ticket_ok", "seat_ok", "id_card_ok", "person_ok"), True)
    day.candidates[0].post("hand", {"reason": "machine"})
    pressed: list[tuple[str, dict[str, Any]]] = [
        *[("check-identity", {"attempt_id": one, "pass_number": 2, **ticks}) for one in attempts],
        ("send-message", {"text": "请注意时间"}),
        ("grant-time", {"attempt_ids": [attempts[1]], "seconds": 5, "reason": "键盘更换"}),
        ("suspend", {"attempt_id": attempts[2], "reason": "鼠标故障"}),
        ("resume", {"attempt_id": attempts[2], "reason": "已更换"}),
        ("lower-hand", {"attempt_id": attempts[0]}),
        (
            "record-incident",
            {"kind": "violation", "tier": 1, "words": "东张西望", "attempt_id": attempts[3], "action_taken": "提醒"},
        ),
    ]
    for command, body in pressed:
        reply = day.chief.http.post(f"{base}/{command}", json=body)
        assert reply.status_code == 200, (command, reply.text)
    _look_at_the_board(day)
    time.sleep(1.0)  # a few rounds of deltas


def _look_at_the_board(day: Day) -> None:
    live, room = day.live, day.live.rooms[0]
    base = f"/api/proctor/board/{live.sitting_id}/{room.room_id}"
    for proctor in day.proctors():
        assert proctor.http.get(base).status_code == 200
        assert proctor.http.get("/api/proctor/rooms").status_code == 200
        assert proctor.http.get("/api/staff/me").status_code == 200
        # what somebody curious would try
        for address in ("/api/bank/spec-tables", "/api/results/sittings", f"/api/results/sittings/{live.sitting_id}"):
            assert proctor.http.get(address).status_code == 403
        assert proctor.http.get("/api/candidate/state").status_code == 401


def _end_the_room(day: Day) -> None:
    live, room = day.live, day.live.rooms[0]
    base = f"/api/proctor/board/{live.sitting_id}/{room.room_id}"
    for incident in day.chief.http.get(base).json()["incidents"]:
        if incident["state"] == "open":
            day.chief.http.post(
                f"{base}/resolve-incident", json={"incident_id": incident["id"], "action_taken": "已处理"}
            )
    for entry in day.chief.http.get(base).json()["time_rows"]:
        if entry["status"] in {"proposed", "provisional"}:
            day.chief.http.post(
                f"{base}/decide-time", json={"time_entry_id": entry["id"], "decision": "confirm", "reason": "属实"}
            )
    reply = day.chief.http.post(f"{base}/end-room", json={"reason": "全部交卷"})
    assert reply.status_code == 200, reply.text
    for proctor in (day.chief, day.deputy):
        reply = proctor.http.post(f"{base}/sign-record", json={"remark": "无"})
        assert reply.status_code == 200, reply.text
    for proctor in day.proctors():
        document = proctor.http.get(f"{base}/record.pdf")
        text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(document.content)).pages).replace(
            "\0", ""
        )
        assert "情况记录" in text
        proctor.note(text.encode())
    attempts = [live.attempt(candidate.ticket).id for candidate in day.candidates]
    wait_until(
        lambda: len(live.read(lambda session: session.scalars(select(AttemptScore.attempt_id).where(AttemptScore.attempt_id.in_(attempts))).all())) == 4,
        seconds=20, what="four scores", every=0.2,
    )  # fmt: skip


def _ask_early(day: Day) -> None:
    """By page, by API and by export, before the release."""
    base = f"/api/results/sittings/{day.live.sitting_id}"
    for candidate in day.candidates:
        reply = candidate.line.http.get("/api/candidate/result")
        day.early.append(("candidate", reply.status_code, reply.json()["code"]))
    for proctor in day.proctors():
        for address in (base, f"{base}/export.xlsx", f"{base}/package.json", "/api/candidate/result"):
            reply = proctor.http.get(address)
            day.early.append((address.removeprefix(base) or "rows", reply.status_code, reply.json()["code"]))
