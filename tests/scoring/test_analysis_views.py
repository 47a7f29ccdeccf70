"""Analyses over HTTP: who sees what, nothing early, no text and no key for the wrong role."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

import scoring.analysis_views
from scoring.mark_schemes import ensure_mark_scheme
from scoring.services.analyse_sitting import analyse_sitting
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from server.core.actor import SYSTEM
from server.core.bus import InProcessBus
from server.core.permissions import Role
from server.settings import Settings
from server.storage.unit_of_work import UnitOfWork
from server.webkit import error_replies
from server.webkit.guards import POLICY, register_loader
from server.webkit.platform import Platform
from tests.factories.accounts import an_account, an_actor
from tests.factories.analysis import WRONG_KEY, a_sat_hall

BASE = "/api/analysis"
TEXT_MARK = "模拟试题，仅供演示"


@pytest.fixture
def database(sqlite_database):
    """The use cases behind the addresses are tested on both; `test_the_pages_on_postgresql` asks every address there once."""
    return sqlite_database


class World:
    """One analysed hall of sixty, its people, and a way to ask."""

    def __init__(self, uow, vault, folder) -> None:
        self.uow, self.vault, self.actor = uow, vault, None
        with uow() as work:
            self.hall = a_sat_hall(work.session, vault, rooms=2)
            self.people = {
                role: an_actor(an_account(work.session, [role], display_name=role.value))
                for role in (Role.OFFICE_HEAD, Role.SITE_HEAD, Role.EXAM_CLERK, Role.BANK_KEEPER, Role.PROCTOR)
            }
        with uow() as work:
            ensure_mark_scheme(work, vault, self.hall.paper_id, SYSTEM)
        score_sitting(uow, vault, self.hall.id)
        platform = Platform(Settings(data=folder), uow.clock, uow.database, uow.bus, vault)
        self.app = Flask("analysis")
        self.app.extensions["mingyuan"] = platform
        error_replies.register(self.app)
        register_loader(self.app, "/api/", lambda: ([self.actor], "csrf") if self.actor else None)
        scoring.analysis_views.register(self.app, platform)

    @property
    def sitting(self) -> str:
        return f"{BASE}/sittings/{self.hall.id}"

    def analyse(self) -> None:
        analyse_sitting(self.uow, self.vault, self.hall.id, self.people[Role.OFFICE_HEAD])

    def ask(self, role: Role, method: str, path: str, **more):
        self.actor = self.people[role]
        return self.app.test_client().open(path, method=method, headers={"X-CSRF-Token": "csrf"}, **more)

    def get(self, role: Role, path: str):
        reply = self.ask(role, "GET", path)
        assert reply.status_code == 200, reply.json
        return reply.json


@pytest.fixture
def world(uow, vault, tmp_path):
    return World(uow, vault, tmp_path)


@pytest.fixture
def analysed(world):
    world.analyse()
    return world


def test_every_address_says_who_may_call_it(world):
    ours = [rule for rule in world.app.url_map.iter_rules() if rule.endpoint.startswith("analysis.")]
    assert len(ours) == 12
    assert all(hasattr(world.app.view_functions[rule.endpoint], POLICY) for rule in ours)


def test_a_started_analysis_goes_on_beside_the_serving_and_is_done(world):
    (line,) = world.get(Role.OFFICE_HEAD, f"{BASE}/sittings")["sittings"]
    assert (line["state"], line["candidates"], line["unfinished"]) == ("ready", 60, 0)
    reply = world.ask(Role.OFFICE_HEAD, "POST", f"{world.sitting}/start", json={})
    assert (reply.status_code, reply.json["state"]) == (200, "running")
    for thread in threading.enumerate():
        if thread.name.startswith("analysis "):
            thread.join(60)
    (line,) = world.get(Role.OFFICE_HEAD, f"{BASE}/sittings")["sittings"]
    assert (line["state"], line["progress"], line["flagged_pairs"], line["open_cases"]) == ("done", None, 1, 0)
    assert line["made_by"] == "office_head"


def test_before_the_first_analysis_the_pages_say_so(world):
    for path in (world.sitting, f"{world.sitting}/similarity", f"{world.sitting}/report.pdf"):
        reply = world.ask(Role.OFFICE_HEAD, "GET", path)
        assert (reply.status_code, reply.json["code"]) == (404, "NOT_ANALYSED")


def test_the_score_distribution_waits_until_this_role_may_see_scores(analysed):
    world = analysed
    clerk, head = world.people[Role.EXAM_CLERK], world.people[Role.OFFICE_HEAD]
    page = world.get(Role.OFFICE_HEAD, world.sitting)  # scored, not confirmed
    assert (page["distribution"], page["distribution_hidden"], page["abilities"]) == (None, True, None)
    assert len(page["items"]) == 50
    confirm_results(world.uow, world.hall.id, clerk)
    page = world.get(Role.OFFICE_HEAD, world.sitting)
    assert sum(bar["count"] for bar in page["distribution"]["bars"]) == 60
    release_results(world.uow, world.hall.id, head)
    page = world.get(Role.BANK_KEEPER, world.sitting)  # never: the bank has no business with scores
    assert (page["distribution"], page["distribution_hidden"]) == (None, True)


def test_texts_of_items_are_for_the_bank_alone(analysed):
    path = f"{BASE}/items/{analysed.hall.bank.versions[WRONG_KEY]}"
    keeper, head = analysed.get(Role.BANK_KEEPER, path), analysed.get(Role.OFFICE_HEAD, path)
    assert TEXT_MARK in keeper["text"]["stem"]
    assert [option["is_key"] for option in keeper["text"]["options"]].count(True) == 1
    assert (head["text"], head["text_hidden"]) == (None, True)
    assert head["pooled"] == keeper["pooled"]
    assert keeper["pooled"]["n"] == 60
    assert len(keeper["history"]) == 1
    assert sum(point["n"] for point in keeper["history"][0]["curve"]) == 60
    assert 0 < keeper["difficulty"]["weight"] < 1


def test_nobody_but_the_reviewer_reads_the_two_papers_and_no_list_holds_names_or_texts(analysed):
    world = analysed
    page = world.get(Role.OFFICE_HEAD, f"{world.sitting}/similarity")
    pair = page["pairs"][0]
    assert {pair["a"], pair["b"]} == set(world.hall.copied[0])
    assert (pair["flagged_by"], pair["seat_distance"], page["flagged"]) == (["content"], 1.0, 1)
    assert [sum(seat["pairs"] for seat in room["seats"]) for room in page["rooms"]] == [2, 0]
    assert "考生1-" not in str(page)
    clerk = next(each for each in page["reviewers"] if each["role"] == "exam_clerk")
    sent = {"a": pair["a"], "b": pair["b"], "reviewer_id": clerk["account_id"], "reason": "邻座，同错多"}
    case = world.ask(Role.OFFICE_HEAD, "POST", f"{world.sitting}/open-case", json=sent).json
    assert (case["state"], case["reviewer"], case["is_mine"]) == ("open", "exam_clerk", False)
    for role in (Role.OFFICE_HEAD, Role.SITE_HEAD):
        assert world.ask(role, "GET", f"{BASE}/cases/{case['id']}").json["code"] == "CASE_NOT_FOUND"
    assert [each["id"] for each in world.get(Role.EXAM_CLERK, f"{BASE}/cases")["cases"]] == [case["id"]]
    assert world.get(Role.SITE_HEAD, f"{BASE}/cases")["cases"] == []
    papers = world.get(Role.EXAM_CLERK, f"{BASE}/cases/{case['id']}")
    assert (papers["a_name"][:3], papers["key_hidden"]) == ("考生1", False)
    assert TEXT_MARK in papers["items"][0]["stem"]
    assert [step["action"] for step in papers["steps"]] == ["analysis.case.opened", "analysis.case.begun"]
    closed = world.ask(
        Role.EXAM_CLERK,
        "POST",
        f"{BASE}/cases/{case['id']}/decide",
        json={"conclusion": "no_finding", "reason": "座位相隔过道"},
    ).json
    assert (closed["state"], closed["conclusion"]) == ("closed", "no_finding")


def test_proctors_and_candidates_get_nothing(analysed):
    for path in (
        "sittings",
        "proposals",
        "cases",
        f"sittings/{analysed.hall.id}",
        f"sittings/{analysed.hall.id}/similarity",
    ):
        assert analysed.ask(Role.PROCTOR, "GET", f"{BASE}/{path}").status_code == 403
    assert analysed.ask(Role.BANK_KEEPER, "GET", f"{analysed.sitting}/similarity").status_code == 403


def test_an_analysis_is_out_of_date_after_a_corrected_key(analysed):
    from scoring.domain.mark_scheme import DecisionKind
    from scoring.services.correct_key import KeyCorrection, approve_mark_scheme, propose_key_correction

    world = analysed
    version = world.hall.bank.versions[WRONG_KEY]
    correction = KeyCorrection(DecisionKind.FULL_CREDIT_ALL, version)
    row = propose_key_correction(
        world.uow, world.vault, world.hall.paper_id, correction, "答案有误", world.people[Role.EXAM_CLERK]
    )
    approve_mark_scheme(world.uow, row.id, world.people[Role.OFFICE_HEAD])
    (line,) = world.get(Role.OFFICE_HEAD, f"{BASE}/sittings")["sittings"]
    assert line["state"] == "outdated"
    world.analyse()
    page = world.get(Role.OFFICE_HEAD, world.sitting)
    assert page["sitting"]["state"] == "done"
    assert version not in {item["item_version_id"] for item in page["items"]}
    assert "未作分析" in page["notices"][-1]


def test_the_printed_report_is_a_pdf_without_names_and_is_on_record(analysed):
    reply = analysed.ask(Role.OFFICE_HEAD, "GET", f"{analysed.sitting}/report.pdf")
    assert reply.data[:5] == b"%PDF-"
    assert reply.headers["Content-Disposition"].startswith("attachment; filename=analysis-")
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.postgres
def test_the_pages_on_postgresql(postgres_database, vault, clock, tmp_path):
    world = World(UnitOfWork(postgres_database, InProcessBus(), clock), vault, tmp_path)
    world.analyse()
    a, b = world.hall.copied[0]
    sent = {"a": a, "b": b, "reviewer_id": world.people[Role.EXAM_CLERK].id, "reason": "邻座"}
    case = world.ask(Role.OFFICE_HEAD, "POST", f"{world.sitting}/open-case", json=sent).json
    for path in (
        f"{BASE}/sittings", world.sitting, f"{world.sitting}/similarity", f"{BASE}/proposals", f"{BASE}/cases",
        f"{BASE}/items/{world.hall.bank.versions[0]}",
    ):  # fmt: skip
        world.get(Role.OFFICE_HEAD, path)
    assert len(world.get(Role.EXAM_CLERK, f"{BASE}/cases/{case['id']}")["items"]) == 50
    assert world.ask(Role.OFFICE_HEAD, "GET", f"{world.sitting}/report.pdf").data[:5] == b"%PDF-"
