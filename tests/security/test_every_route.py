"""Every address, every role: who gets in, who is refused and how; nothing changes by reading (B1, B11, F2, F3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule

from server.core.permissions import Permission, Role
from server.delivery.models import RoomMessage
from server.webkit.guards import POLICY
from tests.security.exam_world import MINUTE, ExamWorld, Visitor, exam_world
from tests.security.planted_site import PlantedSite

#: Flask's own route to the built page files; everything below it is public by nature.
OF_THE_FRAMEWORK = {"static"}

PROCTORS = {"proctor of room 1"}
READERS = {*PROCTORS, Role.OFFICE_HEAD, Role.INSPECTOR, Role.SUPERVISOR}
RESULT_READERS = {Role.SITE_HEAD, Role.OFFICE_HEAD, Role.EXAM_CLERK}
KEEPERS = {Role.SITE_HEAD, Role.OFFICE_HEAD, Role.EXAM_CLERK, Role.SYSADMIN}
PLANNERS, DECIDERS = {Role.EXAM_CLERK, Role.OFFICE_HEAD}, {Role.SITE_HEAD, Role.OFFICE_HEAD}
SITTING_READERS = {*PLANNERS, *DECIDERS, Role.SUPERVISOR}
ANALYSTS, REVIEWERS = {Role.BANK_KEEPER, *DECIDERS}, RESULT_READERS
ANYBODY, CANDIDATE = "anybody", {"candidate"}
ROOM = "/api/proctor/board/<sitting_id>/<room_id>"

#: Written by hand from domain.md 6, on purpose not read from the code: who gets past the guard of each address.
WHO_MAY: dict[str, object] = {
    "/setup": ANYBODY, "/office": ANYBODY, "/results": ANYBODY, "/analysis": ANYBODY,
    "/api/staff/setup-code": ANYBODY, "/api/staff/setup": ANYBODY, "/api/candidate/sign-out": ANYBODY,
    "/api/bank/papers": {Role.BANK_KEEPER}, "/api/bank/assemble-paper": {Role.BANK_KEEPER},
    "/api/scheduling/sittings": SITTING_READERS, "/api/scheduling/sittings/<sitting_id>": SITTING_READERS,
    "/api/scheduling/choices": PLANNERS, "/api/scheduling/bags": {Role.BANK_KEEPER},
    **{f"/api/scheduling/{act}": PLANNERS for act in ("create-centre", "create-room", "plan-sitting")},
    **{f"/api/scheduling/sittings/<sitting_id>/{act}": PLANNERS for act in (
        "import-roster", "assign-seats", "issue-tickets", "assign-proctors", "publish",
    )},
    "/api/scheduling/sittings/<sitting_id>/seal-room": {Role.BANK_KEEPER},
    "/api/office/readiness": KEEPERS,
    "/api/takeover/nodes": DECIDERS, "/api/takeover/sittings/<sitting_id>": DECIDERS,
    "/api/takeover/sittings/<sitting_id>/decide": DECIDERS,
    "/api/takeover/sittings/<sitting_id>/report": SITTING_READERS, "/api/takeover/sittings/<sitting_id>/confirm": DECIDERS,
    "/api/takeover/entries/<entry_id>": DECIDERS,
    "/": ANYBODY, "/staff": ANYBODY, "/bank": ANYBODY, "/board/<sitting_id>/<room_id>": ANYBODY,
    "/papers/<name>": ANYBODY, "/healthz": ANYBODY,
    "/api/staff/sign-in": ANYBODY, "/api/staff/me": ANYBODY, "/api/staff/sign-out": ANYBODY,
    "/api/candidate/sign-in": ANYBODY,
    "/api/candidate/state": CANDIDATE, "/api/candidate/confirm": CANDIDATE, "/api/candidate/begin": CANDIDATE,
    "/api/candidate/answers": CANDIDATE, "/api/candidate/heartbeat": CANDIDATE, "/api/candidate/submit": CANDIDATE,
    "/api/candidate/hand": CANDIDATE, "/api/candidate/preferences": CANDIDATE,
    "/api/candidate/messages/<message_id>/seen": CANDIDATE, "/api/candidate/result": CANDIDATE,
    "/api/bank/spec-tables": {Role.BANK_KEEPER}, "/api/bank/readiness": {Role.BANK_KEEPER},
    "/api/proctor/rooms": {*READERS, "proctor of room 2"},
    ROOM: READERS, f"{ROOM}/record.pdf": READERS,
    **{f"{ROOM}/{command}": PROCTORS for command in (
        "fetch-paper", "open-admission", "read-notes", "open-paper", "check-identity", "send-message", "grant-time",
        "decide-time", "collect", "suspend", "resume", "release-seat", "list-absent", "lower-hand", "end-room", "sign-record",
        "move-room", "resume-several", "spare-rooms",
    )},
    f"{ROOM}/record-incident": {*PROCTORS, Role.INSPECTOR}, f"{ROOM}/resolve-incident": {*PROCTORS, Role.INSPECTOR},
    **{f"{ROOM}/{command}": {*PROCTORS, Role.INSPECTOR, Role.OFFICE_HEAD} for command in ("show-journal", "import-journal")},
    "/api/analysis/sittings": ANALYSTS, "/api/analysis/sittings/<sitting_id>": ANALYSTS,
    "/api/analysis/sittings/<sitting_id>/report.pdf": ANALYSTS, "/api/analysis/items/<item_version_id>": ANALYSTS,
    "/api/analysis/proposals": ANALYSTS, "/api/analysis/proposals/<proposal_id>/decide": {Role.BANK_KEEPER},
    "/api/analysis/sittings/<sitting_id>/start": {Role.BANK_KEEPER, Role.OFFICE_HEAD},
    "/api/analysis/sittings/<sitting_id>/similarity": DECIDERS, "/api/analysis/sittings/<sitting_id>/open-case": {Role.OFFICE_HEAD},
    "/api/analysis/cases": REVIEWERS, "/api/analysis/cases/<case_id>": REVIEWERS, "/api/analysis/cases/<case_id>/decide": REVIEWERS,
    "/api/results/sittings": RESULT_READERS, "/api/results/sittings/<sitting_id>": RESULT_READERS,
    "/api/results/sittings/<sitting_id>/confirm": {Role.EXAM_CLERK},
    "/api/results/sittings/<sitting_id>/release": {Role.SITE_HEAD, Role.OFFICE_HEAD},
    "/api/results/sittings/<sitting_id>/export.xlsx": RESULT_READERS,
    "/api/results/sittings/<sitting_id>/package.json": RESULT_READERS,
}  # fmt: skip
#: What a guard says. Anything else means that the view itself ran.
SAID_BY_GUARDS = {"SESSION_ENDED", "FORBIDDEN", "CSRF", "NOT_FOUND", "ROOM_NOT_FOUND"}


@pytest.fixture(scope="module")
def exam(planted: tuple[Path, PlantedSite], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExamWorld]:
    with exam_world(*planted, tmp_path_factory.mktemp("routes")) as made, pytest.MonkeyPatch.context() as patch:
        made.start()
        made.press(1, "send-message", {"text": "请保持安静"})
        patch.setattr("proctor.views.read_room_record", lambda *_: b"%PDF")  # drawing it takes a second, every time
        yield made


@pytest.fixture(scope="module")
def people(exam: ExamWorld) -> dict[object, Visitor]:
    """Everybody who may come along."""
    candidate = exam.answering()
    return {
        "nobody": exam.nobody(),
        "candidate": candidate,
        "proctor of room 1": exam.staff(exam.room(1).chief),
        "proctor of room 2": exam.staff(exam.room(2).chief),
        **{role: exam.staff(role) for role in exam.site.staff},
    }


@pytest.fixture(scope="module")
def address_of(exam: ExamWorld) -> Callable[[Rule], str]:
    """A rule with its blanks filled for room 1."""
    message_id = exam.read(lambda session: session.scalar(select(RoomMessage.id)))
    known = {
        "sitting_id": exam.site.sitting_id, "room_id": exam.room(1).room_id, "message_id": message_id,
        "name": next(exam.platform.paper_store.iterdir()).name, "filename": "dist/manifest.json", "entry_id": "none",
        "item_version_id": "none", "proposal_id": "none", "case_id": "none",
    }  # fmt: skip
    return lambda rule: re.sub(r"<(?:\w+:)?(\w+)>", lambda match: known[match[1]], rule.rule)


def rules(exam: ExamWorld) -> list[Rule]:
    return [rule for rule in exam.server.flask.url_map.iter_rules() if rule.endpoint not in OF_THE_FRAMEWORK]


def method_of(rule: Rule) -> str:
    own = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    assert len(own) == 1, f"{rule.rule} takes {own}: one method an address, so that a table can tell who may"
    return own.pop()


def test_every_address_says_who_may_call_it(exam: ExamWorld) -> None:
    silent = [rule.rule for rule in rules(exam) if not hasattr(exam.server.flask.view_functions[rule.endpoint], POLICY)]
    assert silent == []


def test_every_policy_is_a_permission_or_a_reason(exam: ExamWorld) -> None:
    permissions = {permission.value for permission in Permission}
    for rule in rules(exam):
        policy = getattr(exam.server.flask.view_functions[rule.endpoint], POLICY)
        assert policy in permissions or re.match(r"public: \w.{15,}", policy), rule.rule


def test_the_table_of_this_test_names_every_address_and_no_other(exam: ExamWorld) -> None:
    assert {rule.rule for rule in rules(exam)} == set(WHO_MAY)


def code_of(response: object) -> str:
    body = response.get_json(silent=True)  # type: ignore[attr-defined]
    return str(body.get("code", "")) if isinstance(body, dict) else ""


def expected_refusal(rule: str, person: object) -> tuple[int, str]:
    """What somebody hears who does not get in."""
    if person == "nobody":
        return 401, "SESSION_ENDED"
    if (person == "candidate") != rule.startswith("/api/candidate/"):
        return 401, "SESSION_ENDED"  # another kind of log-in is none here
    if person == "proctor of room 2" and rule.startswith(ROOM):
        return 404, "ROOM_NOT_FOUND"  # as if there were no such room
    return 403, "FORBIDDEN"


def test_everybody_gets_exactly_what_the_table_says(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str]
) -> None:
    wrong = []
    for rule in rules(exam):
        allowed = WHO_MAY[rule.rule]
        for person, visitor in people.items():
            if rule.rule == "/api/candidate/result" or rule.rule.endswith("/sign-out"):
                continue  # below: the guard's word and the view's are alike; whoever signs out is gone
            # A body no command accepts: the guard is passed, nothing happens behind it.
            response = visitor.send(
                method_of(rule), address_of(rule), headers={"X-CSRF-Token": visitor.csrf},
                **({"json": {"no_such_field": 1}} if method_of(rule) == "POST" else {}),
            )  # fmt: skip
            code = code_of(response)
            if allowed == ANYBODY or person in allowed:  # type: ignore[operator]
                is_right = code not in SAID_BY_GUARDS or (rule.rule == "/api/staff/me" and response.status_code == 401)
            else:
                is_right = (response.status_code, code) == expected_refusal(rule.rule, person)
            if not is_right:
                wrong.append((rule.rule, str(person), response.status_code, code))
    assert wrong == []


def test_a_refused_proctor_learns_nothing_from_the_order_of_checks(
    exam: ExamWorld, people: dict[object, Visitor]
) -> None:
    """A room out of reach and a room that does not exist: the same bytes but for the request's number."""
    other = people["proctor of room 2"]
    absent = exam.address().replace(exam.room(1).room_id, "0" * 32)
    for command in ("", "send-message", "record.pdf"):
        answers = []
        for base in (exam.address(), absent):
            address = f"{base}/{command}".rstrip("/")
            response = other.post(address, {"text": "x"}) if command == "send-message" else other.get(address)
            body = response.get_json()
            assert len(body.pop("request_id")) == 12
            answers.append((response.status_code, body))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404


def test_every_changing_request_of_staff_needs_the_csrf_header(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str]
) -> None:
    for rule in rules(exam):
        allowed = WHO_MAY[rule.rule]
        if method_of(rule) != "POST" or allowed == ANYBODY or rule.rule.startswith("/api/candidate"):
            continue
        visitor = people[next(iter(allowed))]  # type: ignore[call-overload]
        for headers in ({}, {"X-CSRF-Token": "0" * 43}, {"X-CSRF-Token": people["proctor of room 2"].csrf}):
            response = visitor.send("POST", address_of(rule), json={}, headers=headers)
            assert (response.status_code, code_of(response)) == (403, "CSRF"), rule.rule


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_another_sites_page_changes_nothing(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str], headers: dict[str, str]
) -> None:
    before = exam.rows()
    for rule in rules(exam):
        if method_of(rule) != "POST":
            continue
        allowed = WHO_MAY[rule.rule]
        visitor = people["candidate" if allowed == ANYBODY else next(iter(allowed))]  # type: ignore[call-overload]
        response = visitor.send("POST", address_of(rule), json={}, headers={"X-CSRF-Token": visitor.csrf, **headers})
        assert (response.status_code, code_of(response)) == (403, "CSRF"), rule.rule
    assert exam.rows() == before


def test_reading_changes_nothing(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str]
) -> None:
    before, audited = exam.rows(), exam.audited()
    for rule in rules(exam):
        if method_of(rule) == "GET" and not rule.rule.endswith((".xlsx", "package.json")):
            for visitor in people.values():
                visitor.get(address_of(rule))
                visitor.send("HEAD", address_of(rule))
    assert exam.rows() == before
    assert exam.audited() == audited


def test_every_address_takes_its_own_method_alone(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str]
) -> None:
    before = exam.rows()
    visitor = people["proctor of room 1"]
    for rule in rules(exam):
        others = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {method_of(rule)}
        for method in others:
            response = visitor.send(method, address_of(rule), headers={"X-CSRF-Token": visitor.csrf})
            if method == "GET" and rule.rule.startswith(ROOM):
                assert response.status_code in {404, 405}
                continue
            assert (response.status_code, code_of(response)) == (405, "METHOD_NOT_ALLOWED"), (method, rule.rule)
            assert method_of(rule) in response.headers["Allow"], "the method that would have been right"
    assert exam.rows() == before


def test_every_reply_carries_the_protecting_headers(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str]
) -> None:
    asked = [(method_of(rule), address_of(rule)) for rule in rules(exam) if not rule.rule.endswith("sign-out")]
    asked += [("GET", "/no/such/page"), ("PUT", "/")]
    for method, address in asked:
        for person in ("nobody", "candidate", "proctor of room 1"):
            visitor = people[person]
            headers = {"X-CSRF-Token": visitor.csrf}
            response = visitor.send(
                method, address, headers=headers, **({"json": {"x": 1}} if method == "POST" else {})
            )
            told = response.headers
            policy = told["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';"), address
            for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
                assert part in policy
            assert "unsafe" not in policy
            assert told["X-Content-Type-Options"] == "nosniff"
            assert told["Referrer-Policy"] == "no-referrer"
            assert told["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "Access-Control-Allow-Origin" not in told
            assert not any("/" in told.get(name, "") for name in ("Server", "X-Powered-By"))
            if address.startswith("/papers/") and response.status_code == 200:
                assert "immutable" in told["Cache-Control"]  # ciphertext under the name of its content
            else:
                assert told["Cache-Control"] == "no-store", address


def test_every_refusal_has_a_code_two_languages_and_a_number(
    exam: ExamWorld, people: dict[object, Visitor], address_of: Callable[[Rule], str]
) -> None:
    for rule in rules(exam):
        for visitor in (people["nobody"], people["candidate"], people["proctor of room 2"]):
            if rule.rule.endswith("sign-out"):
                continue
            more = {"json": {"no_such_field": 1}} if method_of(rule) == "POST" else {}
            response = visitor.send(method_of(rule), address_of(rule), headers={"X-CSRF-Token": visitor.csrf}, **more)
            if response.status_code < 400:
                continue
            body = response.get_json()
            assert re.fullmatch(r"[A-Z][A-Z0-9_]+", body["code"])
            assert re.search(r"[\u4e00-\u9fff]", body["message_zh"])
            assert re.search(r"[A-Za-z]", body["message_en"])
            assert re.fullmatch(r"[0-9a-f]{12}", body["request_id"])
            assert "Traceback" not in response.get_data(as_text=True)


def test_a_candidate_hears_nothing_of_a_result_that_is_not_released(people: dict[object, Visitor]) -> None:
    for person, expected in (("nobody", (401, "SESSION_ENDED")), ("candidate", (403, "NOT_PUBLISHED"))):
        response = people[person].get("/api/candidate/result")
        assert (response.status_code, code_of(response)) == expected
    for person in ("proctor of room 1", Role.SITE_HEAD):
        assert people[person].get("/api/candidate/result").status_code == 401


def test_signing_out_ends_the_log_in_at_once(exam: ExamWorld) -> None:
    visitor = exam.staff(exam.room(1).deputy)
    assert visitor.get(exam.address()).status_code == 200
    assert visitor.post("/api/staff/sign-out").status_code == 204
    assert visitor.get(exam.address()).status_code == 401
    assert exam.nobody().post("/api/staff/sign-out").status_code == 204


def test_an_exception_releases_nothing(
    exam: ExamWorld, people: dict[object, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail closed (G8): the guard itself breaks."""

    def broken(*_: object) -> bool:
        raise RuntimeError("the table of permissions is gone: /secret/path")

    monkeypatch.setattr("server.webkit.guards.may", broken)
    response = people["proctor of room 1"].get(exam.address())
    assert (response.status_code, code_of(response)) == (500, "INTERNAL")
    assert "secret" not in response.get_data(as_text=True)
    assert len(response.get_json()["request_id"]) == 12


def test_moments_before_the_doors_open_belong_to_the_same_guards(world: ExamWorld) -> None:
    """An hour early nothing is open, and every refusal names its rule."""
    early = world.candidate().sign_in()
    assert (early.status_code, early.json["code"]) == (409, "ADMISSION_NOT_OPEN")
    assert early.json["data"]["opens_at"].startswith((world.site.day.starts_at - 15 * MINUTE).isoformat()[:16])
    chief = world.staff(world.room().chief)
    for command in ("fetch-paper", "open-admission"):
        assert chief.post(world.address(1, command)).json["code"] == "TOO_EARLY"
