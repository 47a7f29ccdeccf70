"""Results over HTTP: who gets what, and nothing early (B1, B8)."""

from __future__ import annotations

import pytest
from flask import Flask

import scoring.views
from scoring.services.score_sitting import score_sitting
from server.core.actor import Actor
from server.core.permissions import Role
from server.settings import Settings
from server.webkit import error_replies
from server.webkit.guards import POLICY, register_loader
from server.webkit.platform import Platform
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting

BASE = "/api/results/sittings"


class Door:
    """Whoever `actor` is, is signed in."""

    def __init__(self) -> None:
        self.actor: Actor | None = None

    def load(self):
        return ([self.actor], "csrf") if self.actor else None


@pytest.fixture
def door():
    return Door()


@pytest.fixture
def app(uow, vault, door, tmp_path):
    platform = Platform(Settings(data=tmp_path), uow.clock, uow.database, uow.bus, vault)
    app = Flask("results")
    app.extensions["mingyuan"] = platform
    error_replies.register(app)
    register_loader(app, "/api/", door.load)
    scoring.views.register(app, platform)
    return app


@pytest.fixture
def ask(app, door):
    client = app.test_client()

    def send(actor: Actor, method: str, path: str, **more):
        door.actor = actor
        return client.open(path, method=method, headers={"X-CSRF-Token": "csrf"}, **more)

    return send


@pytest.fixture
def sat(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, {0: frozenset("B")}, None])
    score_sitting(uow, vault, sat.id)
    return sat


def test_every_address_says_who_may_call_it(app):
    ours = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("results.")]
    assert len(ours) == 7
    assert all(hasattr(app.view_functions[rule.endpoint], POLICY) for rule in ours)


def test_an_exam_day_ends_with_confirm_release_and_files(ask, sat, clerk, office_head):
    assert ask(clerk, "POST", f"{BASE}/{sat.id}/confirm", json={}).json["confirmed"] == 3
    assert ask(office_head, "POST", f"{BASE}/{sat.id}/release", json={}).json["released"] == 3
    rows = ask(clerk, "GET", f"{BASE}/{sat.id}").json["rows"]
    assert [(row["score"], row["passed"], row["attendance"]) for row in rows] == [
        ("100.00", True, "taken"),
        ("25.00", False, "taken"),
        (None, None, "absent"),
    ]
    assert all("*" in row["id_number_masked"] for row in rows)
    (counts,) = ask(clerk, "GET", BASE).json["sittings"]
    assert counts["by_state"] == {"released": 3}
    xlsx = ask(clerk, "GET", f"{BASE}/{sat.id}/export.xlsx")
    assert xlsx.data[:2] == b"PK"
    assert xlsx.headers["Content-Disposition"].startswith("attachment")
    assert xlsx.headers["Cache-Control"] == "no-store"
    assert xlsx.headers["X-Content-Type-Options"] == "nosniff"
    assert ask(clerk, "GET", f"{BASE}/{sat.id}/package.json").json["body"]["count"] == 3


def test_before_the_release_every_channel_refuses(ask, sat, clerk, proctor):
    candidate = Actor(sat.attempts[0].id, Role.CANDIDATE, "考生")
    for actor in (proctor, candidate):
        for path in (BASE, f"{BASE}/{sat.id}", f"{BASE}/{sat.id}/export.xlsx", f"{BASE}/{sat.id}/package.json"):
            assert ask(actor, "GET", path).status_code == 403
    for path in (f"{BASE}/{sat.id}/export.xlsx", f"{BASE}/{sat.id}/package.json"):
        reply = ask(clerk, "GET", path)
        assert (reply.status_code, reply.json["code"]) == (403, "NOT_PUBLISHED")
    mine = ask(candidate, "GET", "/api/candidate/result")
    assert (mine.status_code, mine.json["code"]) == (403, "NOT_PUBLISHED")


def test_a_candidate_without_a_score_gets_the_very_same_refusal(ask, sat):
    def told(n: int):
        reply = ask(Actor(sat.attempts[n].id, Role.CANDIDATE, "考生"), "GET", "/api/candidate/result")
        return {name: value for name, value in reply.json.items() if name != "request_id"}

    assert told(0) == told(2)


def test_unknown_fields_and_missing_tokens_are_refused(ask, app, door, sat, clerk):
    reply = ask(clerk, "POST", f"{BASE}/{sat.id}/confirm", json={"state": "released"})
    assert (reply.status_code, reply.json["code"]) == (422, "UNKNOWN_FIELD")
    door.actor = clerk
    bare = app.test_client().post(f"{BASE}/{sat.id}/confirm", json={})
    assert (bare.status_code, bare.json["code"]) == (403, "CSRF")
    door.actor = None
    assert app.test_client().get(BASE).status_code == 401


def test_an_unknown_sitting_is_not_found(ask, clerk):
    assert ask(clerk, "GET", f"{BASE}/1").status_code == 404
    assert ask(clerk, "POST", f"{BASE}/1/confirm", json={}).status_code == 404
