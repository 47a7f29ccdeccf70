"""`mingyuan score` and `mingyuan results`: one JSON object, exit codes scripts can use, two people at the console."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

import server.cli.context
from scoring.models import AttemptScore
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from server.accounts.models import StaffSession
from server.cli import results, score
from server.core.permissions import Role
from server.settings import Settings
from server.webkit.platform import Platform
from tests.factories.accounts import PASSWORD, an_account
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting


@pytest.fixture
def sat(uow, vault):
    with uow() as work:
        an_account(work.session, [Role.EXAM_CLERK], "kaowu")
        an_account(work.session, [Role.OFFICE_HEAD], "zhuren")
        an_account(work.session, [Role.EXAM_CLERK, Role.OFFICE_HEAD], "liangyong")
        return a_sat_sitting(work.session, vault, [ALL_RIGHT, {}, None])


@pytest.fixture
def mingyuan(uow, vault, tmp_path, monkeypatch):
    settings = Settings(data=tmp_path, certification_folder=tmp_path / "certification")
    platform = Platform(settings, uow.clock, uow.database, uow.bus, vault)
    monkeypatch.setattr(server.cli.context, "open_platform", lambda _data, **_how: platform)
    monkeypatch.setenv("MINGYUAN_STAFF_PASSWORD", PASSWORD)

    def run(app, *arguments):
        done = CliRunner().invoke(app, [*arguments, "--json"])
        return done.exit_code, json.loads(done.stdout) if done.stdout else json.loads(done.stderr)

    return run


def test_a_whole_hand_over_on_the_command_line(mingyuan, sat, tmp_path):
    assert mingyuan(score.app, "run") == (0, {"settled": 3, "scored": 2, "refused": []})
    assert mingyuan(results.app, "confirm", sat.id, "--login", "kaowu")[1]["confirmed"] == 3
    assert mingyuan(results.app, "release", sat.id, "--login", "zhuren")[1]["released"] == 3
    code, made = mingyuan(results.app, "export", sat.id, "--login", "kaowu", "--out", str(tmp_path / "a.xlsx"))
    assert (code, made["results"]) == (0, 3)
    assert (tmp_path / "a.xlsx").read_bytes()[:2] == b"PK"
    code, answer = mingyuan(results.app, "deliver")
    assert (code, answer["delivered"], answer["outbox"]) == (0, 3, {"waiting": 0, "delivered": 3, "dead": 0})
    assert mingyuan(results.app, "status")[1]["sittings"][0]["delivered"] == 3
    verdict = mingyuan(score.app, "--verify")
    assert verdict == (0, {"attempts": 2, "equal": 2, "different": 0, "differences": []})


def test_verify_ends_with_status_2_when_a_score_differs(mingyuan, sat, uow, vault):
    score_sitting(uow, vault)
    with uow() as work:
        work.session.scalars(select(AttemptScore).limit(1)).one().score += 1
    code, answer = mingyuan(score.app, "--verify")
    assert (code, answer["different"], answer["differences"][0]["code"]) == (2, 1, "SCORE_DIFFERS")


def test_one_person_with_two_roles_is_still_one_person(mingyuan, sat, uow, vault):
    score_sitting(uow, vault)
    assert mingyuan(results.app, "confirm", sat.id, "--login", "liangyong")[0] == 0
    code, refusal = mingyuan(results.app, "release", sat.id, "--login", "liangyong")
    assert (code, refusal["code"]) == (1, "SECOND_PERSON_REQUIRED")


def test_a_wrong_password_or_role_is_refused_and_no_log_in_stays_open(mingyuan, sat, uow, monkeypatch):
    code, refusal = mingyuan(results.app, "release", sat.id, "--login", "kaowu")
    assert (code, refusal["code"]) == (1, "FORBIDDEN")
    monkeypatch.setenv("MINGYUAN_STAFF_PASSWORD", "wrong")
    assert mingyuan(results.app, "release", sat.id, "--login", "zhuren")[1]["code"] == "NAME_OR_PASSWORD_WRONG"
    with uow.read() as session:
        assert list(session.scalars(select(StaffSession).where(StaffSession.ended_at.is_(None)))) == []


def test_delivering_without_an_address_says_what_to_do(mingyuan, sat, uow, vault, tmp_path, monkeypatch):
    bare = Platform(Settings(data=tmp_path), uow.clock, uow.database, uow.bus, vault)
    monkeypatch.setattr(server.cli.context, "open_platform", lambda _data, **_how: bare)
    assert mingyuan(results.app, "deliver")[1]["code"] == "NO_CERTIFICATION_ADDRESS"


def test_what_is_still_waiting_ends_deliver_with_status_2(mingyuan, sat, uow, vault, tmp_path, clerk, office_head):
    score_sitting(uow, vault)
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)
    (tmp_path / "certification").write_text("not a folder")
    code, answer = mingyuan(results.app, "deliver")
    assert (code, answer["failed"], answer["outbox"]["waiting"]) == (2, 3, 3)
