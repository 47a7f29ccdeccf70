"""The readiness list on the office's page, in Chromium before a real server: calm, ordered, for those it concerns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from server.accounts.services.create_account import create_account
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.rehearsal.server_process import ServerProcess
from tests.support.live_server import open_platform
from tests.support.processes import find_free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "six brown horses on a roof"
PEOPLE = {"kaowu": Role.EXAM_CLERK, "sys": Role.SYSADMIN, "dudao": Role.SUPERVISOR}


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("ready")
    server = ServerProcess(folder, "127.0.0.1", find_free_port())
    server.start()
    platform = open_platform(folder)
    for login_name, role in PEOPLE.items():
        create_account(platform.uow, login_name, login_name, [role], PASSWORD, SYSTEM)
    platform.database.dispose()
    yield server.base_url
    server.stop()


def enter(page: Page, base_url: str, login_name: str) -> None:
    page.goto(f"{base_url}/staff?next=/office")
    page.get_by_label("账号").fill(login_name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_role("button", name="退出登录").wait_for()
    if not page.url.endswith("/office"):
        page.goto(f"{base_url}/office")


@pytest.mark.parametrize("login_name", ["kaowu", "sys"])
def test_what_blocks_comes_first_with_a_word_and_what_to_do(page: Page, base_url: str, login_name: str) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    enter(page, base_url, login_name)
    if login_name == "kaowu":
        page.get_by_role("button", name="考前体检").press("Enter")
    region = page.get_by_role("region", name="考前体检")
    region.wait_for()
    assert "必须先解决" in page.get_by_role("status").inner_text()
    rows = region.locator("tbody tr")
    states = [text.split()[-1] for text in rows.locator("td.state").all_inner_texts()]
    assert states[0] == "阻断"
    assert states == sorted(states, key=["阻断", "注意", "正常", "说明"].index)
    first = region.locator("tr[data-code=BACKUP]")
    assert "还没有任何备份" in first.inner_text()
    assert "mingyuan backup" in first.inner_text()
    page.get_by_role("button", name="重新检查").click()
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}]
    assert found == []
    assert complaints == []
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"readiness-{login_name}.png"), full_page=True)


def test_who_only_reads_sittings_is_not_offered_the_list(page: Page, base_url: str) -> None:
    enter(page, base_url, "dudao")
    page.get_by_role("heading", level=1).wait_for()
    assert page.get_by_role("button", name="考前体检").count() == 0
