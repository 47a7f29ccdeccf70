"""What is malformed is refused by name before it is believed (B9)."""

from __future__ import annotations

import json
from typing import Any

from tests.security.exam_world import ExamWorld, journal, refusal

BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"x":' * 50_000,
    b'{"seq": ' + b"9" * 10_000 + b"}",
]


def test_what_is_no_json_object_is_refused(world: ExamWorld) -> None:
    visitor = world.nobody()
    for body in BROKEN:
        for address in ("/api/candidate/sign-in", "/api/staff/sign-in"):
            response = visitor.send("POST", address, data=body, content_type="application/json")
            assert refusal(response) == (422, "JSON_EXPECTED"), body[:20]


def test_a_form_is_not_taken_for_json(world: ExamWorld) -> None:
    """What another site's page can send without asking first is never accepted."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        body = json.dumps({"login_name": "a", "password": "b"})
        response = world.nobody().send("POST", "/api/staff/sign-in", data=body, content_type=kind)
        assert refusal(response) == (422, "JSON_EXPECTED")


def test_an_unknown_field_is_named_and_nothing_is_taken(running: ExamWorld) -> None:
    browser = running.answering()
    before = running.rows()
    entry = browser.entry(browser.items[0]["ref"], [], remaining_ms=9_999_999)
    response = browser.save(entry)
    assert refusal(response) == (422, "UNKNOWN_FIELD")
    assert response.json["data"]["fields"][0]["field"] == "entries.0.remaining_ms"
    for address, body in (
        ("/api/candidate/preferences", {"font": "100", "role": "proctor"}),
        ("/api/candidate/submit", {"page_id": browser.page_id, "answered": 1, "ended_at": 0}),
        ("/api/candidate/confirm", {"step": "rules", "identity_verified": True}),
    ):
        assert refusal(browser.post(address, body)) == (422, "UNKNOWN_FIELD")
    assert running.rows() == before


WRONG_FORMS: list[dict[str, Any]] = [
    {"seq": 0}, {"seq": -1}, {"seq": 2**60}, {"seq": "many"}, {"seq": 1.5}, {"seq": None},
    {"page_id": "x"}, {"page_id": "A" * 32}, {"page_id": "a" * 33},
    {"kind": "score"}, {"kind": ""},
    {"item": ""}, {"item": "q" * 99}, {"item": "../../etc"}, {"item": "q1\u0000"}, {"item": ["q1"]},
    {"value": "a"}, {"value": ["a"] * 13}, {"value": [None]}, {"value": ["Ａ"]}, {"value": {"0": "a"}},
    {"client_time_ms": 10**30}, {"client_monotonic_ms": -1}, {"client_monotonic_ms": 10**30},
]  # fmt: skip


def test_a_field_of_the_wrong_form_is_named(running: ExamWorld) -> None:
    browser = running.answering()
    item = browser.items[0]
    for change in WRONG_FORMS:
        response = browser.save({**browser.entry(item["ref"], [item["options"][0]["ref"]]), **change})
        assert refusal(response) == (422, "FIELD_INVALID")
        assert response.json["data"]["fields"][0]["field"].startswith(f"entries.0.{next(iter(change))}")
    assert journal(running, browser) == []


def test_texts_that_no_database_holds_are_refused_before_it(running: ExamWorld) -> None:
    for value in ("\ud800", "a\u0000b"):
        for address, body in (
            ("/api/candidate/sign-in", {"ticket_number": value, "pin": value, "device_secret": value}),
            ("/api/staff/sign-in", {"login_name": value, "password": value}),
        ):
            data = json.dumps(body)  # escaped, as a client would
            response = running.nobody().send("POST", address, data=data, content_type="application/json")
            assert response.status_code in {401, 422}
    assert running.nobody().get("/api/proctor/board/%00/x").status_code == 404
    assert running.nobody().get("/papers/%00.bin").status_code == 404


def test_only_papers_lie_where_papers_lie(world: ExamWorld) -> None:
    names = [
        "../mingyuan.db",
        "..%2fmingyuan.db",
        "%2e%2e/keys/master.key",
        "x.bin",
        "x",
        ".bin",
        "/etc/passwd",
        "a/b.bin",
        "..bin",
    ]
    for name in names:
        response = world.nobody().get(f"/papers/{name}")
        assert response.status_code == 404
        assert response.headers["Cache-Control"] == "no-store", "a paper may come a moment later"


def test_too_many_entries_and_too_large_bodies_are_refused(running: ExamWorld) -> None:
    browser = running.answering()
    ref = browser.items[0]["ref"]
    assert refusal(browser.save(*[browser.entry(ref, []) for _ in range(201)])) == (422, "FIELD_INVALID")
    assert browser.save(*[browser.entry(ref, []) for _ in range(200)]).status_code == 200
    large = b'{"login_name": "' + b"x" * (256 * 1024) + b'"}'
    response = running.nobody().send("POST", "/api/staff/sign-in", data=large, content_type="application/json")
    assert refusal(response) == (413, "BODY_TOO_LARGE")
    assert (
        refusal(browser.send("POST", "/api/candidate/answers", data=large, content_type="application/json"))[0] == 413
    )


def test_one_line_that_makes_no_sense_does_not_hurt_its_neighbours(running: ExamWorld) -> None:
    browser = running.answering()
    first, second = browser.items[:2]
    single = next(item for item in browser.items if item["kind"] == "single")
    reply = browser.save(
        browser.entry(first["ref"], [first["options"][0]["ref"]]),
        browser.entry("qzzzzzzzz", []),
        browser.entry(single["ref"], [one["ref"] for one in single["options"][:2]]),
        browser.entry(first["ref"], ["1"], kind="flag"),
        browser.entry(first["ref"], ["2"], kind="flag"),
        browser.entry(second["ref"], [second["options"][0]["ref"]]),
    )
    assert [(ack["standing"], ack["code"]) for ack in reply.json["acks"]] == [
        ("counted", None), ("refused", "UNKNOWN_ITEM"), ("refused", "TOO_MANY_OPTIONS"),
        ("counted", None), ("refused", "UNKNOWN_OPTION"), ("counted", None),
    ]  # fmt: skip
