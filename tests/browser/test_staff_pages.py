"""Staff pages in Chromium before pretended answers: log-in, home, results, readiness of the bank."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.pretend_room import MINUTE, now_ms
from tests.browser.pretend_server import ADDRESS, PretendServer, refusal

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = [(1366, 768), (768, 1024), (683, 384)]


@pytest.fixture
def server(page: Page) -> Iterator[PretendServer]:
    made = PretendServer(page)
    made.on("GET", "/api/staff/me", refusal("SESSION_ENDED", "尚未登录或登录已结束，请重新登录。"), 401)
    yield made
    assert made.troubles == []


def person(*roles: str) -> dict[str, Any]:
    return {"account": {"id": "1", "display_name": "周敏", "roles": list(roles)}, "csrf_token": "the-word"}


def assert_accessible(page: Page) -> None:
    """No serious finding of axe."""
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


# --- Log-in and home --------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_in_words_and_asked_again(server: PretendServer) -> None:
    page = server.page
    server.on("POST", "/api/staff/sign-in", refusal("NAME_OR_PASSWORD_WRONG", "账号或密码不正确。"), 401)
    page.goto(f"{ADDRESS}/staff")
    page.get_by_label("账号").fill("zhou")
    page.keyboard.press("Tab")
    page.keyboard.type("not this one")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("账号或密码不正确。").wait_for()
    assert page.get_by_label("账号").input_value() == "zhou"
    assert page.get_by_label("密码").input_value() == ""
    assert page.evaluate("document.activeElement.name") == "password"
    assert_accessible(page)


def test_signing_in_shows_who_i_am_and_my_rooms(server: PretendServer) -> None:
    page = server.page
    server.on("POST", "/api/staff/sign-in", person("proctor"))
    room = {
        "sitting_id": "sit", "room_id": "room", "sitting_name": "第 2 场", "room_name": "第三机房", "exam_title": "电工四级",
        "duty": "chief", "starts_at_ms": now_ms() + 10 * MINUTE, "state": "planned",
    }  # fmt: skip
    server.on("GET", "/api/proctor/rooms", [room])
    page.goto(f"{ADDRESS}/staff")
    page.get_by_label("账号").fill("zhou")
    page.get_by_label("密码").fill("a good password")
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_text("第三机房").first.wait_for()
    assert server.sent("/api/staff/sign-in") == [{"login_name": "zhou", "password": "a good password"}]
    assert "周敏" in page.locator("header").inner_text()
    assert "监考员" in page.locator("header").inner_text()
    assert page.get_by_role("link", name="打开监考看板").get_attribute("href") == "/board/sit/room"
    assert page.get_by_role("link", name="成绩").count() == 0
    assert_accessible(page)


def test_a_forced_sign_out_empties_the_page_and_says_so(server: PretendServer) -> None:
    page = server.page
    page.clock.install()
    server.on("GET", "/api/staff/me", person("bank_keeper"))
    page.goto(f"{ADDRESS}/staff")
    page.get_by_role("heading", name="我的工作").wait_for()
    server.on("GET", "/api/staff/me", refusal("SESSION_ENDED", "登录已结束。"), 401)
    page.clock.run_for(31_000)
    page.get_by_text("您的登录已结束").wait_for()
    assert page.get_by_role("heading", name="我的工作").count() == 0


def test_after_signing_in_one_is_back_where_one_was_and_never_elsewhere(server: PretendServer) -> None:
    page = server.page
    server.on("POST", "/api/staff/sign-in", person("bank_keeper"))
    for wanted, address in (("/bank", "/bank"), ("//evil.example/", "/staff")):
        server.on("GET", "/api/staff/me", refusal("SESSION_ENDED", "尚未登录。"), 401)
        page.goto(f"{ADDRESS}/staff?next={wanted}")
        page.get_by_label("账号").fill("zhou")
        page.get_by_label("密码").fill("x")
        server.on("GET", "/api/staff/me", person("bank_keeper"))
        page.get_by_role("button", name="登录", exact=True).click()
        page.get_by_text("周敏").wait_for()
        page.wait_for_url(lambda url, address=address: url.removeprefix(ADDRESS).startswith(address))


def test_signing_out_says_so_to_the_server_with_the_anti_forgery_word(server: PretendServer) -> None:
    page = server.page
    server.on("GET", "/api/staff/me", person("bank_keeper"))
    server.on("POST", "/api/staff/sign-out", None, 204)
    page.goto(f"{ADDRESS}/staff")
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_function("document.activeElement !== null")
    page.wait_for_load_state()
    sent = [headers for called, _, headers in server.calls if called == "POST /api/staff/sign-out"]
    assert [headers.get("x-csrf-token") for headers in sent] == ["the-word"]


# --- Results ----------------------------------------------------------------------------------------------------------


def result_rows(state: str) -> list[dict[str, Any]]:
    chance = random.Random(5)
    rows = []
    for number in range(1, 31):
        points = None if number == 9 else 60.0 if number == 1 else round(chance.gauss(66, 12) * 2) / 2
        rows.append({
            "result_id": f"r{number}", "attempt_id": f"a{number}", "name": "王建国", "id_type": "citizen",
            "id_number_masked": "3205**********1234", "ticket_number": f"26110210302{number:02d}", "room_name": "第三机房",
            "seat_number": number, "state": state, "attendance": "taken" if points is not None else "absent",
            "score": None if points is None else f"{points:.2f}", "passed": None if points is None else points >= 60,
            "is_hidden": False,
        })  # fmt: skip
    return rows


def sitting_counts(state: str, **changes: Any) -> dict[str, Any]:
    return {
        "sitting_id": "sit", "name": "第 2 场", "occupation_name": "电工", "level": 4, "starts_at": "2026-11-28T01:00:00+00:00",
        "is_rehearsal": False, "attempts": 30, "ended": 30, "by_state": {state: 30},
        "by_attendance": {"taken": 29, "absent": 1}, "delivered": 0, "waiting": 0, "dead": 0, **changes,
    }  # fmt: skip


def open_results(server: PretendServer, state: str, role: str, **changes: Any) -> Page:
    server.on("GET", "/api/staff/me", person(role))
    server.on("GET", "/api/results/sittings", {"sittings": [sitting_counts(state, **changes)]})
    server.on("GET", "/api/results/sittings/sit", {"sitting_id": "sit", "pass_mark": "60", "rows": result_rows(state)})
    server.page.goto(f"{ADDRESS}/results")
    server.page.get_by_role("img", name="成绩分布").wait_for()
    return server.page


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_results_page_is_accessible_and_never_scrolls_sideways(
    server: PretendServer, width: int, height: int
) -> None:
    server.page.set_viewport_size({"width": width, "height": height})
    page = open_results(server, "released", "office_head", delivered=22, waiting=7, dead=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)


def test_the_picture_counts_the_same_as_the_table(server: PretendServer) -> None:
    page = open_results(server, "scored", "exam_clerk")
    rows = result_rows("scored")
    passed = sum(row["passed"] is True for row in rows)
    label = page.get_by_role("img", name="成绩分布").get_attribute("aria-label")
    assert label == f"成绩分布：合格 {passed} 人，不合格 {29 - passed} 人，合格线 60 分"
    assert page.get_by_role("button", name=f"合格 {passed}", exact=True).count() == 1
    page.get_by_role("button", name="缺考 1").click()
    assert page.locator(".scroll tbody tr").count() == 1
    assert "26110210302" + "09" in page.locator(".scroll tbody tr").inner_text()


def test_one_person_confirms_after_being_asked_and_is_told_who_goes_on(server: PretendServer) -> None:
    page = open_results(server, "scored", "exam_clerk")
    reply = {
        "confirmed": 30, "already": 0, "taken": 29, "absent": 1, "void": 0, "rooms_without_record": ["第一机房"],
    }  # fmt: skip
    server.on("POST", "/api/results/sittings/sit/confirm", reply)
    page.get_by_role("button", name="确认成绩（30 人）").click()
    assert server.sent("/api/results/sittings/sit/confirm") == []
    page.get_by_role("button", name="确定，确认 30 人").click()
    page.get_by_text("已确认 30 人").wait_for()
    assert "第一机房" in page.get_by_role("status").first.inner_text()
    release = page.get_by_role("button", name="发布成绩")
    assert release.get_attribute("aria-disabled") == "true"
    assert "您的角色不能发布" in page.locator(f"#{release.get_attribute('aria-describedby')}").inner_text()


def test_whoever_confirmed_is_refused_the_release_in_the_servers_words(server: PretendServer) -> None:
    page = open_results(server, "confirmed", "office_head")
    words = "确认与发布必须是两个人，请另一人发布。"
    server.on("POST", "/api/results/sittings/sit/release", refusal("SECOND_PERSON_REQUIRED", words), 403)
    page.get_by_role("button", name="发布成绩（30 人）").click()
    page.get_by_role("button", name="确定，发布 30 人").click()
    page.get_by_role("alert").get_by_text(words).wait_for()
    assert page.get_by_role("link", name="导出").count() == 0


def test_released_results_can_be_exported_and_say_what_was_delivered(server: PretendServer) -> None:
    page = open_results(server, "released", "office_head", delivered=22, waiting=7, dead=1)
    files = [link.get_attribute("href") for link in page.get_by_role("link", name="导出").all()]
    assert files == ["/api/results/sittings/sit/export.xlsx", "/api/results/sittings/sit/package.json"]
    assert "已送达 22" in page.locator(".delivery").inner_text()
    assert "被对方拒收 1" in page.locator(".delivery").inner_text()


# --- The bank ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_bank_page_shows_the_way_to_1200_and_the_gaps(server: PretendServer, width: int, height: int) -> None:
    page = server.page
    page.set_viewport_size({"width": width, "height": height})
    server.on("GET", "/api/staff/me", person("bank_keeper"))
    table = {"id": "t", "occupation_code": "6-31-01-03", "occupation_name": "电工", "level": 4}
    server.on("GET", "/api/bank/spec-tables", {"spec_tables": [table]})
    points = [{"point": "1.1.1", "accepted": 8, "required": 8}, {"point": "1.1.2", "accepted": 3, "required": 8}]
    readiness = {
        "accepted": 1087, "required": 1200, "by_type": {"single": 700, "multiple": 187, "true_false": 200},
        "by_point": points, "duplicates": 4, "papers_possible": 2, "ready": False,
    }  # fmt: skip
    server.on("GET", "/api/bank/readiness", readiness)
    page.goto(f"{ADDRESS}/bank")
    page.get_by_role("img", name="已通过 1087 题，要求 1200 题").wait_for()
    assert "还差 113 题" in page.locator("main").inner_text()
    assert "缺口（1 个鉴定点）" in page.locator("main").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
