"""The proctor's board in Chromium, before pretended answers; the same page before the live server: test_board_live.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.pretend_room import PretendRoom, alarm, proposal
from tests.browser.pretend_server import ADDRESS, PretendServer, PretendSocket, refusal

if TYPE_CHECKING:
    from playwright.sync_api import Page

API = "/api/proctor/board/sit/room"
DONE = {"ok": True, "waiting_for_second": False, "expires_at_ms": None, "done": 1, "words_zh": "", "words_en": ""}
ME = {"account": {"id": "1", "display_name": "周敏", "roles": ["proctor"]}, "csrf_token": "the-word"}


class Board:
    """The opened board with what stands behind it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.room = PretendRoom()
        self.server = PretendServer(page)
        self.socket = PretendSocket(page, "/proctor", lambda *_: {"ok": True, "version": self.room.version})
        self.server.on("GET", "/api/staff/me", ME)
        self.server.on("GET", API, lambda _body: (200, self.room.snapshot()))

    def open(self) -> Page:
        self.page.goto(f"{ADDRESS}/board/sit/room")
        self.page.wait_for_selector("[data-seat]")
        return self.page

    def accept(self, command: str, reply: dict[str, Any] | None = None) -> None:
        self.server.on("POST", f"{API}/{command}", reply or DONE)

    def sent(self, command: str) -> list[dict[str, Any]]:
        return self.server.sent(f"{API}/{command}")

    def seat(self, number: int) -> Any:
        return self.page.locator(f'[data-number="{number}"]')


@pytest.fixture
def board(page: Page) -> Iterator[Board]:
    made = Board(page)
    yield made
    assert made.server.troubles == []  # no script error, nothing that the content policy refused


def assert_accessible(page: Page) -> None:
    """No serious finding of axe."""
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


def in_trouble(room: PretendRoom) -> None:
    """A seat of every look and an alarm of every colour."""
    room.change(15, hand_reason="题目显示不清", hand_raised_at_ms=room.header.starts_at_ms)
    room.change(22, presence="lost", unsent=3, seen_at_ms=room.header.starts_at_ms)
    room.change(31, presence="late")
    room.change(8, state="absent", presence="none")
    room.change(29, state="suspended")
    room.change(33, state="submitted", presence="none")
    room.alarms = [
        alarm("1", "seat_lost", "red", [22], "22 号 失联 1 分 12 秒"),
        alarm("2", "hand", "violet", [15], "15 号 举手：题目显示不清"),
        alarm("3", "time_proposal", "amber", [5], "5 号 换机损失 90 秒，等您确认", "t1"),
    ]
    room.time_rows = [proposal("t1", 5, 90.0, 84.5), proposal("t2", 6, 30.0, 29.0)]


def test_forty_seats_fit_an_ordinary_screen_without_scrolling(board: Board) -> None:
    in_trouble(board.room)
    page = board.open()
    assert page.locator("[data-seat]").count() == 40
    for number in (1, 8, 33, 40):
        box = board.seat(number).bounding_box()
        assert box["y"] >= 56
        assert box["y"] + box["height"] <= 768
        assert box["x"] + box["width"] <= 1366
    assert page.evaluate("document.documentElement.scrollHeight") <= 768


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1024, 768), (768, 1024), (683, 384)])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_board_is_accessible_and_never_scrolls_sideways(
    board: Board, width: int, height: int, language: str
) -> None:
    # 683 x 384 is an ordinary screen at 200 %.
    in_trouble(board.room)
    board.page.set_viewport_size({"width": width, "height": height})
    page = board.open()
    if language == "en":
        page.get_by_role("button", name="English").click()
    board.seat(12).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)


def test_a_state_is_told_by_word_and_shape_and_not_by_colour_alone(board: Board) -> None:
    in_trouble(board.room)
    board.open()
    for number, word in ((22, "失联"), (15, "举手"), (31, "短断"), (8, "缺考"), (29, "暂停"), (33, "已交卷")):
        assert word in board.seat(number).inner_text()
        assert word in board.seat(number).get_attribute("aria-label")
        assert board.seat(number).locator("svg").count() == 1


def test_a_candidate_is_found_by_keyboard_and_gets_a_message(board: Board) -> None:
    board.accept("send-message")
    page = board.open()
    page.keyboard.press("/")
    page.keyboard.type("cxm")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.number") == "12"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.number") == "21"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="发消息", exact=True).press("Enter")
    page.keyboard.type("请举手示意")
    page.get_by_role("button", name="发送").press("Enter")
    page.wait_for_selector("text=已完成")
    assert board.sent("send-message") == [{"attempt_ids": ["a12"], "text": "请举手示意"}]
    assert board.server.calls[-2][2].get("x-csrf-token") == "the-word"


@pytest.mark.parametrize("typed", ["陈晓", "cxm", "chenxiaom", "12", "0212"])
def test_the_search_knows_names_pinyin_seats_and_ticket_tails(board: Board, typed: str) -> None:
    page = board.open()
    page.keyboard.press("/")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.number") == "12"


def test_a_change_arrives_over_the_live_line(board: Board) -> None:
    page = board.open()
    page.wait_for_timeout(300)
    board.socket.say("board_delta", board.room.delta(board.room.change(3, answered=77)))
    page.wait_for_selector('[data-number="3"] >> text=77/100', timeout=2_000)


def test_a_gap_in_the_numbers_leads_back_to_the_snapshot(board: Board) -> None:
    page = board.open()
    page.wait_for_timeout(300)
    board.room.delta(board.room.change(3, answered=77))  # lost on its way
    board.socket.say("board_delta", board.room.delta(board.room.change(4, answered=78)))
    page.wait_for_selector('[data-number="3"] >> text=77/100', timeout=2_000)
    page.wait_for_selector('[data-number="4"] >> text=78/100', timeout=2_000)


def test_without_the_live_line_the_board_reads_on_and_without_a_server_it_says_that_it_is_blind(board: Board) -> None:
    board.page.clock.install()
    page = board.open()
    board.socket.drop()
    board.room.change(3, answered=77)
    page.clock.run_for(6_000)
    page.wait_for_selector('[data-number="3"] >> text=77/100')
    assert page.get_by_role("alert").count() == 0
    board.server.is_down = True
    page.clock.run_for(12_000)
    page.wait_for_selector("text=没有收到数据")
    board.server.is_down = False
    page.clock.run_for(6_000)
    page.wait_for_selector("text=没有收到数据", state="detached")


def test_seats_are_chosen_with_ctrl_shift_drag_row_and_state(board: Board) -> None:
    in_trouble(board.room)
    page = board.open()
    chosen = page.locator('[data-seat][aria-selected="true"]')
    board.seat(1).click()
    board.seat(3).click(modifiers=["Control"])
    assert chosen.count() == 2
    board.seat(1).click()
    board.seat(11).click(modifiers=["Shift"])
    assert chosen.count() == 6
    page.get_by_role("button", name="选中第 2 排").click()
    assert chosen.count() == 8
    page.get_by_role("button", name="失联 1").click()
    page.get_by_role("button", name="选中这 1 人").click()
    assert chosen.count() == 1
    page.get_by_role("button", name="全部 40").click()
    first, last = board.seat(17).bounding_box(), board.seat(26).bounding_box()
    page.mouse.move(first["x"] + 3, first["y"] + 3)
    page.mouse.down()
    page.mouse.move(last["x"] + 20, last["y"] + 20, steps=5)
    page.mouse.up()
    assert chosen.count() == 4
    page.keyboard.press("Escape")


def test_collecting_names_the_person_and_wants_the_seat_number_typed(board: Board) -> None:
    board.accept("collect")
    page = board.open()
    board.seat(12).click()
    page.get_by_role("button", name="收卷", exact=True).click()
    dialog = page.get_by_role("dialog")
    assert "12 陈晓明" in dialog.inner_text()
    dialog.get_by_label("原因").fill("身体不适，本人要求离场")
    send = dialog.get_by_role("button", name="收卷（1 人）")
    assert send.get_attribute("aria-disabled") == "true"
    send.click(force=True)  # looks disabled and stays reachable, so that a reader can say why
    dialog.get_by_label("请输入座号").fill("21")
    assert send.get_attribute("aria-disabled") == "true"
    dialog.get_by_label("请输入座号").fill("12")
    assert_accessible(page)
    send.click()
    dialog.wait_for(state="detached")
    assert board.sent("collect") == [{"attempt_ids": ["a12"], "reason": "身体不适，本人要求离场"}]


def test_the_five_points_are_ticked_and_a_difference_needs_words(board: Board) -> None:
    board.accept("check-identity")
    page = board.open()
    page.get_by_role("button", name="继续核对").click()
    assert page.evaluate("document.activeElement.dataset.number") == "12"
    page.get_by_role("button", name="五项一致").click()
    page.get_by_role("button", name="本人不符").click()
    page.get_by_role("button", name="提交核对").click(force=True)
    assert board.sent("check-identity") == []
    page.get_by_label("不符之处").fill("与照片不像")
    page.get_by_role("button", name="提交核对").click()
    page.wait_for_selector("text=已完成")
    assert board.sent("check-identity") == [
        {"attempt_id": "a12", "pass_number": 2, "name_ok": True, "ticket_ok": True, "seat_ok": True, "id_card_ok": True,
         "person_ok": False, "note": "与照片不像"}
    ]  # fmt: skip


def test_opening_the_paper_waits_for_the_second_person_and_then_says_so(board: Board) -> None:
    board.page.clock.install()
    steps = board.room.timeline
    steps[2] = steps[2].model_copy(update={"state": "now", "action": "open-paper"})
    page = board.open()
    waiting = {**DONE, "waiting_for_second": True, "expires_at_ms": board.room.snapshot()["server_now_ms"] + 120_000}
    board.accept("open-paper", waiting)
    page.locator('[data-step="open"]').get_by_role("button", name="当众启封", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("我的启封口令").fill("abcd-efgh-1234")
    dialog.get_by_role("button", name="启封", exact=True).click()
    dialog.get_by_text("等待第二位监考员").wait_for()
    assert_accessible(page)
    assert board.sent("open-paper") == [{"opening_secret": "abcd-efgh-1234", "backup": False, "reason": ""}]
    steps[2] = steps[2].model_copy(update={"state": "done", "action": None})
    board.socket.say("board_delta", board.room.delta(timeline=steps))
    dialog.get_by_text("两人均已确认").wait_for()


def test_a_refused_command_says_why_and_keeps_what_was_typed(board: Board) -> None:
    board.server.on("POST", f"{API}/grant-time", refusal("SECOND_APPROVAL_REQUIRED", "超过 10 分钟须第二人批准。"), 409)
    page = board.open()
    board.seat(12).click()
    page.get_by_role("button", name="补时", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("原因").fill("键盘故障")
    dialog.get_by_role("button", name="补时", exact=True).click()
    dialog.get_by_role("alert").get_by_text("超过 10 分钟须第二人批准。").wait_for()
    assert dialog.get_by_label("原因").input_value() == "键盘故障"
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_a_room_that_dropped_out_is_one_alarm(board: Board) -> None:
    numbers = list(range(1, 40))
    for number in numbers:
        board.room.change(number, presence="lost")
    board.room.alarms = [alarm("r", "room_lost", "red", numbers, "39 台同时失联，疑为断电或断网", "t9")]
    page = board.open()
    assert page.locator("[data-alarm]").count() == 1
    page.get_by_role("button", name="选中这 39 台").click()
    assert page.locator('[data-seat][aria-selected="true"]').count() == 39


def test_the_time_ledger_marks_where_server_and_page_disagree(board: Board) -> None:
    in_trouble(board.room)
    board.accept("decide-time")
    page = board.open()
    rows = page.locator("tbody tr")
    assert "相差 5.5 秒" in rows.filter(has_text="5 号").first.inner_text()
    assert "相差" not in rows.filter(has_text="6 号").first.inner_text()
    rows.filter(has_text="5 号").first.get_by_role("button", name="确认").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("原因").fill("换机属实")
    dialog.get_by_role("button", name="确认补时").click()
    dialog.wait_for(state="detached")
    assert board.sent("decide-time") == [{"time_entry_id": "t1", "decision": "confirm", "reason": "换机属实"}]


def test_the_page_says_why_a_step_is_not_possible_and_shows_its_rule(board: Board) -> None:
    page = board.open()
    step = page.locator('[data-step="late_cutoff"]')
    assert "之后方可登记缺考" in step.inner_text()
    assert step.get_by_role("button", name="登记缺考", exact=True).get_attribute("aria-disabled") == "true"
    step.get_by_role("button", name="查看规则").click()
    assert "SZ-7.3(1)" in step.inner_text()


def test_a_forced_sign_out_is_said_in_words_and_leads_back(board: Board) -> None:
    page = board.open()
    board.server.on("GET", API, refusal("SESSION_ENDED", "登录已结束。"), 401)
    board.socket.drop()
    page.get_by_role("link", name="重新登录").wait_for()
    assert page.get_by_role("link", name="重新登录").get_attribute("href") == "/staff?next=%2Fboard%2Fsit%2Froom"
