"""Who is let in, and what the others hear (A4 to A8, C7)."""

from __future__ import annotations

import re
import statistics

import pytest
from sqlalchemy import select

from server.accounts.services.disable_account import disable_account
from server.adapters.vault import Vault
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.delivery.models import CandidateSession
from tests.factories.accounts import PASSWORD
from tests.security.exam_world import MINUTE, OTHER_DEVICE, OTHER_PAGE, ExamWorld, T, exam_world

WRONG_PIN = "000000"


@pytest.fixture
def open_doors(world: ExamWorld) -> ExamWorld:
    world.open_doors()
    return world


def told(response) -> dict:
    """A refusal without the request's own number."""
    body = response.get_json()
    body.pop("request_id")
    return body


def test_an_unknown_ticket_and_a_wrong_pin_sound_alike_and_cost_alike(
    open_doors: ExamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    keyed_hash = Vault.keyed_hash
    monkeypatch.setattr(
        Vault, "keyed_hash", lambda self, purpose, text: hashed.append(purpose) or keyed_hash(self, purpose, text)
    )
    before = open_doors.rows()
    work, bodies = [], []
    for browser, changes in (
        (open_doors.candidate(0), {"pin": WRONG_PIN}),
        (open_doors.candidate(1), {"ticket_number": "9" * 15}),
    ):
        hashed.clear()
        response = browser.sign_in(**changes)
        assert response.status_code == 401
        assert "Set-Cookie" not in response.headers
        work.append(list(hashed))
        bodies.append(told(response))
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "TICKET_OR_PIN_WRONG"
    assert work[0] == work[1]
    assert len(work[0]) == 1
    assert open_doors.rows() == before


def test_guessing_is_slowed_down_for_the_ticket_and_not_for_the_neighbour(open_doors: ExamWorld) -> None:
    guesser, neighbour = open_doors.candidate(0), open_doors.candidate(1)
    codes = [guesser.sign_in(pin=WRONG_PIN, seat_number=1).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    refused = guesser.sign_in(seat_number=1)  # the right PIN waits as well
    assert refused.json["code"] == "TOO_MANY_ATTEMPTS"
    assert int(refused.headers["Retry-After"]) == refused.json["data"]["retry_after"] <= 60
    assert neighbour.sign_in(seat_number=2).status_code == 200
    open_doors.clock.advance(61)
    assert guesser.sign_in(seat_number=1).status_code == 200


def test_guessing_many_tickets_from_one_seat_is_slowed_down_there_alone(open_doors: ExamWorld) -> None:
    guesser = open_doors.candidate(0)
    codes = [guesser.sign_in(ticket_number=f"77000000{n:04d}", seat_number=1).status_code for n in range(16)]
    assert codes == [401] * 15 + [429]
    assert open_doors.candidate(1).sign_in(seat_number=2).status_code == 200, "the same address, another seat"


def test_those_who_know_their_pin_are_never_slowed_down(open_doors: ExamWorld) -> None:
    browser = open_doors.candidate()
    assert [browser.sign_in(seat_number=1).status_code for _ in range(20)] == [200] * 20


def test_a_forged_forwarding_header_is_not_believed(open_doors: ExamWorld) -> None:
    guesser = open_doors.candidate(0)
    for n in range(16):
        address = f"10.9.8.{n}"
        response = guesser.post(
            "/api/candidate/sign-in",
            {"ticket_number": f"77000000{n:04d}", "pin": WRONG_PIN, "device_secret": "e" * 64, "seat_number": 1},
            X_Forwarded_For=address, X_Real_IP=address, Forwarded=f"for={address}",
        )  # fmt: skip
    assert response.status_code == 429, "the peer was counted, not what it claims to be"
    assert open_doors.candidate(1).post(
        "/api/candidate/sign-in",
        {"ticket_number": open_doors.site.tickets[1].number, "pin": open_doors.site.pin, "device_secret": "e" * 64},
        X_Forwarded_For="10.9.8.7",
    ).status_code == 200  # fmt: skip
    machines = open_doors.read(lambda session: session.scalars(select(CandidateSession.machine)).all())
    assert machines == ["127.0.0.1"]


def test_the_candidate_sits_where_planned(open_doors: ExamWorld) -> None:
    response = open_doors.candidate(0).sign_in(seat_number=2)
    assert (response.status_code, response.json["code"], response.json["data"]) == (409, "WRONG_SEAT", {"seat": 1})


def test_a_second_log_in_is_told_where_the_exam_is_open(open_doors: ExamWorld) -> None:
    assert open_doors.candidate().sign_in().status_code == 200
    second = open_doors.candidate(device=OTHER_DEVICE).sign_in()
    assert (second.status_code, second.json["code"], second.json["data"]) == (409, "SEAT_IN_USE", {"seat": 1})
    assert "1 号机" in second.json["message_zh"]
    assert "second_login" in open_doors.staff(open_doors.room().chief).get(open_doors.address()).get_data(as_text=True)
    assert "delivery.sign_in.refused" in open_doors.audited()[-2:]


def test_a_released_seat_moves_on_and_the_old_browser_is_out(running: ExamWorld) -> None:
    old = running.answering()
    assert old.answer().json["acks"][0]["standing"] == "counted"
    running.press(1, "release-seat", {"attempt_id": old.attempt_id, "reason": "主机故障"})
    new = running.candidate(device=OTHER_DEVICE, page_id=OTHER_PAGE)
    assert new.sign_in().status_code == 200
    assert new.begin().json["code"] == "SUSPENDED", "the clock stands until the proctor says go"
    running.press(1, "resume", {"attempt_id": old.attempt_id, "reason": "已换机"})
    assert new.begin().status_code == 200
    assert new.epoch == old.epoch + 1
    refused = old.get("/api/candidate/state")
    assert (refused.status_code, refused.json["code"]) == (401, "SESSION_MOVED")
    assert old.answer().status_code == 401
    assert new.answer(1).json["acks"][0]["standing"] == "counted"


def test_a_cookie_from_before_the_log_in_is_worth_nothing_after_it(open_doors: ExamWorld) -> None:
    browser = open_doors.candidate()
    planted = "x" * 43
    browser.client.set_cookie("mingyuan-candidate", planted)
    response = browser.sign_in()
    fresh = re.search(r"mingyuan-candidate=([^;]+)", response.headers["Set-Cookie"])
    assert fresh is not None
    assert fresh[1] != planted
    thief = open_doors.candidate()
    thief.client.set_cookie("mingyuan-candidate", planted)
    assert thief.get("/api/candidate/state").status_code == 401
    again = browser.sign_in().headers["Set-Cookie"]
    assert fresh[1] not in again, "every log-in has a token of its own"
    thief.client.set_cookie("mingyuan-candidate", fresh[1])
    assert thief.get("/api/candidate/state").json["code"] == "SESSION_MOVED"


def test_cookies_are_long_random_and_kept_from_scripts_and_other_sites(open_doors: ExamWorld) -> None:
    candidate = open_doors.candidate().sign_in().headers["Set-Cookie"]
    chief = open_doors.nobody().post(
        "/api/staff/sign-in", {"login_name": open_doors.room().chief.login_name, "password": PASSWORD}
    )
    for cookie in (candidate, chief.headers["Set-Cookie"]):
        value = cookie.split("=", 1)[1].split(";")[0]
        assert len(value) >= 43, "256 bits"
        for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie


def test_behind_https_cookies_are_bound_to_the_host(planted, tmp_path) -> None:
    with exam_world(*planted, tmp_path / "secure", secure_cookies=True) as world:
        response = world.nobody().post(
            "/api/staff/sign-in", {"login_name": world.room().chief.login_name, "password": PASSWORD}
        )
        cookie = response.headers["Set-Cookie"]
        assert cookie.startswith("__Host-mingyuan-staff=")
        assert "Secure" in cookie
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_staff_hear_the_same_for_a_wrong_name_a_wrong_password_and_a_disabled_account(world: ExamWorld) -> None:
    chief = world.room().chief
    disable_account(world.platform.uow, world.room().deputy.account_id, SYSTEM, "离职")
    bodies = []
    for login_name, password in (
        (chief.login_name, "wrong"),
        ("nobody-here", PASSWORD),
        (world.room().deputy.login_name, PASSWORD),
    ):
        response = world.nobody().post("/api/staff/sign-in", {"login_name": login_name, "password": password})
        assert response.status_code == 401
        bodies.append(told(response))
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "NAME_OR_PASSWORD_WRONG"


def test_a_disabled_proctor_is_out_at_once(world: ExamWorld) -> None:
    chief = world.staff(world.room().chief)
    assert chief.get(world.address()).status_code == 200
    disable_account(world.platform.uow, world.room().chief.account_id, SYSTEM, "调离")
    for response in (chief.get(world.address()), chief.post(world.address(1, "send-message"), {"text": "还在吗"})):
        assert (response.status_code, response.json["code"]) == (401, "SESSION_ENDED")


def test_an_administrator_is_signed_in_once_and_others_twice(world: ExamWorld) -> None:
    for account, allowed in ((world.site.staff[Role.SYSADMIN], 1), (world.room().chief, 2)):
        browsers = []
        for _ in range(allowed + 1):
            world.clock.advance(1)
            browser = world.nobody()
            body = {"login_name": account.login_name, "password": PASSWORD}
            assert browser.post("/api/staff/sign-in", body).status_code == 200
            browsers.append(browser)
        assert [one.get("/api/staff/me").status_code for one in browsers] == [401] + [200] * allowed


def test_a_log_in_ends_by_itself(world: ExamWorld) -> None:
    chief = world.staff(world.room().chief)
    world.clock.advance(14 * 60 * MINUTE)
    assert chief.get(world.address()).status_code == 401


def test_late_is_late(running: ExamWorld) -> None:
    running.at(30 * MINUTE)
    assert running.candidate(0).sign_in().status_code == 200, "at 30:00 still"
    running.clock.advance(1)
    response = running.candidate(1).sign_in()
    assert (response.status_code, response.json["code"]) == (409, "LATE_ENTRY_REFUSED")
    assert response.json["data"]["closed_at"] == (T + 30 * MINUTE).isoformat()


def test_ids_are_long_and_share_no_prefix(running: ExamWorld) -> None:
    ids = [running.attempt(ticket).id for ticket in running.site.tickets]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)
    assert len({one[:6] for one in ids}) == len(ids)
    assert statistics.mean(len(set(one)) for one in ids) > 8


def test_behind_a_proxy_only_what_the_proxy_itself_added_is_believed(planted, tmp_path) -> None:
    with exam_world(*planted, tmp_path / "proxied", trusted_proxies=1) as world:
        world.open_doors()
        body = {"ticket_number": world.site.tickets[0].number, "pin": world.site.pin, "device_secret": "e" * 64}
        reply = world.nobody().post("/api/candidate/sign-in", body, X_Forwarded_For="1.2.3.4, 10.9.8.7")
        assert reply.status_code == 200
        assert world.read(lambda session: session.scalars(select(CandidateSession.machine)).all()) == ["10.9.8.7"]
