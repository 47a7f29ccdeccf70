"""`mingyuan analyse sitting`: one JSON object, a PDF beside it, nothing secret without a log-in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

import server.cli.context
from itembank.models import ItemStatistics
from scoring.mark_schemes import ensure_mark_scheme
from server.cli.analyse import app
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.settings import Settings
from server.webkit.platform import Platform
from tests.factories.accounts import PASSWORD, an_account
from tests.factories.analysis import TOO_EASY, a_sat_hall


@pytest.fixture
def database(sqlite_database):
    """The services behind it are tested on both."""
    return sqlite_database


@pytest.fixture
def mingyuan(uow, vault, tmp_path, monkeypatch):
    platform = Platform(Settings(data=tmp_path), uow.clock, uow.database, uow.bus, vault)
    monkeypatch.setattr(server.cli.context, "open_platform", lambda _data, **_how: platform)
    monkeypatch.setenv("MINGYUAN_STAFF_PASSWORD", PASSWORD)

    def run(*arguments):
        done = CliRunner().invoke(app, ["sitting", *(str(each) for each in arguments), "--json"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, json.loads(done.stdout) if done.stdout else json.loads(done.stderr.splitlines()[-1])

    return run


@pytest.fixture
def halls(uow, vault):
    with uow() as work:
        an_account(work.session, [Role.OFFICE_HEAD], "zhuren")
        an_account(work.session, [Role.EXAM_CLERK], "kaowu")
        first = a_sat_hall(work.session, vault, rooms=2)
        second = a_sat_hall(work.session, vault, rooms=2, seed=2, bank=first.bank, starts_later=timedelta(days=7))
        for hall in (first, second):
            ensure_mark_scheme(work, vault, hall.paper_id, SYSTEM)
    return first, second


def test_one_sitting_is_analysed_stored_and_printed(mingyuan, halls, tmp_path, uow):
    code, answer = mingyuan(halls[0].id, "--report", tmp_path / "a.pdf")
    assert (code, answer["candidates"], len(answer["items"]), answer["flagged_pairs"]) == (0, 60, 50, 1)
    assert (tmp_path / "a.pdf").read_bytes()[:5] == b"%PDF-"
    easy = next(line for line in answer["items"] if line["item_version_id"] == halls[0].bank.versions[TOO_EASY])
    assert easy["figures"]["p"] > 0.95
    again = mingyuan(halls[0].id)[1]
    assert (again["digest"], again["is_new"]) == (answer["digest"], False)
    with uow.read() as session:
        assert session.scalar(select(func.count()).select_from(ItemStatistics)) == 50


def test_without_a_log_in_there_are_no_pairs_and_no_abilities(mingyuan, halls):
    anybody = mingyuan(halls[0].id)[1]
    assert "pairs" not in anybody["similarity"]
    assert not {"abilities", "behaviour"} & set(anybody)
    head = mingyuan(halls[0].id, "--login", "zhuren")[1]
    assert {head["similarity"]["pairs"][0]["a"], head["similarity"]["pairs"][0]["b"]} == set(halls[0].copied[0])
    assert mingyuan(halls[0].id, "--login", "kaowu")[1]["code"] == "FORBIDDEN"


def test_several_sittings_together_show_drift_and_are_stored_nowhere(mingyuan, halls, uow):
    code, answer = mingyuan(halls[0].id, halls[1].id)
    assert (code, answer["candidates"], len(answer["drift"])) == (0, 120, 50)
    assert all(len(each["p_by_sitting"]) == 2 for each in answer["drift"])
    with uow.read() as session:
        assert session.scalar(select(func.count()).select_from(ItemStatistics)) == 0


def test_a_sitting_that_does_not_exist_is_refused(mingyuan, halls):
    assert mingyuan("nothing")[1]["code"] == "SITTING_NOT_FOUND"
