"""The exam office over HTTP: from an empty database to a published sitting with sealed bags, and who may do what."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from itembank.models import Script
from server.adapters.print_fonts import find_print_fonts
from server.adapters.vault import Vault
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import Actor
from server.core.clock import ManualClock
from server.core.errors import Unavailable
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.scheduling.models import Registration, SittingRoom
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.webkit.guards import POLICY
from server.webkit.platform import Platform
from tests.factories.office import BASE, CLERK, KEEPER, PEOPLE, Office
from tests.factories.rosters import as_csv, as_xlsx, roster_rows
from tests.factories.scheduling import id_number


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """One engine: what differs between the two is tested with the services."""
    return sqlite_database


@pytest.fixture
def platform(uow: UnitOfWork, vault: Vault, tmp_path: Path) -> Platform:
    return Platform(Settings(data=tmp_path / "data"), uow.clock, uow.database, uow.bus, vault)


@pytest.fixture
def office(platform: Platform) -> Office:
    return Office(platform)


@pytest.fixture
def printable() -> None:
    try:
        find_print_fonts()
    except Unavailable:
        pytest.skip("no Chinese font on this machine")


def test_a_clerk_and_a_keeper_walk_from_nothing_to_a_published_sitting(office: Office, printable: None) -> None:
    assert office.get(f"{BASE}/sittings")["sittings"] == []
    sitting_id = office.plan()
    assert office.next_step() == "roster"
    office.enrol(sitting_id)
    assert office.next_step() == "seats"
    office.seat(sitting_id)
    assert office.next_step() == "tickets"
    assert office.ticket(sitting_id).status_code == 200
    assert office.next_step() == "proctors"
    office.staff(sitting_id)
    assert office.next_step() == "bags"
    paper_id = office.paper()
    for room in (0, 1):
        sealed = office.seal(sitting_id, paper_id, room)
        assert sealed.status_code == 200, sealed.json
        assert len(set(sealed.json["opening_secrets"])) == 2
        assert sealed.headers["Cache-Control"] == "no-store"
    assert office.next_step() == "publish"
    assert office.full(sitting_id)["may_publish"]
    assert office.done(f"{BASE}/sittings/{sitting_id}/publish") == {"state": "published", "attempts": PEOPLE}
    assert office.next_step() is None
    with office.platform.uow.read() as session:
        scripts = session.execute(
            select(Attempt.script_id, Script.form_label).join(Script, Script.id == Attempt.script_id)
        )
        assert len({script_id for script_id, _ in scripts}) == PEOPLE
        assert verify(session).ok


def test_bags_sealed_after_publication_reach_the_candidates_too(office: Office, printable: None) -> None:
    sitting_id = office.plan()
    office.enrol(sitting_id)
    office.seat(sitting_id)
    office.ticket(sitting_id)
    office.staff(sitting_id)
    office.done(f"{BASE}/sittings/{sitting_id}/publish")
    paper_id = office.paper()
    for room in (0, 1):
        assert office.seal(sitting_id, paper_id, room).status_code == 200
    with office.platform.uow.read() as session:
        assert session.scalar(select(func.count()).where(Attempt.script_id.is_not(None))) == PEOPLE


def test_a_lost_secret_is_mended_by_replacing_the_bag_until_it_is_fetched(office: Office, printable: None) -> None:
    sitting_id = office.plan()
    office.enrol(sitting_id)
    office.seat(sitting_id)
    office.ticket(sitting_id)
    office.staff(sitting_id)
    paper_id = office.paper()
    for room in (0, 1):
        office.seal(sitting_id, paper_id, room)
    office.done(f"{BASE}/sittings/{sitting_id}/publish")
    again = office.seal(sitting_id, paper_id)
    assert (again.status_code, again.json["code"]) == (409, "ROOM_HAS_BAG")
    assert office.seal(sitting_id, paper_id, replaces=True).status_code == 200
    with office.platform.uow.read() as session:
        query = (
            select(Script.package_id, SittingRoom.package_id)
            .join(Attempt, Attempt.script_id == Script.id)
            .join(SittingRoom, SittingRoom.room_id == Attempt.room_id)
        )
        held = session.execute(query).all()
        assert len(held) == PEOPLE
        assert all(mine == of_room for mine, of_room in held)
        assert session.scalar(select(func.count()).where(Script.taken_by.is_not(None))) == PEOPLE
    room_id = office.full(sitting_id)["rooms"][0]["id"]
    with office.platform.uow() as work:
        work.session.get_one(SittingRoom, (sitting_id, room_id)).fetched_at = work.clock.now()
    late = office.seal(sitting_id, paper_id, replaces=True)
    assert (late.status_code, late.json["code"]) == (409, "PACKAGE_FETCHED")


def test_a_bag_holds_what_the_seats_need_and_spares(office: Office, printable: None) -> None:
    sitting_id = office.plan(rooms=1)
    office.enrol(sitting_id, 5)
    office.seat(sitting_id)
    paper_id = office.paper()
    early = office.seal(sitting_id, paper_id)
    assert (early.status_code, early.json["code"]) == (409, "TICKETS_MISSING")
    office.ticket(sitting_id)
    [wanted] = office.get(f"{BASE}/bags", KEEPER)["sittings"]
    assert sum(wanted["rooms"][0]["forms"].values()) == 5
    assert office.seal(sitting_id, paper_id, spares=2).json["script_count"] == 5 + 2 * 2
    assert office.full(sitting_id)["rooms"][0]["bag"]["script_count"] == 9


def test_all_rooms_of_a_sitting_use_one_paper(office: Office, printable: None) -> None:
    sitting_id = office.plan()
    office.enrol(sitting_id)
    office.seat(sitting_id)
    office.ticket(sitting_id)
    paper_id = office.paper()
    office.seal(sitting_id, paper_id)
    [table] = office.get("/api/bank/spec-tables", KEEPER)["spec_tables"]
    other = office.done("/api/bank/assemble-paper", {"spec_table_id": table["id"], "forms": 2, "seed": 8}, KEEPER)
    refused = office.seal(sitting_id, other["paper_id"], room=1)
    assert (refused.status_code, refused.json["code"]) == (409, "OTHER_PAPER")


def test_a_roster_is_first_looked_at_then_stored(office: Office) -> None:
    sitting_id = office.plan()
    rows = roster_rows(6)
    rows[3][2] = id_number(2)[:-1] + ("0" if id_number(2)[-1] != "0" else "1")
    looked = office.upload(sitting_id, as_xlsx(rows), "check").json
    assert (looked["read"], looked["accepted"], looked["rejected"], looked["stored"]) == (6, 5, 1, 0)
    [problem] = looked["problems"]
    assert (problem["row"], problem["cell"], problem["code"]) == (4, "C4", "ID_NUMBER_WRONG_CHECK")
    assert problem["remedy"]
    assert "*" in problem["value"]
    assert office.upload(sitting_id, as_xlsx(rows), "all").json["stored"] == 0
    assert office.next_step() == "roster"
    assert office.upload(sitting_id, as_xlsx(rows), "good").json["stored"] == 5
    assert office.upload(sitting_id, as_csv(roster_rows(6)), "check", "a.csv").json["accepted"] == 1


def test_looking_at_a_roster_stores_nothing_at_all(office: Office) -> None:
    sitting_id = office.plan()

    def counts() -> tuple[int | None, int | None]:
        with office.platform.uow.read() as session:
            return (
                session.scalar(select(func.count()).select_from(Registration)),
                session.scalar(select(func.count()).select_from(AuditEntry)),
            )

    before = counts()
    assert office.upload(sitting_id, as_xlsx(roster_rows(6)), "check").json["accepted"] == 6
    assert counts() == before


@pytest.mark.parametrize(
    ("data", "name", "mode", "code", "status"),
    [
        (b"", "a.xlsx", "check", "FILE_EMPTY", 422),
        (b"MZ\x90", "a.xlsx", "check", "FILE_TYPE_NOT_ACCEPTED", 422),
        (b"a" * (10 * 2**20 + 1), "a.csv", "check", "FILE_TOO_LARGE", 413),
        (b"a" * (13 * 2**20), "a.csv", "check", "BODY_TOO_LARGE", 413),
        (b"x", "a.csv", "perhaps", "FIELD_INVALID", 422),
    ],
)
def test_a_file_that_is_no_roster_is_refused_in_words(
    office: Office, data: bytes, name: str, mode: str, code: str, status: int
) -> None:
    refused = office.upload(office.plan(), data, mode, name)
    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert refused.json["message_zh"]
    assert refused.json["message_en"]


def test_no_file_at_all_is_refused_in_words(office: Office) -> None:
    refused = office.send(f"{BASE}/sittings/{office.plan()}/import-roster", {"file": "x"})
    assert (refused.status_code, refused.json["code"]) == (422, "FILE_MISSING")


def test_pins_leave_once_in_one_file_and_are_nowhere_else(office: Office, printable: None) -> None:
    sitting_id = office.plan()
    office.enrol(sitting_id)
    office.seat(sitting_id)
    reply = office.ticket(sitting_id)
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Content-Disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(reply.data)) as files:
        assert files.read("准考证.pdf").startswith(b"%PDF")
        sheet = load_workbook(io.BytesIO(files.read("准考证清单.xlsx"))).active
    pins = [row[1] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert len(pins) == PEOPLE
    assert all(len(pin) == 6 and pin.isdigit() for pin in pins)
    shown = office.client.get(f"{BASE}/sittings/{sitting_id}").get_data(as_text=True)
    assert not any(f'"{pin}"' in shown for pin in pins)
    assert id_number(1) not in shown
    again = office.ticket(sitting_id)
    assert (again.status_code, again.json["code"]) == (409, "TICKETS_ISSUED")
    assert office.ticket(sitting_id, new_pins=True).json["code"] == "REASON_REQUIRED"
    anew = office.ticket(sitting_id, new_pins=True, reason="名单遗失")
    assert anew.status_code == 200
    assert anew.data != reply.data


def test_after_tickets_neither_roster_nor_seats_move(office: Office, printable: None) -> None:
    sitting_id = office.plan()
    office.enrol(sitting_id)
    office.seat(sitting_id)
    office.ticket(sitting_id)
    late = office.upload(sitting_id, as_csv(roster_rows(12)), "good", "a.csv")
    assert (late.status_code, late.json["code"]) == (409, "TICKETS_ISSUED")
    moved = office.send(f"{BASE}/sittings/{sitting_id}/assign-seats", {})
    assert (moved.status_code, moved.json["code"]) == (409, "TICKETS_ISSUED")


def test_the_office_sees_seats_as_they_stand_with_forms_and_masked_numbers(office: Office) -> None:
    sitting_id = office.plan()
    office.enrol(sitting_id)
    assert len(office.full(sitting_id)["unseated"]) == PEOPLE
    office.seat(sitting_id)
    full = office.full(sitting_id)
    assert full["unseated"] == []
    taken = [seat for room in full["rooms"] for seat in room["seats"] if seat["person"]]
    assert {seat["person"]["form_label"] for seat in taken} == {"A", "B"}
    assert all("*" in seat["person"]["id_number_masked"] for seat in taken)
    assert [room["proctors_needed"] for room in full["rooms"]] == [2, 2]


def test_publishing_too_early_says_what_is_missing(office: Office) -> None:
    sitting_id = office.plan()
    refused = office.send(f"{BASE}/sittings/{sitting_id}/publish")
    assert (refused.status_code, refused.json["code"]) == (409, "ROSTER_MISSING")
    assert not office.full(sitting_id)["may_publish"]


def test_a_plan_that_is_wrong_is_refused_by_its_rule(office: Office, clock: ManualClock) -> None:
    office.plan()
    choices = office.get(f"{BASE}/choices")
    [centre] = choices["centres"]
    assert [room["seats"] for room in centre["rooms"]] == [8, 8]
    assert {profile["name"] for profile in choices["profiles"]} == {"anhui-2020", "default", "suzhou-2021"}
    body = {
        "centre_id": centre["id"], "name": "x", "occupation_code": "6-31-01-03", "occupation_name": "电工", "level": 4,
        "starts_at": "2026-07-16T09:00:00", "duration_minutes": 90, "room_ids": [centre["rooms"][0]["id"]],
    }  # fmt: skip
    for change, code in (
        ({"duration_minutes": 30}, "DURATION_TOO_SHORT"),
        ({"starts_at": "2020-01-01T09:00:00"}, "STARTS_IN_THE_PAST"),
        ({"profile": "moon"}, "PROFILE_UNKNOWN"),
        ({"occupation_code": "electrician"}, "OCCUPATION_CODE_WRONG"),
        ({"starts_at": "2026-06-16T10:00:00"}, "ROOM_BUSY"),
        ({"colour": "red"}, "UNKNOWN_FIELD"),
    ):
        assert office.send(f"{BASE}/plan-sitting", body | change).json["code"] == code


READING = [f"{BASE}/sittings", f"{BASE}/sittings/x"]
PLANNING = [
    *[f"{BASE}/{name}" for name in ("create-centre", "create-room", "plan-sitting")],
    *[f"{BASE}/sittings/x/{name}" for name in (
        "import-roster", "assign-seats", "issue-tickets", "assign-proctors", "publish",
    )],
]  # fmt: skip
KEEPING = [f"{BASE}/sittings/x/seal-room", "/api/bank/assemble-paper"]


@pytest.mark.parametrize("role", list(Role))
def test_only_the_right_roles_come_in(office: Office, role: Role) -> None:
    actor = Actor("somebody", role, "某人")

    def refused(reply: TestResponse) -> bool:
        return (reply.status_code, (reply.json or {}).get("code")) == (403, "FORBIDDEN")

    def asked(path: str) -> TestResponse:
        office.actor = actor
        return office.client.get(path)

    may_read = role in {Role.SITE_HEAD, Role.OFFICE_HEAD, Role.EXAM_CLERK, Role.SUPERVISOR}
    may_plan = role in {Role.OFFICE_HEAD, Role.EXAM_CLERK}
    assert [refused(asked(path)) for path in READING] == [not may_read] * len(READING)
    assert refused(asked(f"{BASE}/choices")) is not may_plan
    assert [refused(office.send(path, {}, actor)) for path in PLANNING] == [not may_plan] * len(PLANNING)
    is_keeper = role is Role.BANK_KEEPER
    assert [refused(asked(path)) for path in (f"{BASE}/bags", "/api/bank/papers")] == [not is_keeper] * 2
    assert [refused(office.send(path, {}, actor)) for path in KEEPING] == [not is_keeper] * len(KEEPING)


def test_nobody_and_a_page_without_the_word_come_in_nowhere(office: Office) -> None:
    assert office.send(PLANNING[0], {}, None).status_code == 401
    office.actor = CLERK
    bare = office.client.post(PLANNING[0], json={"name": "x"})
    assert (bare.status_code, bare.json["code"]) == (403, "CSRF")


def test_every_address_says_who_may_call_it(office: Office) -> None:
    ours = [rule for rule in office.app.url_map.iter_rules() if rule.rule.startswith((BASE, "/office"))]
    assert len(ours) == 14
    assert all(hasattr(office.app.view_functions[rule.endpoint], POLICY) for rule in ours)
