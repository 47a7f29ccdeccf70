"""A whole day at the board of a real server: two proctors at two browsers, simulated candidates, then the results."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, WebSocket, expect
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import select

from itembank.content import open_content
from itembank.models import ItemVersion
from server.app import build_platform
from server.rehearsal.candidate import Plan, SimulatedCandidate
from server.rehearsal.demo_site import DemoAccount, DemoDay, DemoRoom, DemoSite, prepare_demo
from server.rehearsal.history import History
from server.rehearsal.server_process import ServerProcess
from server.rehearsal.staff import StaffMember, StaffRefused
from server.scheduling.domain.rule_profile import load_profile
from server.settings import load_settings
from server.webkit.platform import Platform
from tests.support.processes import find_free_port

pytestmark = pytest.mark.live
CANDIDATES = 16
#: log-ins cost a computation each, and the machine has other work
PATIENCE_MS = 30_000
TO_START = timedelta(seconds=40)


@dataclass
class Day:
    """The server, what is known about the day, and everybody who sits in it."""

    url: str
    site: DemoSite
    platform: Platform
    stop: threading.Event
    threads: list[threading.Thread] = field(default_factory=list)
    people: list[SimulatedCandidate] = field(default_factory=list)

    def seat_everybody(self) -> None:
        """Simulated candidates come in and answer until they are collected."""
        history = History()
        for number, ticket in enumerate(self.site.tickets):
            plan = Plan(ticket.number, ticket.pin, pace_s=1.0, submits=False, seed=number)
            person = SimulatedCandidate(self.url, plan, history, self.stop)
            self.people.append(person)
            self.threads.append(threading.Thread(target=person.run, daemon=True))
            self.threads[-1].start()


@contextmanager
def real_day(data: Path) -> Iterator[Day]:
    platform = build_platform(load_settings(data))
    server = ServerProcess(data, "127.0.0.1", find_free_port())
    server.start()
    stop = threading.Event()

    def make_day() -> DemoDay:
        profile = dataclasses.replace(
            load_profile("default").compressed(60),
            report_before=TO_START, paper_fetch_before=TO_START, admission_opens_before=TO_START,
            notes_read_before=TO_START, paper_open_before=TO_START, late_entry_within=timedelta(seconds=5),
            earliest_submission_after=timedelta(seconds=5), two_person_window=timedelta(seconds=40),
        )  # fmt: skip
        return DemoDay(platform.clock.now() + TO_START, timedelta(minutes=20), profile)

    day = Day(server.base_url, prepare_demo(platform, CANDIDATES, make_day), platform, stop)
    try:
        yield day
    finally:
        stop.set()
        for thread in day.threads:
            thread.join(timeout=10)
        server.stop()
        platform.database.dispose()


class StaffBrowser:
    """One person at one browser; everything the browser received is kept."""

    def __init__(self, browser: Browser, day: Day, account: DemoAccount) -> None:
        self.day, self.account = day, account
        self.context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.received: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console", lambda line: self.faults.append(line.text) if "Content Security Policy" in line.text else None
        )
        self.page.route("**/api/proctor/**", self._keep)
        self.page.on("websocket", self._keep_frames)

    def _keep(self, route: Route) -> None:
        """Reads a reply before the page does: a page that moves on takes the bytes with it."""
        try:
            response = route.fetch()
        except PlaywrightError:  # the page has gone
            return
        self.received.append(response.text())
        route.fulfill(response=response)

    def _keep_frames(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.received.append(str(frame)))

    def sign_in(self) -> Page:
        self.page.goto(f"{self.day.url}/staff")
        self.page.get_by_label("账号").fill(self.account.login_name)
        self.page.get_by_label("密码").fill(self.account.password)
        self.page.get_by_role("button", name="登录", exact=True).click()
        expect(self.page.locator("header")).to_contain_text(self.account.display_name)
        return self.page

    def open_board(self, room: DemoRoom) -> Page:
        self.sign_in()
        expect(self.page.get_by_role("link", name="打开监考看板")).to_have_count(1)
        self.page.get_by_role("link", name="打开监考看板").click()
        expect(self.page.get_by_role("heading", name=room.name)).to_be_visible()
        return self.page

    def step(self, key: str) -> None:
        """Press the one button of a step of the day."""
        self.page.locator(f'[data-step="{key}"] button.do').click()

    def serious_findings(self) -> list[str]:
        found = Axe().run(self.page).response["violations"]
        return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def stems(day: Day) -> list[str]:
    """Every question of the bank."""
    with day.platform.uow.read() as session:
        versions = session.scalars(select(ItemVersion)).all()
        return [open_content(day.platform.vault, version).stem for version in versions]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with real_day(tmp_path_factory.mktemp("day")) as made:
        yield made


def test_a_whole_day_at_the_board(day: Day, browser: Browser) -> None:
    room, other = day.site.rooms[0], day.site.rooms[1]
    chief, deputy = StaffBrowser(browser, day, room.chief), StaffBrowser(browser, day, room.deputy)
    board = chief.open_board(room)
    second = deputy.open_board(room)

    # Both fetch the paper, each in an own log-in; one alone does not.
    chief.step("fetch")
    board.get_by_role("button", name="我已到场，确认领卷").click()
    expect(board.get_by_text("等待第二位监考员")).to_be_visible()
    deputy.step("fetch")
    second.get_by_role("button", name="我已到场，确认领卷").click()
    expect(second.get_by_text("两人均已确认")).to_be_visible()
    expect(board.get_by_text("两人均已确认")).to_be_visible()
    for page in (board, second):
        page.get_by_role("button", name="关闭").click()

    chief.step("admission")
    expect(board.locator('[data-step="admission"].done')).to_be_visible()
    day.seat_everybody()
    expect(board.locator('[data-look="waiting"]').first).to_be_visible(timeout=PATIENCE_MS)
    chief.step("notes")

    # Opening in public: the own secret, two people.
    chief.step("open")
    board.get_by_label("我的启封口令").fill(room.opening_secrets[0])
    board.get_by_role("button", name="启封", exact=True).click()
    expect(board.get_by_text("等待第二位监考员")).to_be_visible()
    deputy.step("open")
    second.get_by_label("我的启封口令").fill(room.opening_secrets[1])
    second.get_by_role("button", name="启封", exact=True).click()
    expect(board.get_by_text("两人均已确认")).to_be_visible()
    for page in (board, second):
        page.get_by_role("button", name="关闭").click()

    # The room lives.
    expect(board.locator('[data-look="answering"]')).to_have_count(8, timeout=2 * PATIENCE_MS)
    first = board.locator('[data-look="answering"]').first
    before = first.inner_text()
    expect(first).not_to_have_text(before)
    assert chief.serious_findings() == []

    # Five points, a message, time, a pause.
    chief.step("five_point")
    board.get_by_role("button", name="五项一致").click()
    board.get_by_role("button", name="提交核对").click()
    expect(board.locator(".last.done")).to_contain_text("五对照")
    first.click()
    name = board.locator(".panel h2 span").inner_text()
    board.get_by_role("button", name="发消息", exact=True).click()
    board.get_by_label("消息内容").fill("请保持安静")
    board.get_by_role("button", name="发送").click()
    expect(board.locator(".last.done")).to_contain_text("发消息")
    board.get_by_role("button", name="补时", exact=True).click()
    board.get_by_label("原因").fill("键盘故障")
    board.get_by_label("补时（分钟）").fill("0.5")
    board.get_by_role("dialog").get_by_role("button", name="补时", exact=True).click()
    expect(board.locator("tbody").get_by_text("键盘故障")).to_be_visible()
    board.get_by_role("button", name="暂停", exact=True).click()
    board.get_by_label("原因").fill("核对身份")
    board.get_by_role("dialog").get_by_role("button", name="暂停", exact=True).click()
    expect(board.locator('[data-look="suspended"]')).to_have_count(1)
    expect(second.locator('[data-look="suspended"]')).to_have_count(1)
    board.get_by_role("button", name="恢复", exact=True).click()
    board.get_by_label("原因").fill("核对完毕")
    board.get_by_role("dialog").get_by_role("button", name="恢复", exact=True).click()
    expect(board.locator('[data-look="suspended"]')).to_have_count(0)

    # Much time needs another person: whoever granted it is refused, the other proctor confirms.
    for page in (board, second):
        waiting = page.locator("tbody tr.waiting")
        expect(waiting).to_have_count(1)
        waiting.get_by_role("button", name="确认").click()
        page.get_by_role("dialog").get_by_label("原因").fill("属实")
        page.get_by_role("dialog").get_by_role("button", name="确认补时").click()
        if page is board:
            expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("另一位")
            page.keyboard.press("Escape")
    expect(board.locator("tbody tr.waiting")).to_have_count(0)

    # Reload: the same room, at once.
    board.reload()
    expect(board.locator("[data-seat]").filter(has_text=name)).to_be_visible()

    # A proctor of room 1 gets nothing of room 2.
    stranger = StaffBrowser(browser, day, room.chief)
    stranger.sign_in()
    stranger.page.goto(f"{day.url}/board/{day.site.sitting_id}/{other.room_id}")
    expect(stranger.page.get_by_role("alert")).to_contain_text("不由您监考")
    assert stranger.page.locator("[data-seat]").count() == 0

    # The end, with a reason; both sign; the record is a PDF.
    board.locator(".tabs button").filter(has_text="记录表").click()
    board.get_by_role("button", name="结束本场并收卷").click()
    board.get_by_role("dialog").get_by_label("原因").fill("演练提前结束")
    board.get_by_label("请输入“全场”以确认").fill("全场")
    board.get_by_role("dialog").get_by_role("button", name="结束本场并收卷").click()
    expect(board.locator('[data-step="end"].done')).to_be_visible()
    for one in (chief, deputy):
        one.step("record")
        one.page.get_by_role("dialog").get_by_role("button", name="签字").click()
        # Not everybody was checked a second time: the record wants a word about it.
        expect(one.page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
        one.page.get_by_label("备注").fill("演练，只抽查一人")
        one.page.get_by_role("dialog").get_by_role("button", name="签字").click()
        expect(one.page.get_by_role("dialog")).to_have_count(0)
    expect(board.get_by_role("link", name="打开记录表（PDF）")).to_be_visible()
    address = board.get_by_role("link", name="打开记录表（PDF）").get_attribute("href") or ""
    record = chief.context.request.get(f"{day.url}{address}")
    assert record.body().startswith(b"%PDF")

    # Nothing that a candidate read or chose ever came to the board.
    received = "".join(chief.received + deputy.received + stranger.received)
    assert len(received) > 1000
    for word in ('"stem"', '"options"', '"answer_key"', '"score"', '"response"', '"value"'):
        assert word not in received
    assert [stem for stem in stems(day) if stem in received] == []
    assert chief.faults + deputy.faults + stranger.faults == []
    for one in (chief, deputy, stranger):
        one.context.close()


def test_the_results_are_confirmed_by_one_person_and_released_by_another(day: Day, browser: Browser) -> None:
    for room in day.site.rooms:  # whatever of the day is still open ends now
        person = StaffMember(day.url, room.chief.login_name, room.chief.password)
        with contextlib.suppress(StaffRefused):
            person.command(day.site.sitting_id, room.room_id, "end-room", {"reason": "演练提前结束"})
        person.close()
    clerk, head = StaffBrowser(browser, day, day.site.clerk), StaffBrowser(browser, day, day.site.head)
    clerk.sign_in().get_by_role("link", name="成绩", exact=True).last.click()
    office = clerk.page
    confirm = office.get_by_role("button", name=f"确认成绩（{CANDIDATES} 人）")
    expect(confirm).to_be_visible(timeout=2 * PATIENCE_MS)
    assert clerk.serious_findings() == []
    confirm.click()
    office.get_by_role("button", name=f"确定，确认 {CANDIDATES} 人").click()
    expect(office.get_by_text(f"已确认 {CANDIDATES} 人")).to_be_visible()
    expect(office.get_by_role("button", name="发布成绩")).to_have_attribute("aria-disabled", "true")

    head.sign_in().get_by_role("link", name="成绩", exact=True).last.click()
    head.page.get_by_role("button", name=f"发布成绩（{CANDIDATES} 人）").click()
    head.page.get_by_role("button", name=f"确定，发布 {CANDIDATES} 人").click()
    expect(head.page.get_by_text(f"已发布 {CANDIDATES} 人")).to_be_visible()
    with head.page.expect_download() as download:
        head.page.get_by_role("link", name="导出成绩册（XLSX）").click()
    assert download.value.suggested_filename.endswith(".xlsx")
    assert clerk.faults + head.faults == []
    clerk.context.close()
    head.context.close()


def test_the_bank_keeper_sees_the_way_to_1200(day: Day, browser: Browser) -> None:
    keeper = StaffBrowser(browser, day, day.site.keeper)
    keeper.sign_in().get_by_role("link", name="题库", exact=True).last.click()
    expect(keeper.page.get_by_role("img", name="要求 1200 题")).to_be_visible()
    expect(keeper.page.get_by_text("已达到要求，可以组卷")).to_be_visible()
    assert keeper.serious_findings() == []
    assert keeper.faults == []
    keeper.context.close()


def test_a_forced_sign_out_reaches_the_board(day: Day, browser: Browser) -> None:
    room = day.site.rooms[1]
    one = StaffBrowser(browser, day, room.chief)
    page = one.open_board(room)
    other = one.context.new_page()
    other.goto(f"{day.url}/staff")
    other.get_by_role("button", name="退出登录").click()
    expect(other.get_by_label("账号")).to_be_visible()
    expect(page.get_by_role("link", name="重新登录")).to_be_visible(timeout=PATIENCE_MS)
    one.context.close()
