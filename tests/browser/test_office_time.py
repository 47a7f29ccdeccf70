"""The responsible person acts on lost time, in Chromium before a real server: rows to confirm, and a long outage to decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select

from server.accounts.services.create_account import create_account
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.delivery.models import Attempt, LifeSign, TimeEntry
from server.delivery.time_keeping import refresh_deadlines
from server.takeover.models import OutageDecision
from server.webkit.platform import Platform
from tests.factories.delivery import RunningRoom, a_time_entry, running_rooms
from tests.faults.scene import Node
from tests.support.live_server import open_platform
from tests.support.processes import find_free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PASSWORD = "six brown horses on a roof"
MINUTE = timedelta(minutes=1)
PEOPLE = {"zhou": ("周主任", Role.OFFICE_HEAD), "suo": ("吴所长", Role.SITE_HEAD), "kaowu": ("钱晓芸", Role.EXAM_CLERK)}


@dataclass
class Site:
    base_url: str
    platform: Platform
    rooms: list[RunningRoom]

    def rows(self, *statuses: str) -> list[TimeEntry]:
        with self.platform.uow.read() as session:
            return list(session.scalars(select(TimeEntry).where(TimeEntry.status.in_(statuses))))


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three rooms of two: too few for the room watch, so that the ledger holds exactly what is written here."""
    folder = tmp_path_factory.mktemp("time")
    # a busy machine stalls for a second now and then, which the server would rightly put into the ledger as well
    server = Node(folder, "127.0.0.1", find_free_port(), {}, sabotage="no_outage_detection")
    server.start()
    platform = open_platform(folder)
    try:
        yield Site(server.base_url, platform, lose_time(platform))
    finally:
        server.stop()
        platform.database.dispose()


def lose_time(platform: Platform) -> list[RunningRoom]:
    """50 minutes into the exam: seven lost in room 1 (and something else measured by one page), rooms 2 and 3 wait."""
    for login_name, (name, role) in PEOPLE.items():
        create_account(platform.uow, login_name, name, [role], PASSWORD, SYSTEM)
    now = platform.clock.now()
    starts_at = now - 50 * MINUTE
    rooms = running_rooms(platform.uow, rooms=3, candidates=2, starts_at=starts_at)
    with platform.uow() as work:
        session = work.session
        for attempt in session.scalars(select(Attempt)):
            attempt.started_at = starts_at
            # heard all along, so that the seat watch finds nobody missing
            session.add(LifeSign(attempt_id=attempt.id, since=starts_at, until=now + 60 * MINUTE))
        first = session.get_one(Attempt, rooms[0].attempt_ids[0])
        from_at = now - 45 * MINUTE
        common: dict[str, Any] = {"cause": "server_outage", "made_by": "system", "made_at": now, "from_at": from_at}
        a_time_entry(
            session, sitting_id=first.sitting_id, room_id=first.room_id, status="provisional",
            to_at=from_at + 7 * MINUTE, reason="服务器停止服务（自动测得）", **common,
        )  # fmt: skip
        a_time_entry(
            session, first, status="proposed", client_gap_ms=452_500, to_at=from_at + timedelta(milliseconds=452_500),
            reason="答题页测得的中断为 7 分 32 秒，比系统记录的 7 分 00 秒 更长，请核实", **common,
        )  # fmt: skip
        for room in rooms[1:]:
            a_time_entry(
                session, sitting_id=room.sitting_id, room_id=room.room_id, status="awaiting_decision",
                **{**common, "from_at": now - 35 * MINUTE},
            )  # fmt: skip
        refresh_deadlines(work, rooms[0].sitting_id)
    return rooms


@pytest.fixture
def troubles(page: Page) -> list[str]:
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def enter(page: Page, site: Site, login_name: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{site.base_url}/staff?next=/office")
    page.get_by_label("账号").fill(login_name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_role("button", name="退出登录").wait_for()
    if not page.url.endswith("/office"):
        page.goto(f"{site.base_url}/office")
    page.get_by_role("list", name="办理进度").wait_for()


def assert_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="时间与中断", exact=True)


def test_lost_time_is_confirmed_amended_and_decided(page: Page, site: Site, troubles: list[str]) -> None:
    enter(page, site, "zhou")
    mine = panel(page)
    mine.get_by_text("须由您决定继续、改期或取消").wait_for()
    mine.get_by_text("第2考场：2 名考生").wait_for()
    table = mine.get_by_role("region", name="待确认（2 条）")
    assert table.get_by_text("⚠ 相差 0:32.5").count() == 1
    assert table.get_by_text("第1考场 1 号 考生1-1").count() == 1
    assert_accessible(page)

    # the page's longer figure is taken back, the room's row corrected to eight minutes
    page.get_by_role("button", name="撤回：第1考场 1 号 考生1-1").click()
    dialog = page.get_by_role("dialog")
    sending = dialog.get_by_role("button", name="撤回")
    assert sending.get_attribute("aria-disabled") == "true", "a reason comes first"
    dialog.get_by_label("原因").fill("与考场时钟核对，以服务器为准")
    assert_accessible(page)
    sending.click()
    page.get_by_text("已撤回：第1考场 1 号 考生1-1。").wait_for()
    page.get_by_role("button", name="更正：第1考场（全考场）").click()
    dialog.get_by_label("实际时长").fill("60:00")
    dialog.get_by_label("原因").fill("监考记录为八分钟")
    dialog.get_by_role("button", name="更正").click()
    dialog.get_by_role("alert").get_by_text("现在之后").wait_for()
    dialog.get_by_label("实际时长").fill("8分0秒")
    dialog.get_by_role("button", name="更正").click()
    page.get_by_text("已更正：第1考场（全考场）。").wait_for()
    assert [row.to_at - row.from_at for row in site.rows("confirmed") if row.to_at and row.from_at] == [8 * MINUTE]

    # nobody decides alone: the head of the site reports first
    mine.get_by_text("先由一位工作人员报告").wait_for()
    assert page.get_by_role("button", name="作出决定……").count() == 0
    enter(page, site, "suo")
    page.get_by_role("button", name="报告中断……").click()
    dialog.get_by_text("4 名考生，2 个考场").wait_for()
    dialog.get_by_label("继续考试并补时").check()
    dialog.get_by_label("原因").fill("供电已恢复")
    assert_accessible(page)
    dialog.get_by_role("button", name="提交报告（4 人）").click()
    mine.get_by_text("您已报告；须由另一位负责人决定").wait_for()
    enter(page, site, "zhou")

    # room 2 goes on; room 3 sits another day, which has to be typed
    mine.get_by_text("吴所长报告，建议：继续考试并补时").wait_for()
    page.get_by_role("button", name="作出决定……").click()
    dialog.get_by_text("4 名考生，2 个考场").wait_for()
    dialog.get_by_label("第3考场").uncheck()
    dialog.get_by_label("继续考试并补时").check()
    dialog.get_by_label("原因").fill("服务器已恢复")
    assert_accessible(page)
    dialog.get_by_role("button", name="继续考试（2 人）").click()
    page.get_by_text("已决定：继续考试，2 人的时间已补回。").wait_for()
    page.get_by_role("button", name="作出决定……").click()
    dialog.get_by_label("改期").check()
    dialog.get_by_label("下次报名免费").check()
    dialog.get_by_label("原因").fill("机房停电，今日不能恢复")
    sending = dialog.get_by_role("button", name="改期（2 人）")
    assert sending.get_attribute("aria-disabled") == "true", "not before it is typed"
    dialog.get_by_label("请输入“改期”").fill("改期")
    sending.click()
    page.get_by_text("已决定：改期，涉及 2 人。").wait_for()
    mine.get_by_text("没有待确认或待决定的时间").wait_for()
    with site.platform.uow.read() as session:
        made = session.scalars(select(OutageDecision).order_by(OutageDecision.decided_at)).all()
        assert [(each.decision, each.fee_waiver, each.room_ids) for each in made] == [
            ("extend", False, [site.rooms[1].room_id]),
            ("reschedule", True, [site.rooms[2].room_id]),
        ]
        assert {each.report_id is not None for each in made} == {True}
        states = {state: room_id for room_id, state in session.execute(select(Attempt.room_id, Attempt.state))}
    assert states["voided"] == site.rooms[2].room_id
    mine.get_by_text("已确认（3 条）").click()
    page.get_by_role("button", name="English").click()
    page.get_by_role("region", name="Time and interruptions", exact=True).wait_for()
    for width, height in ((683, 384), (768, 1024), (1366, 768)):
        page.set_viewport_size({"width": width, "height": height})
        assert_accessible(page)
    assert troubles == []


def test_the_head_of_the_site_may_decide_and_the_clerk_does_not_see_it(page: Page, site: Site) -> None:
    enter(page, site, "suo")
    page.get_by_text("您的角色可以查看，不能改动。").wait_for()
    page.get_by_role("button", name="确认：第1考场（全考场）").click()
    page.get_by_role("dialog").get_by_role("button", name="确认").click()
    page.get_by_text("已确认：第1考场（全考场）。").wait_for()
    enter(page, site, "kaowu")
    assert panel(page).count() == 0
