"""A PC dies with answers on it: what the proctor sees, how many clicks the swap takes, and how the answers come back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from server.core.permissions import Role
from server.rehearsal.demo_site import DemoAccount
from server.scheduling.models import Room, Seat, Sitting
from tests.factories.accounts import PASSWORD, an_account
from tests.support.candidate_page import CandidateAtBrowser
from tests.support.live_exam import LiveExam, live_exam

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(300)]
PATIENCE_MS = 30_000
MOST_CLICKS = 4
SHOTS = Path(__file__).parents[2] / "var" / "screenshots"


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveExam]:
    with live_exam(
        tmp_path_factory.mktemp("exam"),
        candidates=8,
        before_start=timedelta(seconds=14),
        duration=timedelta(minutes=20),
        earliest=timedelta(seconds=30),
    ) as running:
        yield running


@dataclass
class AtBoard:
    """Somebody of the staff at a room's board, whose clicks are counted."""

    page: Page
    clicks: list[str] = field(default_factory=list)

    def click(self, target: Locator, what: str) -> None:
        self.clicks.append(what)
        target.click()

    def serious_findings(self) -> list[str]:
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in {"serious", "critical"}
        ]

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")


@pytest.fixture
def at_board(exam: LiveExam, browser: Browser) -> Iterator[object]:
    with contextlib.ExitStack() as stack:

        def come(login_name: str, password: str, room_id: str) -> AtBoard:
            context = stack.enter_context(
                contextlib.closing(browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN"))
            )
            context.set_default_timeout(20_000)
            page = context.new_page()
            page.goto(f"{exam.url}/staff")
            page.get_by_label("账号").fill(login_name)
            page.get_by_label("密码").fill(password)
            page.get_by_role("button", name="登录", exact=True).click()
            expect(page.get_by_label("密码")).to_have_count(0, timeout=PATIENCE_MS)
            page.goto(f"{exam.url}/board/{exam.site.sitting_id}/{room_id}")
            expect(page.locator(".seat").first).to_be_visible(timeout=PATIENCE_MS)
            return AtBoard(page)

        yield come


class LiveLine:
    """The live channel of one page, which can be cut for good."""

    def __init__(self, page: Page) -> None:
        self._is_cut = False
        self._open: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("socket.io"), self._come)

    def _come(self, socket: WebSocketRoute) -> None:
        if self._is_cut:
            socket.close()
            return
        socket.connect_to_server()
        self._open.append(socket)

    def cut(self) -> None:
        self._is_cut = True
        for socket in self._open:
            socket.close()


def chief_of(exam: LiveExam, room_id: str) -> DemoAccount:
    return next(room.chief for room in exam.site.rooms if room.room_id == room_id)


def an_inspector(exam: LiveExam) -> str:
    with exam.platform.uow() as work:
        return an_account(work.session, [Role.INSPECTOR], login_name="xunkao", display_name="高原").login_name


def test_a_pc_that_dies_with_unsent_answers_is_swapped_in_four_clicks_and_its_answers_come_back_on_a_stick(
    exam: LiveExam, browser: Browser, at_board, tmp_path: Path
) -> None:
    ticket = exam.next_ticket()
    old = CandidateAtBrowser(browser, exam, ticket)
    line = LiveLine(old.page)
    old.begin()
    old.key("a", "Enter", "b", "Enter", "c")
    old.await_saved()
    # Answers get stuck while life signs still come: the board learns how many.
    old.page.route("**/api/candidate/answers", lambda route: route.abort())
    line.cut()
    old.key("Enter", "a", "Enter", "b", "Enter", "c")
    expect(old.page.locator(".area-side .cells .cell.local")).to_have_count(3)

    chief = chief_of(exam, ticket.room_id)
    board = at_board(chief.login_name, chief.password, ticket.room_id)
    seat = board.page.locator(f'.seat[data-number="{ticket.seat_number}"]')
    expect(seat).to_be_visible()
    board.click(seat, "seat")
    expect(board.page.get_by_text("本机待传 3").first).to_be_visible(timeout=PATIENCE_MS)

    # The network of that PC is gone for good now; the candidate is told in plain words and can still be exported.
    old.context.set_offline(True)
    old.page.evaluate(
        "(() => { const now = performance.now.bind(performance); performance.now = () => now() + 70000 })()"
    )
    expect(old.page.get_by_test_id("trouble")).to_contain_text("请举手告诉监考员", timeout=PATIENCE_MS)
    assert old.grave_findings() == []
    old.page.screenshot(path=_shot("candidate-away"))
    old.press("监考员：导出本机作答")
    expect(old.page.get_by_text("共 6 条，其中 3 条没有送到服务器")).to_be_visible()
    old.page.screenshot(path=_shot("candidate-export"))
    assert old.grave_findings() == []
    with old.page.expect_download() as download:
        old.press("保存文件")
    stick = tmp_path / download.value.suggested_filename
    download.value.save_as(stick)
    assert stick.suffix == ".myj"
    assert ticket.number[-4:] in stick.name
    old.close()

    board.click(board.page.get_by_role("button", name="换机", exact=True), "release")
    state = board.page.get_by_test_id("old-pc")
    expect(state).to_contain_text("有 3 条作答还没有送到服务器")
    expect(state).to_contain_text("原机最后联系")
    assert board.page.locator("dialog button.main").get_attribute("aria-disabled") == "true", "first decide about them"
    board.click(board.page.get_by_label("换机，并用 U 盘导出原机作答"), "choice")
    board.shoot("board-swap")
    assert board.serious_findings() == []
    board.click(board.page.locator("dialog").get_by_role("button", name="换机", exact=True), "confirm")
    expect(board.page.locator("dialog")).to_have_count(0)
    assert len(board.clicks) <= MOST_CLICKS, board.clicks

    new = CandidateAtBrowser(browser, exam, ticket)
    new.page.goto(exam.url)
    new.page.get_by_label("准考证号").fill(ticket.number)
    new.page.get_by_label("密码").fill(ticket.pin)
    new.press("登录")
    expect(new.heading("考试已暂停")).to_be_visible()
    exam.press(ticket, "resume", {"attempt_id": exam.attempt_id(ticket), "reason": "已就座"})
    new.await_question()
    expect(new.page.get_by_test_id("time-given").or_(new.page.get_by_text("补时记录")).first).to_be_visible()
    assert len(exam.stored(ticket)) == 3
    expect(new.page.get_by_role("button", name="第 3 题，已答，当前")).to_be_visible()

    moved = board.page.locator(".seat", has_text=ticket.name).first
    moved.click()
    board.page.get_by_role("button", name="导入原机作答").click()
    board.page.locator("dialog input[type=file]").set_input_files(stick)
    counts = board.page.get_by_test_id("journal-counts")
    expect(counts).to_contain_text("新的，将计入3")
    expect(counts).to_contain_text("服务器已有3")
    board.shoot("board-import")
    assert board.serious_findings() == []
    board.page.get_by_role("button", name="确认导入").click()
    expect(board.page.locator("dialog").get_by_role("status")).to_contain_text("等待巡考")
    assert len(exam.stored(ticket)) == 3

    inspector = at_board(an_inspector(exam), PASSWORD, ticket.room_id)
    inspector.page.get_by_role("button", name="查看并确认").click()
    inspector.shoot("board-import-second")
    inspector.page.get_by_role("button", name="确认导入").click()
    expect(inspector.page.locator("dialog").get_by_role("status")).to_contain_text("已导入")
    assert len(exam.stored(ticket)) == 6
    expect(new.page.get_by_text("已答 6").first).to_be_visible()
    new.page.screenshot(path=_shot("candidate-after-import"))
    new.close()


def test_a_room_is_moved_to_the_spare_room_with_its_seats_shown_first(
    exam: LiveExam, browser: Browser, at_board
) -> None:
    room = exam.site.rooms[1]
    ticket = next(one for one in exam.site.tickets if one.room_id == room.room_id)
    me = CandidateAtBrowser(browser, exam, ticket)
    me.begin()
    me.key("a", "Enter", "b")
    me.await_saved()
    with exam.platform.uow() as work:
        centre_id = work.session.get_one(Sitting, exam.site.sitting_id).centre_id
        work.session.add(
            Room(id="spare", centre_id=centre_id, name="应急考场", number=88, rows=2, columns=5, aisles_after=[])
        )
        work.session.flush()
        for n in range(10):
            work.session.add(
                Seat(id=f"spare-{n}", room_id="spare", number=n + 1, row=n // 5 + 1, column=n % 5 + 1, is_spare=False)
            )
    board = at_board(room.chief.login_name, room.chief.password, room.room_id)
    board.page.get_by_role("button", name="转移考场").click()
    dialog = board.page.locator("dialog")
    expect(dialog.get_by_label("转移到")).to_contain_text("应急考场")
    expect(dialog.locator("tbody tr")).to_have_count(4)
    board.shoot("board-move-room")
    assert board.serious_findings() == []
    dialog.get_by_role("button", name="转移 4 名考生").click()
    expect(dialog.get_by_role("status")).to_contain_text("已把 4 名考生转移到应急考场")
    expect(me.heading("考试已暂停")).to_be_visible()

    there = at_board(room.deputy.login_name, room.deputy.password, "spare")
    expect(there.page.get_by_text(ticket.name).first).to_be_visible()
    assert exam.attempt(ticket).seat_id.startswith("spare-")
    new = CandidateAtBrowser(browser, exam, ticket)
    new.page.goto(exam.url)
    new.page.get_by_label("准考证号").fill(ticket.number)
    new.page.get_by_label("密码").fill(ticket.pin)
    new.press("登录")
    expect(new.heading("考试已暂停")).to_be_visible()
    new.page.screenshot(path=_shot("candidate-suspended"))
    there.page.locator(".seat", has_text=ticket.name).first.click()
    there.page.get_by_role("button", name="恢复", exact=True).click()
    there.page.locator("dialog").get_by_role("button", name="恢复", exact=True).click()
    new.await_question()
    assert len(exam.stored(ticket)) == 2
    expect(me.heading("已换到另一台考试机")).to_be_visible()
    me.page.screenshot(path=_shot("candidate-moved"))
    for one in (me, new):
        one.close()


def _shot(name: str) -> Path:
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS / f"{name}.png"
