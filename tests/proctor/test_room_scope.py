"""A proctor of room 1 gets nothing of room 2, by any address or message; and never an item (B11, D4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import proctor.views
import server.accounts.views
from proctor.board_feed import PART
from proctor.commands import COMMAND_TABLE
from proctor.socket import BoardChannel
from proctor.wire import COMMANDS
from server.accounts.models import Account, StaffSession
from server.accounts.queries import session_actor
from server.adapters.throttle import InMemoryThrottle
from server.core.actor import Actor
from server.core.clock import ManualClock
from server.core.permissions import Role, may
from server.delivery.domain.states import AttemptState
from server.delivery.services.raise_hand import raise_hand
from server.scheduling.domain.states import SittingState
from server.webkit import error_replies
from server.webkit.guards import POLICY
from server.webkit.platform import Platform
from tests.factories.accounts import a_sign_in, an_account
from tests.factories.paper_rows import MARKER
from tests.factories.proctor import MINUTE, ExamRoom, exam_rooms

NOWHERE = "f" * 32


@pytest.fixture
def rooms(platform: Platform, clock: ManualClock) -> list[ExamRoom]:
    clock.advance(70 * MINUTE)
    return exam_rooms(platform, state=AttemptState.ANSWERING, sitting_state=SittingState.RUNNING, with_packages=True)


@pytest.fixture
def app(platform: Platform) -> Flask:
    flask = Flask("test")
    flask.extensions["mingyuan"] = platform
    error_replies.register(flask)
    server.accounts.views.register(flask, platform, InMemoryThrottle(platform.clock))
    proctor.views.register(flask, platform)
    return flask


@dataclass
class Browser:
    """Somebody signed in."""

    client: FlaskClient
    csrf: str

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(path, json=body, headers={"X-CSRF-Token": self.csrf})


def sign_in(app: Flask, platform: Platform, account_id: str) -> Browser:
    with platform.uow() as work:
        token, row = a_sign_in(work.session, work.session.get_one(Account, account_id), at=platform.clock.now())
    client = app.test_client()
    client.set_cookie("mingyuan-staff", token)
    return Browser(client, row.csrf_token)


def body_for(name: str, room: ExamRoom) -> dict[str, Any]:
    """A message that is right in every other respect."""
    attempt = room.attempt_ids[0]
    return {
        "open-paper": {"opening_secret": "ABCD-EFGH-JKLM"},
        "check-identity": {
            "attempt_id": attempt, "pass_number": 2, "name_ok": True, "ticket_ok": True, "seat_ok": True,
            "id_card_ok": True, "person_ok": True,
        },
        "send-message": {"text": "x"},
        "grant-time": {"seconds": 60, "reason": "x"},
        "decide-time": {"time_entry_id": NOWHERE, "decision": "confirm", "reason": "x"},
        "collect": {"attempt_ids": [attempt], "reason": "x"},
        "suspend": {"attempt_id": attempt, "reason": "x"},
        "resume": {"attempt_id": attempt, "reason": "x"},
        "release-seat": {"attempt_id": attempt, "reason": "x"},
        "record-incident": {"kind": "other", "words": "x"},
        "resolve-incident": {"incident_id": NOWHERE, "action_taken": "x"},
        "lower-hand": {"attempt_id": attempt},
    }.get(name, {})  # fmt: skip


def test_every_command_of_the_wire_has_a_use_case() -> None:
    assert set(COMMAND_TABLE) == set(COMMANDS)


def test_every_view_says_who_may_call_it(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            assert getattr(app.view_functions[rule.endpoint], POLICY, None), rule


def test_another_room_and_no_room_are_answered_alike(app: Flask, platform: Platform, rooms: list[ExamRoom]) -> None:
    mine, other = rooms
    browser = sign_in(app, platform, mine.chief.id)
    for name in COMMANDS:
        replies = []
        for room_id in (other.room_id, NOWHERE):
            path = f"/api/proctor/board/{mine.sitting_id}/{room_id}/{name}"
            reply = browser.post(path, body_for(name, other))
            replies.append((reply.status_code, reply.json["code"], reply.json["message_zh"]))
        assert replies[0] == replies[1] == (404, "ROOM_NOT_FOUND", "没有找到这个考场。"), name
    for path in ("", "/record.pdf"):
        reply = browser.get(f"/api/proctor/board/{mine.sitting_id}/{other.room_id}{path}")
        assert (reply.status_code, reply.json["code"]) == (404, "ROOM_NOT_FOUND")


def test_what_is_refused_changed_nothing(app: Flask, platform: Platform, rooms: list[ExamRoom]) -> None:
    mine, other = rooms
    theirs = sign_in(app, platform, other.chief.id)
    address = f"/api/proctor/board/{other.sitting_id}/{other.room_id}"
    before = theirs.get(address).json
    browser = sign_in(app, platform, mine.chief.id)
    for name in COMMANDS:
        browser.post(f"{address}/{name}", body_for(name, other))
    assert theirs.get(address).json == before


def test_a_proctor_lists_own_rooms_and_an_inspector_all(app: Flask, platform: Platform, rooms: list[ExamRoom]) -> None:
    listed = sign_in(app, platform, rooms[0].deputy.id).get("/api/proctor/rooms").json
    assert [(duty["room_id"], duty["duty"]) for duty in listed] == [(rooms[0].room_id, "deputy")]
    with platform.uow() as work:
        inspector = an_account(work.session, [Role.INSPECTOR]).id
    listed = sign_in(app, platform, inspector).get("/api/proctor/rooms").json
    assert {duty["room_id"] for duty in listed} == {room.room_id for room in rooms}
    assert {duty["duty"] for duty in listed} == {"viewer"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CANDIDATE])
def test_every_role_may_do_what_its_table_says(
    app: Flask, platform: Platform, rooms: list[ExamRoom], role: Role
) -> None:
    with platform.uow() as work:
        account_id = an_account(work.session, [role]).id
    browser = sign_in(app, platform, account_id)
    address = f"/api/proctor/board/{rooms[0].sitting_id}/{rooms[0].room_id}"
    for name, command in COMMAND_TABLE.items():
        status = browser.post(f"{address}/{name}", body_for(name, rooms[0])).status_code
        assert (status == 403) or may(role, command.permission), (role, name, status)


def test_nobody_signed_in_gets_nothing(app: Flask, rooms: list[ExamRoom]) -> None:
    client = app.test_client()
    address = f"/api/proctor/board/{rooms[0].sitting_id}/{rooms[0].room_id}"
    for path in ("/api/proctor/rooms", address, f"{address}/record.pdf"):
        assert client.get(path).status_code == 401
    for name in COMMANDS:
        assert client.post(f"{address}/{name}", json={}).status_code == 401


def test_commands_need_the_csrf_header_and_known_fields(app: Flask, platform: Platform, rooms: list[ExamRoom]) -> None:
    browser = sign_in(app, platform, rooms[0].chief.id)
    path = f"/api/proctor/board/{rooms[0].sitting_id}/{rooms[0].room_id}/send-message"
    assert browser.client.post(path, json={"text": "x"}).json["code"] == "CSRF"
    assert browser.post(path, {"text": "x", "to": "all"}).json["code"] == "UNKNOWN_FIELD"
    assert browser.post(path, {"text": "请保持安静"}).json["done"] == 4


def test_no_byte_of_an_item_a_key_or_a_full_id_number_reaches_the_board(
    app: Flask, platform: Platform, rooms: list[ExamRoom]
) -> None:
    room = rooms[0]
    browser = sign_in(app, platform, room.chief.id)
    address = f"/api/proctor/board/{room.sitting_id}/{room.room_id}"
    bodies = [
        browser.get("/api/proctor/rooms").data,
        browser.get(address).data,
        browser.get(f"{address}/record.pdf").data,
    ]
    bodies += [browser.post(f"{address}/{name}", body_for(name, room)).data for name in COMMANDS]
    bodies.append(browser.get(address).data)
    everything = b"".join(bodies).decode("utf-8", "replace")
    for secret in (
        MARKER,
        '"stem"',
        '"options"',
        "option_id",
        '"key": "A',
        "pass_mark",
        "answers_digest",
        *room.package.opening_secrets,
    ):
        assert secret not in everything
    with platform.uow.read() as session:
        from sqlalchemy import select

        from server.scheduling.id_numbers import open_id_number
        from server.scheduling.models import Candidate

        for person in session.scalars(select(Candidate)):
            assert open_id_number(platform.vault, person.id, person.id_number_cipher) not in everything


# ── the live channel ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class FakeServer:
    """What `DirectNamespace` and `BoardChannel` need of a Socket.IO server."""

    handlers: dict[str, Any] = field(default_factory=dict)
    in_rooms: dict[str, set[str]] = field(default_factory=dict)
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    connected: set[str] = field(default_factory=set)

    @property
    def manager(self) -> FakeServer:
        return self

    def is_connected(self, sid: str, namespace: str) -> bool:
        return sid in self.connected

    def on(self, name: str, handler: Any, namespace: str) -> None:
        self.handlers[name] = handler

    def emit(self, message: str, payload: dict[str, Any], to: str, namespace: str, ignore_queue: bool = False) -> None:
        assert ignore_queue, "each node serves its own connections"
        self.sent += [(sid, message, payload) for sid, names in self.in_rooms.items() if to in names]

    def enter_room(self, sid: str, room: str, namespace: str) -> None:
        self.in_rooms.setdefault(sid, {sid}).add(room)

    def leave_room(self, sid: str, room: str, namespace: str) -> None:
        self.in_rooms[sid].discard(room)

    def rooms(self, sid: str, namespace: str) -> set[str]:
        return set(self.in_rooms.get(sid, {sid}))

    def disconnect(self, sid: str, namespace: str) -> None:
        self.gone.append(sid)
        self.handlers["disconnect"](sid)


@pytest.fixture
def wire(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeServer, BoardChannel]:
    """The channel without its loop: tests make the rounds themselves. The cookie of the handshake is `token`."""

    def who(environ: dict[str, Any]) -> list[Actor] | None:
        with platform.uow.read() as session:
            found = session_actor(session, environ.get("token", ""), platform.clock.now())
        if found is None:
            return None
        account, row = found
        return [Actor(account.id, Role(role), account.display_name, "", row.token_hash) for role in account.roles]

    monkeypatch.setattr(BoardChannel, "_ensure_loop", lambda self: None)
    server = FakeServer()
    return server, BoardChannel(server, platform, who)


def token_of(platform: Platform, account_id: str) -> str:
    with platform.uow() as work:
        return a_sign_in(work.session, work.session.get_one(Account, account_id), at=platform.clock.now())[0]


def watch(server: FakeServer, sid: str, room: ExamRoom) -> dict[str, Any]:
    return server.handlers["watch_room"](sid, {"sitting_id": room.sitting_id, "room_id": room.room_id})


def test_watching_another_room_is_refused_as_if_it_did_not_exist(
    platform: Platform, rooms: list[ExamRoom], wire
) -> None:
    server, channel = wire
    server.handlers["connect"]("s1", {"token": token_of(platform, rooms[0].chief.id)})

    assert watch(server, "s1", rooms[0])["ok"]
    refused = watch(server, "s1", rooms[1])
    absent = server.handlers["watch_room"]("s1", {"sitting_id": rooms[0].sitting_id, "room_id": NOWHERE})

    assert refused == absent
    assert (refused["ok"], refused["code"]) == (False, "ROOM_NOT_FOUND")
    raise_hand(platform.uow, rooms[1].attempt_ids[0], "illness")
    channel.feed.tick()
    assert not [one for one in server.sent if one[2]["room_id"] == rooms[1].room_id]


def test_deltas_are_numbered_without_a_hole(platform: Platform, rooms: list[ExamRoom], wire) -> None:
    server, channel = wire
    server.handlers["connect"]("s1", {"token": token_of(platform, rooms[0].chief.id)})
    version = watch(server, "s1", rooms[0])["version"]
    for attempt_id in rooms[0].attempt_ids:
        raise_hand(platform.uow, attempt_id, "illness")
        channel.feed.tick()
    assert [payload["version"] for _, _, payload in server.sent] == list(range(version + 1, version + 5))
    assert watch(server, "s1", rooms[0])["version"] == version + 4
    assert platform.parts[PART].version(*rooms[0].key) == version + 4


def test_nobody_without_a_log_in_or_without_the_permission_connects(
    platform: Platform, rooms: list[ExamRoom], wire
) -> None:
    import socketio

    server, _ = wire
    with platform.uow() as work:
        clerk = an_account(work.session, [Role.EXAM_CLERK]).id
    for token in ("", "made up", token_of(platform, clerk)):
        with pytest.raises(socketio.exceptions.ConnectionRefusedError):
            server.handlers["connect"]("s9", {"token": token})


@pytest.mark.parametrize("how", ["signed out", "disabled", "grown old"])
def test_whoever_signed_out_is_disconnected_and_hears_nothing_more(
    platform: Platform, clock: ManualClock, rooms: list[ExamRoom], wire, how: str
) -> None:
    server, channel = wire
    for sid, actor in (("s1", rooms[0].chief), ("s2", rooms[0].deputy)):
        if how == "grown old" and sid == "s2":
            clock.advance(24 * 60 * MINUTE)
        server.handlers["connect"](sid, {"token": token_of(platform, actor.id)})
        watch(server, sid, rooms[0])
    with platform.uow() as work:
        if how == "signed out":
            from sqlalchemy import select

            row = work.session.scalars(select(StaffSession).where(StaffSession.account_id == rooms[0].chief.id)).one()
            row.ended_at = clock.now()
        elif how == "disabled":
            work.session.get_one(Account, rooms[0].chief.id).is_active = False

    assert channel.end_stale_sessions() == 1

    assert server.gone == ["s1"]
    server.sent.clear()
    raise_hand(platform.uow, rooms[0].attempt_ids[0], "illness")
    channel.feed.tick()
    assert {sid for sid, _, _ in server.sent} == {"s2"}


def test_a_room_nobody_watches_is_not_read(platform: Platform, rooms: list[ExamRoom], wire) -> None:
    server, channel = wire
    server.handlers["connect"]("s1", {"token": token_of(platform, rooms[0].chief.id)})
    watch(server, "s1", rooms[0])
    server.handlers["disconnect"]("s1")
    raise_hand(platform.uow, rooms[0].attempt_ids[0], "illness")
    assert channel.feed.tick() == 0
    assert channel.feed.version(*rooms[0].key) == 0
