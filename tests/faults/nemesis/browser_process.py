"""A candidate's PC: a Chromium of our own with its profile on disk, killed without warning and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, Page, Playwright
from playwright.sync_api import Error as PlaywrightError

from tests.faults.registry import NotRunHere
from tests.support import chromium
from tests.support.processes import wait_until

START_S = 30


class CandidatePc:
    """`with CandidatePc(playwright, folder) as pc: page = pc.page(); …; pc.kill(); page = pc.start()`."""

    def __init__(self, playwright: Playwright, profile: Path) -> None:
        path = chromium.find_chromium()
        if path is None:
            raise NotRunHere("Chromium is not installed")
        self._playwright, self.profile, self._path = playwright, profile, path
        self._process: subprocess.Popen[bytes] | None = None
        self._browser: Browser | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> Page:
        """Switch on with the profile as it lies there; an empty page."""
        self.profile.mkdir(parents=True, exist_ok=True)
        for left in ("DevToolsActivePort", "SingletonLock", "SingletonCookie", "SingletonSocket"):
            (self.profile / left).unlink(missing_ok=True)
        arguments = [
            self._path, *chromium.ARGUMENTS, "--headless=new", "--remote-debugging-port=0", "--lang=zh-CN",
            "--window-size=1366,768", "--hide-crash-restore-bubble", f"--user-data-dir={self.profile}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        port_file = self.profile / "DevToolsActivePort"
        wait_until(lambda: port_file.exists() and "\n" in port_file.read_text(), seconds=START_S, what="a browser")
        port = port_file.read_text().splitlines()[0]
        self._browser = self._playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        return self.page()

    def page(self) -> Page:
        """The one page of the profile."""
        assert self._browser is not None
        context = self._browser.contexts[0]
        context.set_default_timeout(30_000)
        return context.pages[0] if context.pages else context.new_page()

    def kill(self) -> None:
        """SIGKILL to the browser and everything it started; no last words, nothing written any more."""
        process, self._process = self._process, None
        if process is None:
            return
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        browser, self._browser = self._browser, None
        if browser is not None:
            with contextlib.suppress(PlaywrightError):  # it is gone already: that was the point
                browser.close()
        time.sleep(0.05)

    def wait_until_kept(self, host: str, seconds: float = 60) -> None:
        """A browser writes cookies down every half minute; a candidate has been sitting for longer when a PC dies."""
        cookies = self.profile / "Default" / "Cookies"
        candidates = [cookies, self.profile / "Default" / "Network" / "Cookies"]

        def is_kept() -> bool:
            return any(path.exists() and host.encode() in _bytes_of(path) for path in candidates)

        wait_until(is_kept, seconds=seconds, what="the log-in on disk", every=0.2)


def _bytes_of(path: Path) -> bytes:
    journal = path.with_name(f"{path.name}-wal")
    return path.read_bytes() + (journal.read_bytes() if journal.exists() else b"")
