"""From the very first start to a published sitting, in Chromium before a real server, as the people of a site would do it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from openpyxl import load_workbook

from server.accounts.services.create_account import create_account
from server.accounts.services.issue_setup_code import issue_setup_code
from server.adapters.print_fonts import find_print_fonts
from server.core.actor import SYSTEM
from server.core.errors import Unavailable
from server.core.permissions import Role
from server.rehearsal.server_process import ServerProcess
from server.webkit.platform import Platform
from tests.factories.paper_rows import a_paper_world
from tests.factories.rosters import as_xlsx, roster_rows
from tests.support.live_server import open_platform
from tests.support.processes import find_free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PASSWORD = "six brown horses on a roof"
PEOPLE = 10
CODE = re.compile(r"\b(?:[2-9A-HJ-NP-Z]{5}-){3}[2-9A-HJ-NP-Z]{5}\b")


@dataclass
class Site:
    """A server that was just installed, and the console beside it."""

    base_url: str
    log: Path
    platform: Platform

    def first_code(self) -> str:
        """The code that the server printed at its first start."""
        [code] = CODE.findall(self.log.read_text())
        return code

    def hire(self, login_name: str, name: str, role: Role) -> str:
        """What `mingyuan accounts create` does: an account, and its set-up code."""
        account = create_account(self.platform.uow, login_name, name, [role], None, SYSTEM)
        return issue_setup_code(self.platform.uow, account.id)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        find_print_fonts()
    except Unavailable:
        pytest.skip("no Chinese font on this machine")
    folder = tmp_path_factory.mktemp("site")
    server = ServerProcess(folder, "127.0.0.1", find_free_port())
    server.start()
    platform = open_platform(folder)
    try:
        yield Site(server.base_url, folder / "server.log", platform)
    finally:
        server.stop()
        platform.database.dispose()


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, browser: Browser, site: Site) -> None:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai", accept_downloads=True
        )
        context.set_default_timeout(20_000)
        self.page: Page = context.new_page()
        self.site = site
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", self._listen)

    def _listen(self, message: object) -> None:
        text = message.text  # type: ignore[attr-defined]
        if message.type == "error" and "Failed to load resource" not in text:  # type: ignore[attr-defined]
            self.troubles.append(text)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site.base_url}{path}")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def set_up(self, code: str, login_name: str = "", name: str = "") -> None:
        """Use a set-up code; the names for the first account alone."""
        self.open("/setup")
        self.page.get_by_label("一次性设置码").fill(code)
        self.button("下一步").click()
        self.page.get_by_label("密码", exact=True).wait_for()
        if login_name:
            self.page.get_by_label("账号（登录名）").fill(login_name)
            self.page.get_by_label("姓名").fill(name)
        self.page.get_by_label("密码", exact=True).fill(PASSWORD)
        self.page.get_by_label("再输一遍密码").fill(PASSWORD)
        self.button("完成设置").click()
        self.page.get_by_role("heading", name="设置完成").wait_for()

    def sign_in(self, login_name: str) -> None:
        self.open("/staff")
        self.page.get_by_label("账号").fill(login_name)
        self.page.get_by_label("密码").fill(PASSWORD)
        self.button("登录").click()
        self.button("退出登录").wait_for()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def is_next(self, step: str) -> None:
        self.page.get_by_text(f"下一步：{step}", exact=True).wait_for()

    def check_page(self) -> None:
        """No serious finding of axe; nothing scrolls sideways; no complaint of the browser."""
        found = Axe().run(self.page).response["violations"]
        serious = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert self.troubles == []


@pytest.fixture
def come(browser: Browser, site: Site) -> Iterator[object]:
    """Somebody new comes to a browser."""
    people: list[Person] = []

    def arrive() -> Person:
        people.append(Person(browser, site))
        return people[-1]

    yield arrive
    for person in people:
        person.page.context.close()


# ── the steps, in the order of the day before ────────────────────────────────────────────────────────────────────────


def make_first_account(person: Person) -> None:
    page, code = person.page, person.site.first_code()
    person.open("/setup")
    page.get_by_label("一次性设置码").fill("AAAAA-BBBBB-CCCCC-DDDDD")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("设置码不正确").wait_for()
    person.check_page()
    page.get_by_label("一次性设置码").fill(code.lower())
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="建立第一个系统管理员账号").wait_for()
    assert page.evaluate("document.activeElement.name") == "login_name"
    page.keyboard.type("admin-zhou")
    page.keyboard.press("Tab")
    page.keyboard.type("周敏")
    for password, words in (("123456", "密码至少 8 个字符"), ("password123", "太常见")):
        page.get_by_label("密码", exact=True).fill(password)
        page.get_by_label("再输一遍密码").fill(password)
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text(words).wait_for()
    person.check_page()
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_label("再输一遍密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="设置完成").wait_for()


def plan(person: Person) -> None:
    page = person.page
    person.open("/office")
    person.sees("还没有场次")
    person.button("新建场次").click()
    page.get_by_label("新考点名称").fill("第一考点")
    person.button("建立考点").click()
    person.sees("考点已建立")
    for number in (1, 2):
        page.get_by_label("考场名称").fill(f"第{number}机房")
        page.get_by_label("排数").fill("2")
        page.get_by_label("列数").fill("4")
        page.get_by_label("过道在第几列之后").fill("2")
        page.get_by_label("备用机位").fill("1")
        person.button("建立考场（8 个机位）").click()
        page.get_by_label(f"第{number}机房（7 个机位）").wait_for()
    page.get_by_label("场次名称").fill("十二月电工四级")
    page.get_by_label("职业（工种）").fill("电工")
    page.get_by_label("职业编码").fill("6-31-01-03")
    starts = person.site.platform.clock.now() + timedelta(days=30)
    page.get_by_label("开考时间（北京时间）").fill(f"{starts:%Y-%m-%d}T09:00")
    for number in (1, 2):
        page.get_by_label(f"第{number}机房（7 个机位）").check()
    person.button("建立场次").click()
    person.is_next("名单")


def upload_with_faults_then_corrected(person: Person, folder: Path) -> None:
    page = person.page
    rows = roster_rows(PEOPLE)
    rows[3][2] = str(rows[3][2])[:-1] + ("1" if str(rows[3][2])[-1] != "1" else "2")
    rows[6][0] = ""
    (folder / "错.xlsx").write_bytes(as_xlsx(rows))
    page.get_by_label("名单文件").set_input_files(folder / "错.xlsx")
    person.button("检查名单").click()
    person.sees(f"读取 {PEOPLE} 行，无误 {PEOPLE - 2} 行，有问题 2 行")
    table = page.get_by_role("table").first.inner_text()
    assert "C4" in table
    assert "ID_NUMBER_WRONG_CHECK" in table
    assert "A7" in table
    assert "填写姓名" in table
    person.check_page()
    with page.expect_download() as waiting:
        person.button("下载问题清单").click()
    report = Path(waiting.value.path()).read_text("utf-8-sig")
    assert '"4","C4","证件号码"' in report
    (folder / "对.xlsx").write_bytes(as_xlsx(roster_rows(PEOPLE)))
    page.get_by_label("名单文件").set_input_files(folder / "对.xlsx")
    person.button("检查名单").click()
    person.button(f"全部录入（{PEOPLE} 人）").click()
    person.sees(f"已录入 {PEOPLE} 人")
    person.is_next("座位")
    person.button("去办理座位").click()


def seat(person: Person) -> None:
    person.page.get_by_label("平行卷").select_option("2")
    person.button(f"编排座位（{PEOPLE} 人）").click()
    person.is_next("准考证")
    plan = person.page.get_by_role("region", name="第1机房 座位图")
    assert plan.get_by_role("listitem").count() == 8
    assert "备用" in plan.inner_text()


def print_tickets(person: Person) -> list[str]:
    """The PINs that were in the file."""
    person.button("去办理准考证").click()
    with person.page.expect_download() as waiting:
        person.button(f"生成并下载准考证（{PEOPLE} 张）").click()
    with zipfile.ZipFile(waiting.value.path()) as files:
        pdf, listing = sorted(files.namelist())
        assert files.read(pdf).startswith(b"%PDF")
        with files.open(listing) as sheet:
            rows = list(load_workbook(sheet).active.iter_rows(min_row=2, values_only=True))
    person.is_next("监考员")
    assert len(rows) == PEOPLE
    return [str(row[1]) for row in rows]


def assign_proctors(person: Person) -> None:
    page = person.page
    person.button("去办理监考员").click()
    for room, names in (("第1机房", ("周建平", "林秀兰")), ("第2机房", ("吴志强", "郑晓梅"))):
        form = page.get_by_role("form", name=room)
        for label, name in zip(("主监考", "副监考"), names, strict=True):
            choice = form.get_by_role("combobox", name=label)
            choice.select_option(choice.locator("option", has_text=name).get_attribute("value"))
        form.get_by_role("button", name="保存").click()
        person.sees(f"{room}的监考员已保存")
    person.is_next("封卷")


def seal(person: Person) -> list[str]:
    """The four secrets of two bags."""
    page = person.page
    person.open("/office")
    person.sees("没有可用的试卷")
    page.get_by_label("平行卷（份）").fill("2")
    person.button("组卷").click()
    person.sees("已组成 2 份平行卷，违反规则 0 处")
    secrets = []
    for room in ("第1机房", "第2机房"):
        person.button(f"封装 {room} 的试卷袋").click()
        page.get_by_role("heading", name=f"{room}：启封口令").wait_for()
        for whose in ("第一人（主监考）", "第二人（副监考）"):
            person.button(f"显示：{whose}").click()
            secrets.append(page.locator("output:not(.covered)").inner_text())  # one at a time
        person.check_page()
        person.button("两个口令都已分别抄好").click()
        page.get_by_role("heading", name=f"{room}：启封口令").wait_for(state="hidden")
    return secrets


def publish(person: Person) -> None:
    person.open("/office")
    person.is_next("发布")
    person.button(f"发布本场（{PEOPLE} 人）").click()
    person.button(f"确定发布（{PEOPLE} 人）").click()
    person.sees(f"已发布，{PEOPLE} 名考生已就绪")
    person.sees("六步都已办完")


def prepare_people(site: Site) -> dict[str, str]:
    """Bank, proctors, clerk and keeper; login name → set-up code."""
    a_paper_world(site.platform.database, site.platform.paper_store, vault=site.platform.vault)
    for number, name in enumerate(("周建平", "林秀兰", "吴志强", "郑晓梅")):
        site.hire(f"proctor{number}", name, Role.PROCTOR)
    return {
        "kaowu": site.hire("kaowu", "钱晓芸", Role.EXAM_CLERK),
        "tiku": site.hire("tiku", "李文博", Role.BANK_KEEPER),
    }


def test_from_the_first_start_to_a_published_sitting(site: Site, come, tmp_path: Path) -> None:
    admin = come()
    make_first_account(admin)
    admin.sign_in("admin-zhou")
    admin.sees("mingyuan accounts create")
    again = come()
    again.open("/setup")
    again.page.get_by_label("一次性设置码").fill(site.first_code())
    again.button("下一步").click()
    again.page.get_by_role("alert").get_by_text("设置已完成").wait_for()

    codes = prepare_people(site)
    clerk, keeper = come(), come()
    for person, login_name in ((clerk, "kaowu"), (keeper, "tiku")):
        person.set_up(codes[login_name])
        person.sign_in(login_name)
    plan(clerk)
    clerk.check_page()
    upload_with_faults_then_corrected(clerk, tmp_path)
    seat(clerk)
    clerk.check_page()
    pins = print_tickets(clerk)
    assert not any(pin in clerk.page.content() for pin in pins)
    assign_proctors(clerk)
    clerk.check_page()
    secrets = seal(keeper)
    assert len(set(secrets)) == 4
    assert not any(secret in keeper.page.content() for secret in secrets)
    publish(clerk)
    clerk.check_page()
    clerk.button("English").click()
    clerk.page.get_by_text("All six steps are done.").wait_for()
    for step in ("Roster", "Seats", "Tickets", "Proctors", "Bags", "Publish"):
        clerk.button(step).first.click()
        for width, height in ((683, 384), (768, 1024), (1366, 768)):  # 200 % zoom, a tablet, an office PC
            clerk.page.set_viewport_size({"width": width, "height": height})
            clerk.check_page()
    assert re.search(r"[\u4e00-\u9fff]{2}", clerk.page.locator("ol.line").inner_text()) is None
