"""What is wrong, late, repeated or malformed is refused with its code, and changes nothing (B9, C1 to C4, C6)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from itembank.queries import script_layout
from server.delivery.queries import counted_responses
from server.delivery.sessions import candidate_of, hash_of
from server.delivery.wire import Heartbeat, RecordAnswers
from tests.security.exam_world import (
    MINUTE,
    OTHER_DEVICE,
    OTHER_PAGE,
    CandidateBrowser,
    ExamWorld,
    T,
    ack_of,
    journal,
    refusal,
)

SECOND = timedelta(seconds=1)


# ── steps in order (C1) ──────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_come_in_their_order(world: ExamWorld) -> None:
    world.open_doors()
    browser = world.candidate()
    assert browser.sign_in().status_code == 200
    assert refusal(browser.post("/api/candidate/confirm", {"step": "rules"})) == (409, "STEP_OUT_OF_ORDER")
    assert refusal(browser.post("/api/candidate/begin", {"page_id": browser.page_id})) == (409, "STEP_OUT_OF_ORDER")
    browser.confirm()
    early = browser.post("/api/candidate/begin", {"page_id": browser.page_id})
    assert refusal(early) == (409, "NOT_STARTED")
    assert early.json["data"]["starts_at"] == T.isoformat()
    assert refusal(browser.submit()) == (409, "NOT_STARTED")
    world.at(SECOND)
    assert refusal(browser.post("/api/candidate/begin", {"page_id": browser.page_id})) == (409, "SEALED")


def test_an_answer_before_the_start_is_refused_and_not_stored(world: ExamWorld) -> None:
    world.open_doors()
    world.open_paper()
    browser = world.candidate()
    browser.sign_in()
    browser.confirm()
    script_id = world.attempt(browser.ticket).script_id
    item = world.read(lambda session: script_layout(session, script_id)).items
    ref, first = next(iter(item.items()))
    response = browser.save(browser.entry(ref, [next(iter(first.options))]), epoch=1)
    assert ack_of(response) == ("refused", "NOT_STARTED")
    assert journal(world, browser) == []


def test_leaving_early_is_refused_with_the_moment_it_opens(running: ExamWorld) -> None:
    browser = running.answering()
    running.at(30 * MINUTE - SECOND)
    response = browser.submit()
    assert refusal(response) == (409, "TOO_EARLY_TO_LEAVE")
    assert response.json["data"]["opens_at"] == (T + 30 * MINUTE).isoformat()
    assert "09:30" in response.json["message_zh"]
    running.at(30 * MINUTE)
    assert browser.submit().json["receipt"]["end_how"] == "submit"


def test_nothing_is_changed_after_handing_in(running: ExamWorld) -> None:
    browser = running.answering()
    browser.answer()
    running.at(40 * MINUTE)
    receipt = browser.submit().json["receipt"]
    assert ack_of(browser.answer(option=1)) == ("closed", "SUBMITTED")
    assert refusal(browser.post("/api/candidate/begin", {"page_id": browser.page_id})) == (409, "SUBMITTED")
    assert browser.submit().json["receipt"] == receipt
    assert [entry.standing for entry in journal(running, browser)] == ["counted", "closed"], "kept as evidence"
    assert running.attempt(browser.ticket).answers_digest == receipt["answers_digest"]


# ── time (C2) ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_after_the_deadline_is_kept_as_evidence_and_not_counted(running: ExamWorld) -> None:
    browser = running.answering()
    browser.answer()
    running.at(90 * MINUTE + 11 * SECOND)
    assert ack_of(browser.answer(option=1)) == ("late", "TIME_OVER")
    last = journal(running, browser)[-1]
    assert (last.standing, last.late_by_ms) == ("late", 11_000)
    counted = running.read(lambda session: counted_responses(session, browser.attempt_id))
    assert [one.value for one in counted.values()] == [(browser.items[0]["options"][0]["ref"],)]


@pytest.mark.parametrize("lie_ms", [-86_400_000, 0, 86_400_000, 2**53])
def test_what_the_clients_clock_says_decides_nothing(running: ExamWorld, lie_ms: int) -> None:
    browser = running.answering()
    item = browser.items[0]
    running.at(89 * MINUTE)
    lie = {"client_time_ms": lie_ms, "client_monotonic_ms": abs(lie_ms)}
    assert ack_of(browser.save(browser.entry(item["ref"], [item["options"][0]["ref"]], **lie)))[0] == "counted"
    running.at(91 * MINUTE)
    assert ack_of(browser.save(browser.entry(item["ref"], [item["options"][1]["ref"]], **lie)))[0] == "late"


def test_a_page_that_claims_an_endless_gap_gets_no_time_by_itself(running: ExamWorld) -> None:
    browser = running.answering()
    before = running.attempt(browser.ticket).deadline_at
    running.at(10 * MINUTE)
    beat = {"page_id": browser.page_id, "unsent": 0, "gap_ms": 2**53}
    assert browser.post("/api/candidate/heartbeat", beat).status_code == 200
    assert running.attempt(browser.ticket).deadline_at == before, "a proposal for a person at most"


# ── who holds the pen ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stale_epoch_is_kept_as_evidence_and_not_counted(running: ExamWorld) -> None:
    browser = running.answering()
    assert ack_of(browser.save(browser.entry(browser.items[0]["ref"], []), epoch=browser.epoch)) == ("counted", None)
    running.press(1, "release-seat", {"attempt_id": browser.attempt_id, "reason": "换机"})
    new = running.candidate(device=OTHER_DEVICE, page_id=OTHER_PAGE)
    new.sign_in()
    running.press(1, "resume", {"attempt_id": browser.attempt_id, "reason": "换机"})
    new.begin()
    item = new.items[0]
    old_entry = browser.entry(item["ref"], [item["options"][0]["ref"]])
    assert ack_of(new.save(old_entry, epoch=browser.epoch)) == ("superseded", "SESSION_MOVED")
    assert journal(running, new)[-1].standing == "superseded"


def test_naming_a_later_epoch_does_not_win_the_pen(running: ExamWorld) -> None:
    """A page that was moved away guesses its successor's number over its still open channel."""
    old = running.answering()
    signed_in = running.read(lambda session: _candidate_of(session, old))
    running.press(1, "release-seat", {"attempt_id": old.attempt_id, "reason": "换机"})
    new = running.candidate(device=OTHER_DEVICE, page_id=OTHER_PAGE)
    new.sign_in()
    running.press(1, "resume", {"attempt_id": old.attempt_id, "reason": "换机"})
    new.begin()
    item = old.items[0]
    message = {
        "page_id": old.page_id,
        "epoch": new.epoch,
        "entries": [old.entry(item["ref"], [item["options"][0]["ref"]])],
    }
    reply = running.server.delivery.desk.record(signed_in, RecordAnswers.model_validate(message))
    assert (reply.acks[0].standing, reply.acks[0].code) == ("superseded", "SESSION_MOVED")


def test_a_moved_pages_heartbeat_does_not_stop_its_successor(running: ExamWorld) -> None:
    old = running.answering()
    signed_in = running.read(lambda session: _candidate_of(session, old))
    running.press(1, "release-seat", {"attempt_id": old.attempt_id, "reason": "换机"})
    new = running.candidate(device=OTHER_DEVICE, page_id=OTHER_PAGE)
    new.sign_in()
    running.press(1, "resume", {"attempt_id": old.attempt_id, "reason": "换机"})
    new.begin()
    stale = running.server.delivery.heartbeat(signed_in, Heartbeat(page_id=old.page_id, unsent=0))
    assert (stale.step, stale.writing) == ("moved", False)
    fresh = new.post("/api/candidate/heartbeat", {"page_id": new.page_id, "unsent": 0}).json
    assert (fresh["step"], fresh["writing"]) == ("answering", True)


def _candidate_of(session: Any, browser: CandidateBrowser) -> Any:
    cookie = browser.client.get_cookie("mingyuan-candidate")
    assert cookie is not None
    return candidate_of(session, hash_of(cookie.value))


def test_one_candidate_reaches_nothing_of_another(running: ExamWorld) -> None:
    one, other = running.answering(0), running.answering(1, device=OTHER_DEVICE)
    foreign = other.items[0]
    assert ack_of(one.save(one.entry(foreign["ref"], [foreign["options"][0]["ref"]]))) == ("refused", "UNKNOWN_ITEM")
    own = one.items[0]
    assert ack_of(one.save(one.entry(own["ref"], [foreign["options"][0]["ref"]]))) == ("refused", "UNKNOWN_OPTION")
    assert journal(running, one) == []
    running.press(1, "send-message", {"attempt_ids": [other.attempt_id], "text": "请坐好"})
    message = other.get("/api/candidate/state").json["messages"][0]["id"]
    assert refusal(one.post(f"/api/candidate/messages/{message}/seen")) == (404, "NOT_FOUND")
    assert refusal(one.post(f"/api/candidate/messages/{'0' * 32}/seen")) == (404, "NOT_FOUND")
    for address in (f"/api/candidate/attempts/{other.attempt_id}", "/api/candidate/attempts/1", "/attempts/1"):
        assert refusal(one.get(address)) == (404, "NOT_FOUND")


def test_a_proctor_reaches_no_candidate_of_another_room(running: ExamWorld) -> None:
    other_room = next(ticket for ticket in running.site.tickets if ticket.room_id == running.room(2).room_id)
    attempt_id = running.attempt(other_room).id
    chief = running.staff(running.room(1).chief)
    before = running.rows()
    ticks = dict.fromkeys(("name_ok", "ticket_ok", "seat_ok", "id_card_ok", "person_ok"), True)
    for command, body in (
        ("check-identity", {"attempt_id": attempt_id, "pass_number": 1, **ticks}),
        ("send-message", {"attempt_ids": [attempt_id], "text": "好"}),
        ("grant-time", {"attempt_ids": [attempt_id], "seconds": 60, "reason": "好"}),
        ("collect", {"attempt_ids": [attempt_id], "reason": "好"}),
        ("suspend", {"attempt_id": attempt_id, "reason": "好"}),
        ("release-seat", {"attempt_id": attempt_id, "reason": "好"}),
        ("lower-hand", {"attempt_id": attempt_id}),
    ):
        assert refusal(chief.post(running.address(1, command), body))[0] == 404, command
    assert running.rows() == before


# ── repeats (C3) ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(3))
def test_replaying_captured_requests_in_any_order_changes_nothing(running: ExamWorld, seed: int) -> None:
    browser = running.answering()
    captured = []
    for number in range(50):
        item = browser.items[number % 7]
        entry = browser.entry(item["ref"], [item["options"][number % len(item["options"])]["ref"]])
        captured.append({"page_id": browser.page_id, "epoch": browser.epoch, "entries": [entry]})
        assert browser.post("/api/candidate/answers", captured[-1]).status_code == 200

    def truth() -> Any:
        return running.read(
            lambda session: (counted_responses(session, browser.attempt_id), running.attempt(browser.ticket).answered)
        )

    before, lines = truth(), len(journal(running, browser))
    random.Random(seed).shuffle(captured)
    for message in captured:
        assert ack_of(browser.post("/api/candidate/answers", message)) == ("counted", None)
    assert truth() == before
    assert len(journal(running, browser)) == lines


def test_the_same_number_with_another_value_does_not_replace_what_is_stored(running: ExamWorld) -> None:
    browser = running.answering()
    item = browser.items[0]
    first = browser.entry(item["ref"], [item["options"][0]["ref"]])
    browser.save(first)
    browser.save({**first, "value": [item["options"][1]["ref"]]})
    assert [entry.value for entry in journal(running, browser)] == [[item["options"][0]["ref"]]]


# ── two people (C5) ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_person_is_not_two(world: ExamWorld) -> None:
    world.at(-25 * MINUTE)
    room = world.room()
    assert world.staff(room.chief).post(world.address(1, "fetch-paper")).json["waiting_for_second"]
    again = world.staff(room.chief).post(world.address(1, "fetch-paper"))
    assert refusal(again) == (403, "SECOND_PERSON_REQUIRED")
    world.clock.advance(11 * MINUTE)
    assert refusal(world.staff(room.deputy).post(world.address(1, "fetch-paper"))) == (410, "REQUEST_EXPIRED")


def test_wrong_secrets_open_nothing_and_do_not_say_whose_was_wrong(world: ExamWorld) -> None:
    world.open_doors()
    world.at(-4 * MINUTE)
    room = world.room()
    told = []
    for first, second in (
        ("WRNG-WRNG-WRNG-WRNG", room.opening_secrets[1]),
        (room.opening_secrets[0], "WRNG-WRNG-WRNG-WRNG"),
    ):
        assert (
            world.staff(room.chief).post(world.address(1, "open-paper"), {"opening_secret": first}).status_code == 200
        )
        response = world.staff(room.deputy).post(world.address(1, "open-paper"), {"opening_secret": second})
        assert refusal(response) == (403, "OPENING_SECRET_WRONG")
        told.append({**response.json, "request_id": ""})
    assert told[0] == told[1]


def test_reading_the_room_record_changes_nothing(running: ExamWorld) -> None:
    chief = running.staff(running.room().chief)
    before = running.rows()
    assert chief.get(running.address(1, "record.pdf")).get_data().startswith(b"%PDF")
    assert running.rows() == before
