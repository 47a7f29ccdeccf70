"""From the first analysis of a sitting to a decided case, in Chromium before a real server: 300 candidates, one wrong key, one copier."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from itembank.models import Item
from scoring.mark_schemes import ensure_mark_scheme
from scoring.models import SimilarityCase
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from server.adapters.print_fonts import find_print_fonts
from server.core.actor import SYSTEM
from server.core.errors import Unavailable
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.rehearsal.server_process import ServerProcess
from server.webkit.platform import Platform
from tests.browser.test_analysis_page import assert_fit_for_everybody
from tests.factories.accounts import PASSWORD, an_account, an_actor
from tests.factories.analysis import WRONG_KEY, SatHall, a_sat_hall
from tests.support.live_server import open_platform
from tests.support.processes import find_free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PEOPLE = {
    "head": (Role.OFFICE_HEAD, "周敏"),
    "keeper": (Role.BANK_KEEPER, "赵岚"),
    "clerk": (Role.EXAM_CLERK, "林涛"),
    "other": (Role.EXAM_CLERK, "何苗"),
}
#: proposals to the bank begin at 300 answers
HALL = {"rooms": 10, "per_room": 30}


@dataclass
class Hall:
    """A running server whose sitting is over, scored and released."""

    base_url: str
    platform: Platform
    sat: SatHall


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder: Path = tmp_path_factory.mktemp("hall")
    server = ServerProcess(folder, "127.0.0.1", find_free_port())
    server.start()
    platform = open_platform(folder)
    try:
        with platform.uow() as work:
            sat = a_sat_hall(work.session, platform.vault, **HALL)
            people = {
                login: an_actor(an_account(work.session, [role], login_name=login, display_name=name))
                for login, (role, name) in PEOPLE.items()
            }
        with platform.uow() as work:
            ensure_mark_scheme(work, platform.vault, sat.paper_id, SYSTEM)
        score_sitting(platform.uow, platform.vault, sat.id)
        confirm_results(platform.uow, sat.id, people["clerk"])
        release_results(platform.uow, sat.id, people["head"])
        yield Hall(server.base_url, platform, sat)
    finally:
        server.stop()
        platform.database.dispose()


@pytest.fixture
def sign_in(hall: Hall, browser: Browser) -> Iterator[object]:
    """A browser of one's own for each person; what the browser complains about is a failure."""
    troubles: list[str] = []
    contexts = []

    def open_as(login_name: str, path: str = "/analysis") -> Page:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai", accept_downloads=True
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"{hall.base_url}{path}")
        page.get_by_label("账号").fill(login_name)
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录", exact=True).click()
        page.get_by_role("heading", level=1).wait_for()
        page.get_by_text(PEOPLE[login_name][1]).first.wait_for()
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert troubles == []


def test_the_head_starts_the_analysis_and_reads_the_paper_and_its_pdf(hall: Hall, sign_in) -> None:
    page = sign_in("head")
    page.get_by_role("button", name=re.compile("^开始分析")).click()
    page.get_by_role("link", name=re.compile("^试卷分析")).wait_for(timeout=60_000)
    page.get_by_role("link", name=re.compile("^试卷分析")).click()
    page.get_by_role("img", name=re.compile("^成绩分布：300 人")).wait_for()
    assert_fit_for_everybody(page)
    assert page.locator("figure.chart svg[role=img]").count() == 5
    rows = page.get_by_role("region", name="试题").locator("tbody tr")
    assert rows.count() == 50
    page.get_by_role("button", name=re.compile("^有提示")).click()
    assert "答案可能有误" in page.get_by_role("region", name="试题").inner_text()
    try:
        find_print_fonts()
    except Unavailable:
        return
    with page.expect_download() as begun:
        page.get_by_role("link", name="分析报告（PDF）").click()
    assert Path(begun.value.path()).read_bytes().startswith(b"%PDF-")


def test_the_bank_keeper_sees_the_wrong_key_and_suspends_the_item(hall: Hall, sign_in) -> None:
    version = hall.sat.bank.versions[WRONG_KEY]
    page = sign_in("keeper", f"/analysis?item={version}")
    page.get_by_text("第 4 号选择题").wait_for()
    page.get_by_role("img", name=re.compile("组考生的答对比例")).wait_for()
    assert page.get_by_role("region", name="选项", exact=True).locator("tbody tr").count() >= 4
    assert_fit_for_everybody(page)
    page.get_by_role("button", name="暂停使用").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("理由").fill("核对教材：答案应为后一项。")
    dialog.get_by_role("button", name="暂停使用").click()
    page.get_by_text("已暂停使用").first.wait_for()
    with hall.platform.uow.read() as session:
        assert session.get_one(Item, hall.sat.bank.item_ids[WRONG_KEY]).state == "suspended"
    assert page.get_by_role("link", name="雷同分析").count() == 0


def test_a_flagged_pair_is_given_to_a_clerk_who_alone_reads_the_papers_and_concludes(hall: Hall, sign_in) -> None:
    source, copier = hall.sat.copied[0]
    head = sign_in("head", f"/analysis?sitting={hall.sat.id}&similar=1")
    head.get_by_role("img", name=re.compile("超过界限")).wait_for()
    assert head.locator("svg path.over").count() >= 1
    assert_fit_for_everybody(head)
    head.get_by_role("button", name="交人核查").click()
    dialog = head.get_by_role("dialog")
    dialog.get_by_label("核查人").select_option(label="林涛")
    dialog.get_by_label("理由").fill("相邻两人，多道同错。")
    dialog.get_by_role("button", name="交人核查").click()
    head.get_by_text("已交 林涛 核查").wait_for()
    head.get_by_text("只有核查人能打开两份答卷。").first.wait_for()

    with hall.platform.uow.read() as session:
        [case] = session.query(SimilarityCase).all()
        assert {case.attempt_a, case.attempt_b} == {source, copier}
        case_id = case.id
    stranger = sign_in("other", f"/analysis?case={case_id}")
    stranger.get_by_role("alert").wait_for()
    assert stranger.locator("table").count() == 0

    clerk = sign_in("clerk")
    clerk.get_by_role("link", name=re.compile("^打开两份答卷")).click()
    items = clerk.locator(".papers tbody tr:not(.stem)")
    items.first.wait_for()
    assert items.count() == 50
    clerk.get_by_role("button", name=re.compile("^同错")).click()
    assert items.count() >= 1
    assert_fit_for_everybody(clerk)
    clerk.get_by_role("button", name="移交处理").click()
    dialog = clerk.get_by_role("dialog")
    dialog.get_by_label("理由").fill("同错题先后一致，监考员也有记录。")
    dialog.get_by_role("button", name="记录结论").click()
    clerk.get_by_text("结论已记录").wait_for()
    with hall.platform.uow.read() as session:
        case = session.get_one(SimilarityCase, case_id)
        assert (case.state, case.conclusion) == ("closed", "referred")
        # nothing is voided by a number, nor by this conclusion
        assert {session.get_one(Attempt, each).state for each in (source, copier)} == {"submitted"}
