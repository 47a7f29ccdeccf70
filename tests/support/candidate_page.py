"""A candidate at a real browser: finds things as a person does, by their words."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from server.scheduling.services.issue_tickets import IssuedTicket
from tests.support.live_exam import LiveExam

SAVED = re.compile(r"已保存到服务器 \d\d:\d\d:\d\d")
expect.set_options(timeout=15_000)
#: findings a person is stopped by; the rest are advice
GRAVE = {"serious", "critical"}


class CandidateAtBrowser:
    """One browser profile with one page, watched for errors and for anything asked of another host."""

    def __init__(
        self, browser: Browser, exam: LiveExam, ticket: IssuedTicket, width: int = 1366, height: int = 768
    ) -> None:
        self.exam, self.ticket = exam, ticket
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="America/New_York"
        )
        self.context.set_default_timeout(20_000)
        self.faults: list[str] = []
        self.page = self.open_page()

    def open_page(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console", lambda line: self.faults.append(line.text) if "Content Security Policy" in line.text else None
        )
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((self.exam.url, "data:")) else self.faults.append(asked.url),
        )
        return page

    def close(self) -> None:
        self.context.close()

    # ── the way in ───────────────────────────────────────────────────────────────────────────────────────────────

    def sign_in(self) -> None:
        self.page.goto(f"{self.exam.url}/?seat={self.ticket.seat_number}")
        self.page.get_by_label("准考证号").fill(self.ticket.number)
        self.page.get_by_label("密码").fill(self.ticket.pin)
        self.page.get_by_role("button", name="登录", exact=True).click()
        expect(self.heading("请核对您的信息")).to_be_visible()

    def confirm_all(self) -> None:
        self.press("信息无误")
        self.page.get_by_label("我已阅读并遵守以上规定").check()
        self.press("确认，继续")

    def begin(self) -> None:
        """Sign in and go on until the first question is there."""
        self.sign_in()
        self.confirm_all()
        skip = self.page.get_by_role("button", name="跳过练习")
        question = self.page.locator(".frame fieldset.item")
        expect(skip.or_(question).or_(self.page.get_by_role("timer")).first).to_be_visible()
        if skip.is_visible():
            skip.click()
        self.await_question()

    def await_question(self) -> None:
        expect(self.page.locator(".frame fieldset.item")).to_be_visible(timeout=40_000)

    # ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def heading(self, text: str) -> Locator:
        return self.page.get_by_role("heading", name=text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def key(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def await_saved(self) -> None:
        expect(self.save_state).to_have_text(SAVED, timeout=30_000)

    # ── seeing ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def save_state(self) -> Locator:
        return self.page.get_by_test_id("save-state")

    def question(self) -> str:
        """The opaque ref of the question on the screen."""
        return self.page.locator("fieldset.item").get_attribute("data-item") or ""

    def chosen(self) -> list[int]:
        """Places of the chosen options."""
        boxes = self.page.locator("fieldset.item input")
        return [place for place in range(boxes.count()) if boxes.nth(place).is_checked()]

    def kept_entries(self) -> list[dict[str, object]]:
        """What the browser's own journal holds."""
        entries: list[dict[str, object]] = self.page.evaluate(
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

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))

    def grave_findings(self) -> list[str]:
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in GRAVE]
