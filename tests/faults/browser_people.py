"""Candidates at real browsers for fault runs: small acts by the words on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright

from server.scheduling.services.issue_tickets import IssuedTicket
from tests.faults.registry import FaultCase, NotRunHere
from tests.support import chromium
from tests.support.live_server import LiveServer, live_server

SAVED = re.compile(r"已保存到服务器 \d\d:\d\d:\d\d")
PATIENCE_MS = 40_000


@contextmanager
def browser_exam(case: FaultCase, name: str, candidates: int) -> Iterator[tuple[LiveServer, Playwright]]:
    """A started exam of one process on SQLite, and a driver for browsers."""
    if chromium.find_chromium() is None:
        raise NotRunHere("Chromium is not installed")
    with (
        sync_playwright() as playwright,
        live_server(
            case.folder / name,
            candidates=max(2, candidates + candidates % 2),
            before_start=timedelta(seconds=5),
            duration=timedelta(minutes=80),
            profile={"late_entry_within": timedelta(minutes=79)},
        ) as exam,
    ):
        exam.pass_gates()
        yield exam, playwright


def sign_in(page: Page, exam: LiveServer, ticket: IssuedTicket) -> None:
    """From the address to the first screen after the log-in."""
    page.goto(f"{exam.base_url}/")
    page.get_by_label("准考证号").fill(ticket.number)
    page.get_by_label("密码").fill(ticket.pin)
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_label("密码")).to_have_count(0, timeout=PATIENCE_MS)


def begin(page: Page, exam: LiveServer, ticket: IssuedTicket) -> None:
    """Sign in and go on until the first question is there."""
    sign_in(page, exam, ticket)
    page.get_by_role("button", name="信息无误", exact=True).click()
    page.get_by_label("我已阅读并遵守以上规定").check()
    page.get_by_role("button", name="确认，继续", exact=True).click()
    await_question(page)


def await_question(page: Page) -> None:
    expect(page.locator(".frame fieldset.item")).to_be_visible(timeout=PATIENCE_MS)


def await_saved(page: Page) -> None:
    expect(page.get_by_test_id("save-state")).to_have_text(SAVED, timeout=PATIENCE_MS)


def answer_next(page: Page, count: int, letters: str) -> dict[str, list[str]]:
    """Answer the present item and the following ones; what was chosen, by opaque item."""
    chosen: dict[str, list[str]] = {}
    for turn in range(count):
        page.keyboard.press(letters[turn % len(letters)])
        item = page.locator("fieldset.item")
        chosen[item.get_attribute("data-item") or ""] = letters[turn % len(letters)].split()
        page.keyboard.press("ArrowRight")
    return chosen


def kept_entries(page: Page) -> list[dict[str, Any]]:
    """What the browser's own journal holds."""
    entries: list[dict[str, Any]] = page.evaluate(
        """() => new Promise((resolve, reject) => {
            const asked = indexedDB.open('mingyuan-candidate');
            asked.onerror = () => reject(asked.error);
            asked.onsuccess = () => {
                const all = asked.result.transaction('entries').objectStore('entries').getAll();
                all.onsuccess = () => { asked.result.close(); resolve(all.result); };
            };
        })"""
    )
    return entries


def newest(entries: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The last value of every item in a journal."""
    return {
        one["item"]: tuple(sorted(one["value"]))
        for one in sorted(entries, key=lambda entry: entry["seq"])
        if one["kind"] == "answer"
    }


def wait_for_entries(page: Page, count: int) -> list[dict[str, Any]]:
    """Until the journal on disk holds so many lines."""
    for _ in range(100):
        found = kept_entries(page)
        if len(found) >= count:
            return found
        page.wait_for_timeout(20)
    raise TimeoutError(f"{count} entries on the PC's disk")


def another_device(playwright: Playwright) -> BrowserContext:
    """A fresh PC."""
    browser = playwright.chromium.launch(executable_path=chromium.find_chromium(), args=chromium.ARGUMENTS)
    return browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
