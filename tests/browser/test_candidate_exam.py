"""A candidate in a real browser against a real server: from the ticket to the receipt, and what may go wrong on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from server.scheduling.services.issue_tickets import IssuedTicket
from tests.support.candidate_page import SAVED, CandidateAtBrowser
from tests.support.live_exam import LiveExam, live_exam

pytestmark = pytest.mark.live
Candidate = Callable[..., CandidateAtBrowser]


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveExam]:
    data: Path = tmp_path_factory.mktemp("exam")
    with live_exam(
        data,
        candidates=24,
        before_start=timedelta(seconds=24),
        duration=timedelta(minutes=25),
        earliest=timedelta(seconds=50),
    ) as running:
        yield running


@pytest.fixture
def candidate(exam: LiveExam, browser: Browser) -> Iterator[Candidate]:
    """Seats a fresh candidate; at the end of the test nothing may have gone wrong unseen."""
    seated: list[CandidateAtBrowser] = []

    def seat(ticket: IssuedTicket | None = None, **size: int) -> CandidateAtBrowser:
        one = CandidateAtBrowser(browser, exam, ticket or exam.next_ticket(), **size)
        seated.append(one)
        return one

    yield seat
    faults = [fault for one in seated for fault in one.faults]
    for one in seated:
        one.close()
    assert faults == []


def test_a_whole_exam_with_the_keyboard_from_the_ticket_to_the_receipt(exam: LiveExam, candidate: Candidate) -> None:
    while exam.until_start() > 23:
        time.sleep(0.2)  # the proctors open the door as soon as it is due
    me = candidate()
    me.sign_in()
    expect(me.page.get_by_text(me.ticket.name)).to_be_visible()
    me.confirm_all()
    if me.page.get_by_role("button", name="跳过练习").is_visible():
        me.press("跳过练习")
    expect(me.page.get_by_role("timer").first).to_be_visible()
    me.await_question()
    assert exam.until_start() <= 0

    wanted: dict[str, list[int]] = {}
    for place in range(90):
        me.key("b" if place % 3 else "1")
        wanted[me.question()] = me.chosen()
        if place < 89:
            me.key("Enter" if place % 2 else "ArrowRight")
    assert len(wanted) == 90
    assert all(len(places) == 1 for places in wanted.values())
    me.key("m", "k", "j")
    me.await_saved()
    expect(me.page.get_by_role("button", name="第 90 题，已答，标记，当前")).to_be_visible()
    assert len(exam.stored(me.ticket)) == 90

    if me.page.get_by_role("button", name="起可交卷").is_visible():
        me.page.get_by_role("button", name="起可交卷").click()
        expect(me.page.get_by_text("起可以交卷")).to_be_visible()
        me.key("Escape")
    submit = me.page.get_by_role("button", name="交卷", exact=True)
    expect(submit).to_be_visible(timeout=70_000)
    submit.click()
    expect(me.page.get_by_text("90 题全部已答。")).to_be_visible()
    me.press("我要交卷")
    expect(me.heading("交卷后不能再修改")).to_be_visible()
    me.press("确认交卷")

    expect(me.heading("您已交卷")).to_be_visible()
    expect(me.page.get_by_text("90 / 90 题")).to_be_visible()
    attempt = exam.attempt(me.ticket)
    assert attempt.receipt_code
    shown = me.page.locator("dd.code").inner_text().replace("-", "")
    assert shown == attempt.receipt_code.replace("-", "")
    assert "分" not in me.page.locator("dl").inner_text(), "no score on the receipt"
    me.page.wait_for_timeout(500)
    assert me.kept_entries() == [], "nothing of the candidate stays on the PC"


def test_a_reload_leads_back_to_the_same_question_with_everything_sent(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.key("a", "Enter", "c", "Enter", "d")
    me.await_saved()
    here, chosen = me.question(), me.chosen()
    began = time.monotonic()
    me.page.reload()
    me.await_question()
    assert time.monotonic() - began < 3
    assert (me.question(), me.chosen()) == (here, chosen)
    me.key("d")
    assert me.chosen() == [], "the same option again takes the answer back"
    me.await_saved()
    me.page.wait_for_timeout(300)
    assert exam.stored(me.ticket).get(here, ()) == ()
    assert {entry["standing"] for entry in me.kept_entries()} == {"counted"}, (
        "kept as the second copy until the receipt"
    )


def test_a_killed_server_loses_nothing_and_nobody_is_told_it_was_saved(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.key("a")
    me.await_saved()
    exam.server.kill()
    try:
        me.key("Enter", "b", "Enter", "c")
        expect(me.save_state).to_contain_text("已保存在本机，正在重新连接（可继续答题）", timeout=20_000)
        expect(me.page.locator(".area-side .cells .cell.local")).to_have_count(2)
        me.page.wait_for_timeout(1500)
        assert SAVED.search(me.save_state.inner_text()) is None
        assert len([entry for entry in me.kept_entries() if entry["standing"] is None]) == 2
    finally:
        exam.server.start()
    me.await_saved()
    assert len(exam.stored(me.ticket)) == 3
    assert len({(entry["page_id"], entry["seq"]) for entry in me.kept_entries()}) == 3
    expect(me.page.get_by_text("补时记录")).to_be_visible(timeout=20_000)


def test_a_crashed_page_sends_what_it_had_not_sent(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.key("a")
    me.await_saved()
    exam.server.kill()
    try:
        me.key("Enter", "b")
        expect(me.save_state).to_contain_text("已保存在本机", timeout=20_000)
        here = me.question()
        me.page.close(run_before_unload=False)
    finally:
        exam.server.start()
    me.page = me.open_page()
    me.page.goto(exam.url)
    me.await_question()
    assert me.question() == here
    assert me.chosen() == [1]
    me.await_saved()
    assert len(exam.stored(me.ticket)) == 2


def test_saving_works_by_http_when_the_live_channel_is_down(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()

    def refuse(channel: WebSocketRoute) -> None:
        channel.close()

    me.page.route_web_socket("**/socket.io/**", refuse)
    me.begin()
    me.key("a", "Enter", "b")
    me.await_saved()
    assert len(exam.stored(me.ticket)) == 2


def test_a_second_tab_takes_over_and_the_first_stands_down_with_words(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.key("a")
    me.await_saved()
    older = me.page
    me.page = me.open_page()
    me.page.goto(exam.url)
    me.await_question()
    expect(older.get_by_role("heading", name="考试在另一个窗口中继续")).to_be_visible()
    me.key("Enter", "b")
    me.await_saved()
    assert len(exam.stored(me.ticket)) == 2


def test_a_browser_that_keeps_nothing_says_so_and_still_saves(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.context.add_init_script(
        "Object.defineProperty(window, 'indexedDB', { value: { open() { throw new DOMException('private', 'SecurityError') } } })"
    )
    me.begin()
    me.key("a")
    expect(me.save_state).to_have_text("无法保存在本机，请举手")
    me.page.wait_for_timeout(1500)
    assert len(exam.stored(me.ticket)) == 1


def test_a_wrong_pin_and_an_unknown_number_read_the_same(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.page.goto(exam.url)
    words = []
    for number, pin in ((me.ticket.number, "000000"), ("9999999999999", me.ticket.pin)):
        me.page.get_by_label("准考证号").fill(number)
        me.page.get_by_label("密码").fill(pin)
        me.press("登录")
        alert = me.page.get_by_role("alert")
        expect(alert).to_contain_text("准考证号或密码不正确")
        words.append(alert.locator("p").inner_text())
        expect(me.page.get_by_label("密码")).to_be_empty()
    assert words[0] == words[1]


def test_a_message_stays_until_it_was_read_and_a_raised_hand_is_known(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    exam.press(
        me.ticket, "send-message", {"attempt_ids": [exam.attempt_id(me.ticket)], "text": "请把证件放在桌面左上角。"}
    )
    message = me.page.locator(".message", has_text="请把证件放在桌面左上角。")
    expect(message).to_be_visible()
    me.page.reload()
    me.await_question()
    expect(message).to_be_visible()
    me.press("我知道了")
    expect(message).to_be_hidden()
    me.press("举手")
    me.press("机器故障")
    expect(me.page.get_by_role("button", name="已举手")).to_be_visible()
    assert exam.attempt(me.ticket).hand_reason == "machine"


def test_time_granted_reaches_the_page_with_its_words(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    attempt_id = exam.attempt_id(me.ticket)
    exam.press(me.ticket, "grant-time", {"attempt_ids": [attempt_id], "seconds": 120, "reason": "键盘更换"})
    expect(me.page.get_by_text("补时记录")).to_be_visible()
    expect(me.page.get_by_test_id("clock")).to_contain_text("含补时")


def test_a_collected_candidate_sees_it_with_the_receipt(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.key("a")
    me.await_saved()
    exam.press(me.ticket, "collect", {"attempt_ids": [exam.attempt_id(me.ticket)], "reason": "考生身体不适"})
    expect(me.heading("监考员已收卷")).to_be_visible()
    expect(me.page.get_by_text("1 / 90 题")).to_be_visible()


def test_looks_are_kept_with_the_attempt(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.press("显示")
    me.page.get_by_label("深色").check()
    me.page.get_by_label("特大").check()
    me.press("关闭")
    me.page.wait_for_timeout(1200)
    me.page.reload()
    me.await_question()
    root = me.page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_attribute("data-font", "150")


def look_around(page: Page, me: CandidateAtBrowser) -> list[str]:
    """Every state of the answering page, looked at by the accessibility checker."""
    found = me.grave_findings()
    me.press("检查全卷")
    found += me.grave_findings()
    me.press("返回答题")
    page.get_by_role("button", name="显示", exact=True).click()
    found += me.grave_findings()
    me.key("Escape")
    return found


@pytest.mark.parametrize("size", [(1366, 768), (1024, 768), (683, 384)], ids=["1366", "1024", "1366 at 200 %"])
def test_nothing_is_cut_off_and_nobody_is_shut_out(candidate: Candidate, size: tuple[int, int]) -> None:
    me = candidate(width=size[0], height=size[1])
    me.page.goto(me.exam.url)
    assert me.grave_findings() == []
    me.sign_in()
    assert me.grave_findings() == []
    assert not me.scrolls_sideways()
    me.press("信息无误")
    expect(me.heading("考生须知")).to_be_visible()
    assert me.grave_findings() == []
    me.page.get_by_label("我已阅读并遵守以上规定").check()
    me.press("确认，继续")
    me.await_question()
    for theme in ("light", "yellow", "dark", "contrast"):
        for font in ("100", "150"):
            me.page.evaluate(
                "([theme, font]) => Object.assign(document.documentElement.dataset, { theme, font })", [theme, font]
            )
            assert me.grave_findings() == [], (theme, font)
            assert not me.scrolls_sideways(), (theme, font)
    assert look_around(me.page, me) == []


def test_the_page_speaks_english(exam: LiveExam, candidate: Candidate) -> None:
    me = candidate()
    me.begin()
    me.press("显示")
    me.page.get_by_label("English").check()
    me.press("Close")
    expect(me.page.get_by_role("button", name="Next", exact=False).first).to_be_visible()
    expect(me.page.locator("html")).to_have_attribute("lang", "en")
