"""The end of the time: nobody has to do anything, and what was made in time counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.support.candidate_page import CandidateAtBrowser
from tests.support.live_exam import LiveExam, live_exam

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveExam]:
    with live_exam(
        tmp_path_factory.mktemp("exam"), candidates=4, before_start=timedelta(seconds=16), duration=timedelta(seconds=45),
        earliest=timedelta(seconds=5), factor=120,
    ) as running:  # fmt: skip
        yield running


def test_time_that_runs_out_hands_in_by_itself_with_what_was_made_in_time(exam: LiveExam, browser: Browser) -> None:
    me = CandidateAtBrowser(browser, exam, exam.next_ticket())
    me.begin()
    me.page.get_by_role("button", name="显示", exact=True).click()
    me.page.get_by_label("隐藏剩余时间").check()
    me.press("关闭")
    expect(me.page.get_by_role("button", name="显示时间")).to_be_visible()
    me.key("a", "Enter", "b", "Enter", "c")
    me.await_saved()
    expect(me.heading("考试时间到，正在自动交卷").or_(me.heading("考试时间到，已自动交卷"))).to_be_visible(
        timeout=60_000
    )
    expect(me.heading("考试时间到，已自动交卷")).to_be_visible(timeout=20_000)
    expect(me.page.get_by_text("3 / 90 题")).to_be_visible()
    assert exam.attempt(me.ticket).end_how == "timeout"
    assert me.faults == []
    me.page.wait_for_timeout(500)
    assert me.kept_entries() == []
    me.close()
