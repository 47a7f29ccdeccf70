"""The exam office acts on time over HTTP: rows in names, confirm, take back, amend, and what becomes of a long outage."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

import server.takeover.views
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import Actor
from server.core.clock import ManualClock
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.takeover.models import OutageDecision
from server.takeover.services.register_node import register_node
from server.takeover.services.report_client_gap import GapReport, report_client_gaps
from server.webkit import error_replies, headers
from server.webkit.guards import register_loader
from server.webkit.platform import Platform
from tests.factories.accounts import an_account
from tests.factories.delivery import RunningRoom, a_time_entry, running_rooms
from tests.moments import END, MINUTE, SECOND, START

BASE = "/api/takeover"
SITE_HEAD = Actor("site", Role.SITE_HEAD, "所长")
NOON = START + 72 * MINUTE


class Desk:
    """Whoever of the staff sits there."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        with platform.uow() as work:
            head = an_account(work.session, [Role.OFFICE_HEAD])
            head.display_name = "周主任"
            self.head = Actor(head.id, Role.OFFICE_HEAD, "周主任")
            clerk = an_account(work.session, [Role.EXAM_CLERK])
            clerk.display_name = "钱晓芸"
            self.clerk = Actor(clerk.id, Role.EXAM_CLERK, "钱晓芸")
        self.actor = self.head
        app = Flask("server", root_path=str(Path(headers.__file__).parents[1]))
        app.extensions["mingyuan"] = platform
        error_replies.register(app)
        register_loader(app, "/api/", lambda: ([self.actor], "csrf"))
        server.takeover.views.register(app, platform)
        self.client = app.test_client()

    def read(self, sitting_id: str) -> dict[str, Any]:
        reply = self.client.get(f"{BASE}/sittings/{sitting_id}")
        assert reply.status_code == 200, reply.json
        return dict(reply.json or {})

    def send(self, path: str, **body: Any) -> TestResponse:
        body.setdefault("reason", "核对过")
        return self.client.post(f"{BASE}/{path}", json=body, headers={"X-CSRF-Token": "csrf"})

    def entry(self, entry_id: str, **body: Any) -> dict[str, Any]:
        reply = self.send(f"entries/{entry_id}", **body)
        assert reply.status_code == 200, reply.json
        return dict(reply.json or {})

    def report(self, sitting_id: str, decision: str = "extend") -> None:
        """The clerk tells what happened and proposes."""
        self.actor = self.clerk
        reply = self.send(f"sittings/{sitting_id}/report", decision=decision, reason="机房停电")
        assert reply.status_code == 201, reply.json
        self.actor = self.head

    def refusal(self, path: str, **body: Any) -> tuple[int, str]:
        reply = self.send(path, **body)
        assert reply.json is not None
        assert reply.json["message_zh"]
        assert reply.json["message_en"]
        return reply.status_code, reply.json["code"]


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """One engine: what differs between the two is tested with the services."""
    return sqlite_database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def rooms(uow: UnitOfWork) -> list[RunningRoom]:
    return running_rooms(uow, rooms=2)


@pytest.fixture
def desk(uow: UnitOfWork, vault: Vault, tmp_path: Path) -> Desk:
    return Desk(Platform(Settings(data=tmp_path / "data"), uow.clock, uow.database, uow.bus, vault))


def servers_down(uow: UnitOfWork, clock: ManualClock, length: timedelta) -> None:
    """All nodes die and come back so much later."""
    register_node(uow, name="node-1", address="http://10.0.0.1:8600")
    clock.advance(length)
    register_node(uow, name="node-1", address="http://10.0.0.1:8600")


def attempts(uow: UnitOfWork, room: RunningRoom) -> list[Attempt]:
    with uow.read() as session:
        found = list(session.scalars(select(Attempt).where(Attempt.room_id == room.room_id)))
        session.expunge_all()
        return found


def actions(uow: UnitOfWork) -> list[str]:
    with uow.read() as session:
        assert verify(session).ok
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)))


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_rows_are_told_in_names_with_both_measures(uow: UnitOfWork, desk: Desk, rooms: list[RunningRoom]) -> None:
    sitting_id = rooms[0].sitting_id
    with uow() as work:
        attempt = work.session.get_one(Attempt, rooms[0].attempt_ids[1])
        rooms_row = a_time_entry(
            work.session, sitting_id=sitting_id, room_id=attempt.room_id, status="provisional",
            from_at=NOON - 9 * MINUTE, to_at=NOON - 2 * MINUTE, made_by="system",
        )  # fmt: skip
        a_time_entry(
            work.session, attempt, status="proposed", client_gap_ms=432_500, made_by="system", made_at=START + SECOND,
            from_at=NOON - 9 * MINUTE, to_at=NOON - 9 * MINUTE + timedelta(milliseconds=432_500),
        )  # fmt: skip
        a_time_entry(
            work.session, attempt, kind="reversal", status="proposed", client_gap_ms=421_000, made_by="system",
            reverses_id=rooms_row.id, made_at=START + 2 * SECOND,
        )  # fmt: skip
        a_time_entry(
            work.session, attempt, status="proposed", client_gap_ms=60_000, made_by="system", made_at=START + MINUTE,
            from_at=NOON - MINUTE, to_at=NOON,
        )  # fmt: skip
    told = desk.read(sitting_id)
    room, claim, waiver, alone = told["to_confirm"]
    assert (room["room_name"], room["candidate_name"], room["open_attempts"]) == ("第1考场", None, 3)
    assert (room["server_ms"], room["client_gap_ms"]) == (420_000, None)
    assert (claim["candidate_name"], claim["seat_number"], claim["room_name"]) == ("考生1-2", 2, "第1考场")
    assert (claim["server_ms"], claim["client_gap_ms"]) == (420_000, 432_500)
    assert (waiver["server_ms"], waiver["client_gap_ms"]) == (420_000, 421_000)
    assert (alone["server_ms"], alone["client_gap_ms"]) == (None, 60_000)
    assert told["settled"] == told["decisions"] == told["awaiting_decision"] == []
    assert not {"id_number_masked", "ticket_number", "organisation"} & set(claim)


def test_an_unknown_sitting_is_said(desk: Desk) -> None:
    reply = desk.client.get(f"{BASE}/sittings/none")
    assert (reply.status_code, (reply.json or {})["code"]) == (404, "SITTING_NOT_FOUND")


@pytest.mark.parametrize("role", [Role.EXAM_CLERK, Role.SUPERVISOR, Role.PROCTOR, Role.SYSADMIN])
def test_time_is_the_heads_alone(desk: Desk, rooms: list[RunningRoom], role: Role) -> None:
    desk.actor = Actor("somebody", role, "某人")
    sitting = f"sittings/{rooms[0].sitting_id}"
    assert desk.client.get(f"{BASE}/{sitting}").status_code == 403
    assert desk.refusal("entries/any", decision="confirm") == (403, "FORBIDDEN")
    assert desk.refusal(f"{sitting}/decide", decision="extend") == (403, "FORBIDDEN")


# --- One row ----------------------------------------------------------------------------------------------------------


def test_a_confirmed_row_stands_with_the_name_of_who_confirmed_it(
    uow: UnitOfWork, clock: ManualClock, desk: Desk, rooms: list[RunningRoom]
) -> None:
    servers_down(uow, clock, 7 * MINUTE)
    first, second = desk.read(rooms[0].sitting_id)["to_confirm"]
    told = desk.entry(first["id"], decision="confirm")
    assert [row["id"] for row in told["to_confirm"]] == [second["id"]]
    [settled] = told["settled"]
    assert (settled["id"], settled["status"], settled["approved_by_name"]) == (first["id"], "confirmed", "周主任")
    assert desk.refusal(f"entries/{first['id']}", decision="confirm") == (409, "ALREADY_DECIDED")
    assert actions(uow)[-1] == AuditAction.DELIVERY_INTERRUPTION_CONFIRMED


def test_a_row_taken_back_takes_its_time_back(
    uow: UnitOfWork, clock: ManualClock, desk: Desk, rooms: list[RunningRoom]
) -> None:
    servers_down(uow, clock, 7 * MINUTE)
    assert {one.deadline_at for one in attempts(uow, rooms[0])} == {END + 7 * MINUTE}
    desk.actor = SITE_HEAD
    row = next(one for one in desk.read(rooms[0].sitting_id)["to_confirm"] if one["room_id"] == rooms[0].room_id)
    told = desk.entry(row["id"], decision="reverse", reason="演示用停机")
    assert [one["room_id"] for one in told["to_confirm"]] == [rooms[1].room_id]
    assert told["settled"] == []
    assert {one.deadline_at for one in attempts(uow, rooms[0])} == {END}
    assert {one.deadline_at for one in attempts(uow, rooms[1])} == {END + 7 * MINUTE}
    assert desk.refusal(f"entries/{row['id']}", decision="reverse") == (409, "ALREADY_DECIDED")
    assert actions(uow)[-1] == AuditAction.DELIVERY_TIME_REVERSED


def test_an_amended_row_counts_with_its_new_length(
    uow: UnitOfWork, clock: ManualClock, desk: Desk, rooms: list[RunningRoom]
) -> None:
    servers_down(uow, clock, 7 * MINUTE)
    row = next(one for one in desk.read(rooms[0].sitting_id)["to_confirm"] if one["room_id"] == rooms[0].room_id)
    path = f"entries/{row['id']}"
    assert desk.refusal(path, decision="amend") == (422, "AMENDMENT_INVALID")
    assert desk.refusal(path, decision="amend", amended_ms=-1) == (422, "FIELD_INVALID")
    assert desk.refusal(path, decision="amend", amended_ms=86_400_001) == (422, "FIELD_INVALID")
    assert desk.refusal(path, decision="confirm", reason=" ") == (422, "FIELD_INVALID")
    assert desk.refusal(path, decision="amend", amended_ms=512_000) == (422, "AMENDMENT_ENDS_LATER")
    clock.advance(2 * MINUTE)
    told = desk.entry(row["id"], decision="amend", amended_ms=512_000)
    [settled] = told["settled"]
    assert (settled["from_ms"], settled["server_ms"], settled["made_by_name"]) == (row["from_ms"], 512_000, "周主任")
    assert {one.deadline_at for one in attempts(uow, rooms[0])} == {END + timedelta(seconds=512)}
    assert actions(uow)[-1] == AuditAction.DELIVERY_TIME_AMENDED


def test_a_row_that_is_nowhere_and_one_that_still_lasts_are_refused(
    uow: UnitOfWork, desk: Desk, rooms: list[RunningRoom]
) -> None:
    assert desk.refusal("entries/none", decision="confirm") == (404, "TIME_ENTRY_NOT_FOUND")
    with uow() as work:
        entry_id = a_time_entry(
            work.session, sitting_id=rooms[0].sitting_id, room_id=rooms[0].room_id, status="provisional", from_at=NOON
        ).id
    assert desk.refusal(f"entries/{entry_id}", decision="confirm") == (409, "STILL_OPEN")


# --- Over the limit ---------------------------------------------------------------------------------------------------


def test_going_on_gives_all_of_the_time_back(
    uow: UnitOfWork, clock: ManualClock, desk: Desk, rooms: list[RunningRoom]
) -> None:
    servers_down(uow, clock, 31 * MINUTE)
    sitting_id = rooms[0].sitting_id
    waiting = desk.read(sitting_id)["awaiting_decision"]
    assert [row["open_attempts"] for row in waiting] == [3, 3]
    assert desk.refusal(f"entries/{waiting[0]['id']}", decision="confirm") == (409, "AWAITING_DECISION")
    clock.advance(4 * MINUTE)
    assert desk.refusal(f"sittings/{sitting_id}/decide", decision="extend") == (409, "REPORT_NEEDED")
    desk.report(sitting_id)
    [report] = desk.read(sitting_id)["reports"]
    assert (report["reported_by_name"], report["proposal"], report["is_mine"]) == ("钱晓芸", "extend", False)
    reply = desk.send(f"sittings/{sitting_id}/decide", decision="extend", room_ids=[rooms[0].room_id])
    assert reply.status_code == 200
    told = reply.json or {}
    assert [row["room_id"] for row in told["awaiting_decision"]] == [rooms[1].room_id]
    assert [(row["server_ms"], row["room_id"]) for row in told["settled"]] == [(35 * 60_000, rooms[0].room_id)]
    [made] = told["decisions"]
    assert (made["decision"], made["room_names"], made["decided_by_name"]) == ("extend", ["第1考场"], "周主任")
    assert (made["reported_by_name"], made["reported_at_ms"]) == ("钱晓芸", report["reported_at_ms"])
    assert {one.deadline_at for one in attempts(uow, rooms[0])} == {END + 35 * MINUTE}
    assert {one.deadline_at for one in attempts(uow, rooms[1])} == {None}


@pytest.mark.parametrize(("decision", "fee_waiver"), [("reschedule", True), ("cancel", False)])
def test_another_day_or_none_voids_open_attempts(
    uow: UnitOfWork, clock: ManualClock, desk: Desk, rooms: list[RunningRoom], decision: str, fee_waiver: bool
) -> None:
    servers_down(uow, clock, 31 * MINUTE)
    address = f"sittings/{rooms[0].sitting_id}/decide"
    desk.report(rooms[0].sitting_id, decision)
    told = desk.send(address, decision=decision, fee_waiver=fee_waiver, reason="机房停电").json or {}
    assert told["awaiting_decision"] == []
    assert (told["decisions"][0]["fee_waiver"], told["decisions"][0]["reason"]) == (fee_waiver, "机房停电")
    assert {one.state for room in rooms for one in attempts(uow, room)} == {"voided"}
    with uow.read() as session:
        assert session.scalars(select(OutageDecision.decision)).all() == [decision]
    assert actions(uow)[-1] == AuditAction.TAKEOVER_OUTAGE_DECIDED
    assert desk.refusal(address, decision=decision) == (409, "NOTHING_TO_DECIDE")


def test_where_nothing_waits_there_is_nothing_to_decide(desk: Desk, rooms: list[RunningRoom]) -> None:
    assert desk.refusal(f"sittings/{rooms[0].sitting_id}/decide", decision="extend") == (409, "NOTHING_TO_DECIDE")


# --- Many rows --------------------------------------------------------------------------------------------------------


def test_many_rows_are_confirmed_at_once_and_what_cannot_be_is_left(
    uow: UnitOfWork, clock: ManualClock, desk: Desk, rooms: list[RunningRoom]
) -> None:
    servers_down(uow, clock, 5 * MINUTE)
    sitting_id = rooms[0].sitting_id
    reports = {each: GapReport(5 * MINUTE, True, clock.now()) for each in rooms[0].attempt_ids}
    assert len(report_client_gaps(uow, reports)) == 3
    with uow() as work:
        still_open = a_time_entry(
            work.session, sitting_id=sitting_id, room_id=rooms[1].room_id, status="provisional", from_at=NOON
        ).id
    waiting = desk.read(sitting_id)["to_confirm"]
    zero = [row["id"] for row in waiting if row["kind"] == "reversal"]
    assert len(zero) == 3
    told = desk.send(f"sittings/{sitting_id}/confirm", entry_ids=[*zero, still_open, "unknown"]).json or {}
    assert [row["id"] for row in told["to_confirm"] if row["kind"] == "reversal"] == []
    assert still_open in [row["id"] for row in told["to_confirm"]]
    assert {one.deadline_at for one in attempts(uow, rooms[0])} == {END}
    assert desk.refusal(f"sittings/{sitting_id}/confirm", entry_ids=[]) == (422, "FIELD_INVALID")
