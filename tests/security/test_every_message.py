"""Every Socket.IO message of both namespaces, every role, and what is no message at all (B1, B11, D1 to D5, A7)."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

import proctor.wire
import server.delivery.wire
from proctor.wire import NAMESPACE as PROCTOR
from server.accounts.services.disable_account import disable_account
from server.app import MAX_MESSAGE
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.delivery.wire import NAMESPACE as CANDIDATE
from server.rehearsal.demo_site import DemoAccount
from tests.security.exam_world import ExamWorld
from tests.security.live_people import Listener, LiveCandidate, LiveStaff
from tests.security.planted_site import PlantedSite, planted_site
from tests.security.raw_socket import RawSocket, Refused
from tests.support.live_server import LiveServer, live_server
from tests.support.processes import wait_until

pytestmark = pytest.mark.live
MAY_WATCH = {Role.OFFICE_HEAD, Role.INSPECTOR, Role.SUPERVISOR}


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(
        tmp_path_factory.mktemp("messages"),
        before_start=timedelta(seconds=3),
        profile={"late_entry_within": timedelta(minutes=5), "earliest_submission_after": timedelta(0)},
        prepare=functools.partial(planted_site, candidates_per_room=9),
    ) as live:
        live.pass_gates()
        yield live
        for member in _staff.values():
            member.close()
        _staff.clear()
        _shared.clear()


@pytest.fixture
def people(exam: LiveServer) -> Iterator[list[Listener]]:
    """Whoever is put here is sent home."""
    made: list[Listener] = []
    yield made
    for one in made:
        # Whoever leaves hands in: a room full of silent pages is an outage, and its clock would be stopped.
        if "mingyuan-candidate" in one.http.cookies and one.leaves:
            one.http.post("/api/candidate/submit", json={"page_id": "a" * 32, "answered": 0})
        one.hang_up() if isinstance(one, LiveStaff) else one.close()


def candidate_of(exam: LiveServer, people: list[Listener], *, begins: bool = True) -> LiveCandidate:
    candidate = LiveCandidate(exam.base_url, exam.next_ticket())
    people.append(candidate.line)
    candidate.enter()
    if begins:
        candidate.begin()
    return candidate


_staff: dict[str, LiveStaff] = {}


def staff_of(exam: LiveServer, people: list[Listener], who: object) -> LiveStaff:
    """Signed in once for the whole module: an account has two log-ins, and the test's own buttons use the other."""
    site = exam.site
    assert isinstance(site, PlantedSite)
    account = site.staff[who] if isinstance(who, Role) else who
    assert isinstance(account, DemoAccount)
    if account.login_name not in _staff:
        _staff[account.login_name] = LiveStaff(exam.base_url, account)
    people.append(_staff[account.login_name])
    return _staff[account.login_name]


def room_message(exam: LiveServer, number: int) -> dict[str, str]:
    return {"sitting_id": exam.sitting_id, "room_id": exam.rooms[number - 1].room_id}


def test_the_server_listens_to_the_messages_of_the_wire_and_to_no_others(world: ExamWorld) -> None:
    known = {namespace: set(handlers) for namespace, handlers in world.server.socketio.server.handlers.items()}
    always = {"connect", "disconnect", "*"}
    assert known == {
        CANDIDATE: set(server.delivery.wire.CLIENT_MESSAGES) | always,
        PROCTOR: set(proctor.wire.CLIENT_MESSAGES) | always,
    }
    assert world.server.socketio.server.namespace_handlers == {}


# ── who may connect ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("namespace", [CANDIDATE, PROCTOR])
@pytest.mark.parametrize("cookie", ["", "mingyuan-candidate=x; mingyuan-staff=x", "mingyuan-candidate=; =;;"])
def test_nobody_is_refused_at_the_door(exam: LiveServer, namespace: str, cookie: str) -> None:
    socket = RawSocket(exam.base_url, cookie)
    with pytest.raises(Refused) as refused:
        socket.join(namespace, {"page_id": "a" * 32})
    code, told = refused.value.args
    assert code == told["code"] == "SESSION_ENDED"
    assert told["message_zh"]
    assert told["message_en"]
    socket.close()


def test_there_are_two_namespaces_and_no_third(exam: LiveServer, people: list[Listener]) -> None:
    chief = staff_of(exam, people, exam.rooms[0].chief)
    for namespace in ("/admin", "/proctor2", "/Proctor", "/candidate/x"):
        with pytest.raises(Refused):
            chief.socket(namespace)
    socket = RawSocket(exam.base_url, chief.cookie)
    socket.send("40")  # the default namespace
    assert socket.wait_for(lambda frame: frame.startswith("4") and frame != "40").startswith("44")
    socket.close()


def test_everybody_connects_where_the_role_allows_and_nowhere_else(exam: LiveServer, people: list[Listener]) -> None:
    candidate = candidate_of(exam, people)
    candidate.join()
    with pytest.raises(Refused, match="SESSION_ENDED"):
        candidate.line.socket(PROCTOR)
    site = exam.site
    assert isinstance(site, PlantedSite)
    for who in [exam.rooms[0].chief, exam.rooms[1].deputy, *site.staff]:
        member = staff_of(exam, people, who)
        with pytest.raises(Refused, match="SESSION_ENDED"):
            member.socket(CANDIDATE, {"page_id": "a" * 32})
        if not isinstance(who, Role) or who in MAY_WATCH:
            member.socket(PROCTOR)
        else:
            with pytest.raises(Refused, match="FORBIDDEN"):
                member.socket(PROCTOR)


def test_a_candidates_page_says_its_number(exam: LiveServer, people: list[Listener]) -> None:
    candidate = candidate_of(exam, people, begins=False)
    for auth in (None, {}, {"page_id": 5}, {"page_id": "../../x"}, {"page_id": ["a" * 32]}, []):
        with pytest.raises(Refused, match="FIELD_INVALID"):
            candidate.line.socket(CANDIDATE, auth)


# ── who may say what ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_room_is_watched_by_its_own_proctors_and_by_those_who_go_round(
    exam: LiveServer, people: list[Listener]
) -> None:
    absent = {"sitting_id": exam.sitting_id, "room_id": "0" * 32}
    for who, rooms in (
        (exam.rooms[0].chief, {1}), (exam.rooms[1].deputy, {2}),
        (Role.INSPECTOR, {1, 2}), (Role.SUPERVISOR, {1, 2}), (Role.OFFICE_HEAD, {1, 2}),
    ):  # fmt: skip
        socket = staff_of(exam, people, who).socket(PROCTOR)
        nowhere = socket.ask(PROCTOR, "watch_room", absent)
        assert (nowhere["ok"], nowhere["code"]) == (False, "ROOM_NOT_FOUND")
        for number in (1, 2):
            reply = socket.ask(PROCTOR, "watch_room", room_message(exam, number))
            assert reply["ok"] if number in rooms else reply == nowhere, (who, number)


def test_a_proctor_of_room_1_hears_nothing_of_room_2(exam: LiveServer, people: list[Listener]) -> None:
    first, second = (staff_of(exam, people, room.chief) for room in exam.rooms)
    ears = first.socket(PROCTOR)
    assert ears.ask(PROCTOR, "watch_room", room_message(exam, 1))["ok"]
    assert not ears.ask(PROCTOR, "watch_room", room_message(exam, 2))["ok"]
    other_ears = second.socket(PROCTOR)
    assert other_ears.ask(PROCTOR, "watch_room", room_message(exam, 2))["ok"]
    exam.press(exam.rooms[1], "record-incident", {"kind": "other", "words": "第二考场的事"})
    other_ears.wait_for(lambda frame: "board_delta" in frame)
    exam.press(exam.rooms[0], "record-incident", {"kind": "other", "words": "第一考场的事"})
    ears.wait_for(lambda frame: "board_delta" in frame)
    assert exam.rooms[1].room_id.encode() not in first.heard
    assert "第二考场的事".encode() not in first.heard
    assert {delta["room_id"] for delta in ears.events(PROCTOR, "board_delta")} == {exam.rooms[0].room_id}


def test_deltas_name_no_person(exam: LiveServer, people: list[Listener]) -> None:
    """D5: states and ids alone; names come with the snapshot, to those who may read it."""
    candidate = candidate_of(exam, people)
    room = exam.room_of(candidate.ticket)
    ears = staff_of(exam, people, room.deputy).socket(PROCTOR)
    ears.ask(PROCTOR, "watch_room", {"sitting_id": exam.sitting_id, "room_id": room.room_id})
    channel = candidate.join()
    item = candidate.items[0]
    channel.ask(CANDIDATE, "record_answers", candidate.message(item["ref"], [item["options"][0]["ref"]]))
    attempt_id = exam.attempt(candidate.ticket).id
    ears.wait_for(lambda frame: "board_delta" in frame and attempt_id in frame)
    time.sleep(1.2)  # the deltas of a few more rounds
    told = [delta["statuses"] for delta in ears.events(PROCTOR, "board_delta")]
    for ticket in exam.tickets:
        assert ticket.name not in str(told)
        assert ticket.number not in str(told)


def test_messages_of_the_other_namespace_and_unknown_ones_are_refused_aloud(
    exam: LiveServer, people: list[Listener]
) -> None:
    candidate = candidate_of(exam, people)
    chief = staff_of(exam, people, exam.rooms[0].chief)
    for socket, namespace, names in (
        (
            candidate.join(),
            CANDIDATE,
            ["watch_room", "join", "RECORD_ANSWERS", "board_delta", "connect", "disconnect", "", "*", 5, None],
        ),
        (
            chief.socket(PROCTOR),
            PROCTOR,
            ["record_answers", "heartbeat", "join", "leave", "connect", "disconnect", "board_delta"],
        ),
    ):
        for name in names:
            reply = socket.ask(namespace, name, {"room": f"room:{exam.sitting_id}:{exam.rooms[1].room_id}"})
            assert (reply["ok"], reply["code"]) == (False, "UNKNOWN_MESSAGE"), name
            assert reply["message_zh"]
            assert reply["message_en"]
        own = next(
            iter(server.delivery.wire.CLIENT_MESSAGES if namespace == CANDIDATE else proctor.wire.CLIENT_MESSAGES)
        )
        assert socket.ask(namespace, own, {"x": 1})["code"] == "UNKNOWN_FIELD", "still connected, still listening"


@pytest.mark.parametrize(
    "payload", [[], [None], ["text"], [5], [[1]], [{}], [{"x": 1}], [{"page_id": "a" * 32}, {"more": 1}]]
)
def test_every_message_is_read_before_it_is_believed(
    exam: LiveServer, people: list[Listener], payload: list[object]
) -> None:
    before = exam.read(lambda session: session.execute(_journal_count()).scalar())
    socket = _shared_candidate(exam, people).join()
    for name in server.delivery.wire.CLIENT_MESSAGES:
        reply = socket.ask(CANDIDATE, name, *payload)
        assert not reply["ok"]
        assert reply["code"] in {"JSON_EXPECTED", "FIELD_INVALID", "UNKNOWN_FIELD"}
        assert reply["message_zh"]
    assert exam.read(lambda session: session.execute(_journal_count()).scalar()) == before


def _journal_count():
    from sqlalchemy import func, select

    from server.delivery.models import JournalEntry

    return select(func.count()).select_from(JournalEntry)


_shared: dict[str, LiveCandidate] = {}


def _shared_candidate(exam: LiveServer, people: list[Listener]) -> LiveCandidate:
    """The last candidate signs in again, from the same browser."""
    if "one" not in _shared:
        _shared["one"] = LiveCandidate(exam.base_url, exam.tickets[-1])
    known = _shared["one"]
    again = LiveCandidate(exam.base_url, known.ticket, known.device)
    again.enter()
    again.line.leaves = False
    people.append(again.line)
    return again


# ── what breaks a line, and whose ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "packet",
    [
        '42/candidate,1[{"a":1}]', "42/candidate,1{}", "42/candidate,", "42/candidate,1[", "42/candidate,999999999999999999999[]",
        "43/candidate,7[]", "44/candidate,{}", "45", '451-/candidate,1["record_answers",{"_placeholder":true,"num":0}]', "49", "4", "",
        "9", "x" * 1000, b"\x00\xff", '42/candidate,1["record_answers",' + "[" * 20_000 + "]" * 20_000 + "]", "1",
    ],
    ids=range(17),
)  # fmt: skip
def test_a_broken_packet_breaks_at_most_its_own_line(
    exam: LiveServer, people: list[Listener], packet: str | bytes
) -> None:
    socket = _shared_candidate(exam, people).join()
    socket.send(packet)
    neighbour = RawSocket(exam.base_url)
    with pytest.raises(Refused, match="SESSION_ENDED"):
        neighbour.join(CANDIDATE)
    neighbour.close()
    assert httpx.get(f"{exam.base_url}/healthz").json()["ok"]


def test_an_oversized_message_ends_the_line_and_stores_nothing(exam: LiveServer, people: list[Listener]) -> None:
    large, neighbour = candidate_of(exam, people), _shared_candidate(exam, people)
    before = exam.stored(large.ticket)
    line, other = large.join(), neighbour.join()
    message = large.message(large.items[0]["ref"], [large.items[0]["options"][0]["ref"]])
    message["padding"] = "x" * (MAX_MESSAGE + 1)
    with pytest.raises(TimeoutError):
        line.ask(CANDIDATE, "record_answers", message)
    assert line.closed.is_set()
    assert exam.stored(large.ticket) == before
    assert other.ask(CANDIDATE, "heartbeat", {"page_id": neighbour.page_id, "unsent": 0})["ok"]


def test_a_flood_is_slowed_down_and_the_neighbour_does_not_notice(exam: LiveServer, people: list[Listener]) -> None:
    noisy, neighbour = candidate_of(exam, people), _shared_candidate(exam, people)
    line, other = noisy.join(), neighbour.join()
    for number in range(200):
        line.send(f'42/candidate,{9000 + number}["{"heartbeat" if number % 2 else "no_such_message"}",{{}}]')
    began = time.monotonic()
    assert other.ask(CANDIDATE, "heartbeat", {"page_id": neighbour.page_id, "unsent": 0})["ok"]
    assert time.monotonic() - began < 3
    line.wait_for(lambda frame: frame.startswith("43/candidate,9199["))
    limited = [frame for frame in line.frames if "RATE_LIMITED" in frame]
    assert len(limited) > 100
    assert any('"retry_after":1' in frame for frame in limited)
    assert any("UNKNOWN_MESSAGE" in frame for frame in line.frames)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_a_page_of_another_origin_gets_no_socket(exam: LiveServer, people: list[Listener], origin: str) -> None:
    chief = staff_of(exam, people, exam.rooms[0].chief)
    with pytest.raises(Refused) as refused:
        RawSocket(exam.base_url, chief.cookie, origin)
    assert refused.value.args[0] in {400, 403}


def test_there_is_no_polling(exam: LiveServer) -> None:
    for method in ("GET", "POST"):
        assert httpx.request(method, f"{exam.base_url}/socket.io/?EIO=4&transport=polling").status_code == 400


def test_without_joining_nothing_is_heard_and_nothing_done(exam: LiveServer, people: list[Listener]) -> None:
    candidate = candidate_of(exam, people)
    before = exam.stored(candidate.ticket)
    socket = RawSocket(exam.base_url, candidate.line.cookie)
    message = candidate.message(candidate.items[0]["ref"], [candidate.items[0]["options"][0]["ref"]])
    socket.send(f"42/candidate,1{json.dumps(['record_answers', message])}")
    with pytest.raises(TimeoutError):
        socket.wait_for(lambda frame: frame.startswith("43"), seconds=1)
    assert exam.stored(candidate.ticket) == before
    socket.close()


# ── whose log-in ends ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_moved_candidates_old_line_is_told_and_counts_no_more(exam: LiveServer, people: list[Listener]) -> None:
    old = candidate_of(exam, people)
    line, room = old.join(), exam.room_of(old.ticket)
    attempt_id = exam.attempt(old.ticket).id
    exam.press(room, "release-seat", {"attempt_id": attempt_id, "reason": "换机"})
    new = LiveCandidate(exam.base_url, old.ticket)
    people.append(new.line)
    new.enter()
    line.wait_for(lambda frame: frame.startswith('42/candidate,["replaced"'))
    exam.press(room, "resume", {"attempt_id": attempt_id, "reason": "换机"})
    new.begin()
    item = new.items[0]
    message = old.message(item["ref"], [item["options"][0]["ref"]], epoch=new.epoch)
    ack = line.ask(CANDIDATE, "record_answers", message)["acks"][0]
    assert (ack["standing"], ack["code"]) == ("superseded", "SESSION_MOVED")
    beat = line.ask(CANDIDATE, "heartbeat", {"page_id": old.page_id, "unsent": 0})
    assert (beat["step"], beat["writing"]) == ("moved", False)
    fresh = new.join().ask(CANDIDATE, "heartbeat", {"page_id": new.page_id, "unsent": 0})
    assert (fresh["step"], fresh["writing"]) == ("answering", True)
    with pytest.raises(Refused, match="SESSION_MOVED"):
        old.line.socket(CANDIDATE, {"page_id": old.page_id})


def test_a_disabled_proctor_is_shown_the_door_within_two_seconds(exam: LiveServer, people: list[Listener]) -> None:
    deputy = staff_of(exam, people, exam.rooms[1].deputy)
    line = deputy.socket(PROCTOR)
    assert line.ask(PROCTOR, "watch_room", room_message(exam, 2))["ok"]
    line.ask(PROCTOR, "disconnect", "client namespace disconnect")  # a message of that name takes nobody off the list
    disable_account(exam.platform.uow, exam.rooms[1].deputy.account_id, SYSTEM, "调离")
    began = time.monotonic()
    wait_until(lambda: any(frame.startswith("41/proctor") for frame in line.frames), seconds=5, what="the door")
    assert time.monotonic() - began < 4, "two seconds, and what a busy machine adds"
    heard = len(line.frames)
    exam.press(exam.rooms[1], "record-incident", {"kind": "other", "words": "此后的事"})
    line.send('42/proctor,77["watch_room",{}]')
    with pytest.raises(TimeoutError):
        line.wait_for(lambda frame: frame.startswith("43/proctor,77"), seconds=1)
    assert not any("board_delta" in frame for frame in line.frames[heard:])
    with pytest.raises(Refused, match="SESSION_ENDED"):
        deputy.socket(PROCTOR)
