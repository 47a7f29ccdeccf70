"""A set-up code over HTTP: the first account of all, and one's own password (checklist A2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import server.accounts.views
from server.accounts.queries import find_account
from server.accounts.services.create_account import create_account
from server.accounts.services.issue_setup_code import issue_setup_code
from server.adapters.throttle import InMemoryThrottle
from server.adapters.vault import Vault
from server.cli.serve import tell_first_start
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.webkit import error_replies
from server.webkit.platform import Platform

PASSWORD = "six brown horses on a roof"


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """One engine: the services are tested on both."""
    return sqlite_database


@pytest.fixture
def platform(uow: UnitOfWork, vault: Vault, tmp_path: Path) -> Platform:
    return Platform(Settings(data=tmp_path), uow.clock, uow.database, uow.bus, vault)


class Page:
    """The set-up page's two requests."""

    def __init__(self, platform: Platform) -> None:
        app = Flask("server")
        app.extensions["mingyuan"] = platform
        error_replies.register(app)
        server.accounts.views.register(app, platform, InMemoryThrottle(platform.clock))
        self.client = app.test_client()

    def look_up(self, code: str, **headers: str) -> TestResponse:
        return self.client.post("/api/staff/setup-code", json={"code": code}, headers=headers)

    def set_up(self, code: str, **more: Any) -> TestResponse:
        return self.client.post("/api/staff/setup", json={"code": code, "password": PASSWORD, **more})


@pytest.fixture
def page(platform: Platform) -> Page:
    return Page(platform)


def code_of(reply: TestResponse) -> tuple[int, str]:
    return reply.status_code, reply.json["code"]


def test_the_first_code_makes_the_first_system_administrator_once(page: Page, platform: Platform) -> None:
    code = issue_setup_code(platform.uow)
    assert page.look_up(code).json == {"is_first": True, "login_name": "", "display_name": ""}
    made = page.set_up(code, login_name="Zhou", display_name="周敏")
    assert made.json == {"login_name": "zhou", "display_name": "周敏", "roles": ["sysadmin"]}
    assert code_of(page.set_up(code, login_name="li", display_name="李")) == (410, "SETUP_DONE")
    assert code_of(page.look_up(code)) == (410, "SETUP_DONE")
    signed_in = page.client.post("/api/staff/sign-in", json={"login_name": "zhou", "password": PASSWORD})
    assert signed_in.json["account"]["roles"] == ["sysadmin"]


def test_a_first_code_is_over_when_an_account_came_about_otherwise(page: Page, platform: Platform) -> None:
    code = issue_setup_code(platform.uow)
    create_account(platform.uow, "zhou", "周敏", [Role.SYSADMIN], PASSWORD, SYSTEM)
    assert code_of(page.look_up(code)) == (410, "SETUP_DONE")
    assert code_of(page.set_up(code, login_name="li", display_name="李")) == (410, "SETUP_DONE")
    with platform.uow.read() as session:
        assert find_account(session, "li") is None


def test_a_new_colleague_chooses_a_password_and_nothing_else(page: Page, platform: Platform) -> None:
    account = create_account(platform.uow, "kaowu", "钱晓芸", [Role.EXAM_CLERK], None, SYSTEM)
    code = issue_setup_code(platform.uow, account.id)
    assert page.look_up(code.lower()).json == {"is_first": False, "login_name": "kaowu", "display_name": "钱晓芸"}
    made = page.set_up(code, login_name="boss", display_name="Boss")
    assert made.json == {"login_name": "kaowu", "display_name": "钱晓芸", "roles": ["exam_clerk"]}


@pytest.mark.parametrize(
    ("password", "code"),
    [("short", "PASSWORD_TOO_SHORT"), ("password123", "PASSWORD_TOO_COMMON"), ("x" * 2000, "PASSWORD_TOO_LONG")],
)
def test_a_refused_password_does_not_use_up_the_code(page: Page, platform: Platform, password: str, code: str) -> None:
    setup_code = issue_setup_code(platform.uow)
    names = {"login_name": "zhou", "display_name": "周敏"}
    refused = page.set_up(setup_code, password=password, **names)
    assert code_of(refused) == (422, code)
    assert refused.json["message_zh"]
    assert page.set_up(setup_code, **names).status_code == 200


def test_guessing_is_slowed_down_and_another_site_may_not_ask(page: Page, platform: Platform) -> None:
    issue_setup_code(platform.uow)
    assert code_of(page.look_up("AAAAA-BBBBB", Origin="http://evil.example")) == (403, "CSRF")
    answers = [code_of(page.look_up(f"AAAAA-BBBBB-{n}")) for n in range(16)]
    assert answers[:15] == [(401, "SETUP_CODE_WRONG")] * 15
    assert answers[15] == (429, "TOO_MANY_ATTEMPTS")


def test_the_first_start_prints_the_code_and_later_ones_are_silent(
    page: Page, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_first_start(platform, "0.0.0.0", 8600)
    said = capsys.readouterr().out
    assert "http://127.0.0.1:8600/setup" in said
    assert "首次启动" in said
    assert "First start" in said
    code = said.strip().splitlines()[-1].strip()
    assert page.set_up(code, login_name="zhou", display_name="周敏").status_code == 200
    tell_first_start(platform, "0.0.0.0", 8600)
    assert capsys.readouterr().out == ""
