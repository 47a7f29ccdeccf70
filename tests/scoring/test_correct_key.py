"""A faulty item: proposed by one, approved by another, everybody scored again, the published amended."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from scoring.domain.mark_scheme import DecisionKind
from scoring.models import AttemptScore, OutboxMessage, Result
from scoring.services.confirm_results import confirm_results
from scoring.services.correct_key import KeyCorrection, approve_mark_scheme, propose_key_correction
from scoring.services.release_results import release_results
from scoring.services.rescore import preview_rescore, rescore
from scoring.services.score_sitting import score_sitting
from scoring.services.verify_scores import verify_scores
from server.core.actor import Actor
from server.core.errors import Conflict, Forbidden, InvalidInput
from server.core.permissions import Role
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting

#: Right on two of four items, and D instead of B on the first one: 50 points.
JUST_FAILED = {0: frozenset("D"), 1: frozenset("C"), 3: frozenset("T")}


@pytest.fixture
def sat(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, JUST_FAILED, None])
    score_sitting(uow, vault, sat.id)
    return sat


def correct(uow, vault, sat, kind, also, clerk, office_head):
    correction = KeyCorrection(kind, sat.paper.versions[0], frozenset(also))
    row = propose_key_correction(uow, vault, sat.paper.id, correction, "教材两版说法不同", clerk)
    return approve_mark_scheme(uow, row.id, office_head)


def scores(uow, sat):
    with uow.read() as session:
        by_attempt = {r.attempt_id: (r.score, r.passed, r.state) for r in session.scalars(select(Result))}
    return [by_attempt[attempt.id] for attempt in sat.attempts]


@pytest.mark.parametrize(
    ("kind", "also", "expected"),
    [
        (DecisionKind.ACCEPT_ALSO, "D", [(100_00, True), (75_00, True)]),
        (DecisionKind.FULL_CREDIT_ALL, "", [(100_00, True), (75_00, True)]),
        (DecisionKind.DROP_AND_RESCALE, "", [(100_00, True), (66_67, True)]),
    ],
)
def test_a_correction_reaches_unpublished_scores_by_the_next_sweep(
    uow, vault, sat, kind, also, expected, clerk, office_head
):
    confirm_results(uow, sat.id, clerk)
    correct(uow, vault, sat, kind, also, clerk, office_head)
    assert score_sitting(uow, vault, sat.id).scored == 2
    assert [told[:2] for told in scores(uow, sat)[:2]] == expected
    # Who confirmed did not confirm these scores; the absent candidate's result did not change.
    assert [told[2] for told in scores(uow, sat)] == ["scored", "scored", "confirmed"]
    with uow.read() as session:
        assert verify_scores(session, vault).different == 0


def test_a_proposal_alone_changes_nothing(uow, vault, sat, clerk):
    correction = KeyCorrection(DecisionKind.FULL_CREDIT_ALL, sat.paper.versions[0])
    propose_key_correction(uow, vault, sat.paper.id, correction, "题目有误", clerk)
    assert score_sitting(uow, vault, sat.id).settled == 0


def test_whoever_proposed_does_not_approve(uow, vault, sat, clerk):
    correction = KeyCorrection(DecisionKind.FULL_CREDIT_ALL, sat.paper.versions[0])
    row = propose_key_correction(uow, vault, sat.paper.id, correction, "题目有误", clerk)
    with pytest.raises(Forbidden) as refusal:
        approve_mark_scheme(uow, row.id, Actor(clerk.id, Role.OFFICE_HEAD, clerk.name))
    assert refusal.value.code == "SECOND_PERSON_REQUIRED"


def test_a_correction_needs_a_reason_a_real_option_and_a_difference(uow, vault, sat, clerk):
    def propose(kind, also="", reason="题目有误"):
        correction = KeyCorrection(kind, sat.paper.versions[0], frozenset(also))
        return propose_key_correction(uow, vault, sat.paper.id, correction, reason, clerk)

    with pytest.raises(InvalidInput) as refusal:
        propose(DecisionKind.FULL_CREDIT_ALL, reason="  ")
    assert refusal.value.code == "REASON_REQUIRED"
    with pytest.raises(InvalidInput) as refusal:
        propose(DecisionKind.ACCEPT_ALSO, "Z")
    assert refusal.value.code == "KEY_NOT_POSSIBLE"
    with pytest.raises(Conflict) as refused:
        propose(DecisionKind.ACCEPT_ALSO, "B")
    assert refused.value.code == "CORRECTION_CHANGES_NOTHING"


def test_a_proposal_made_on_an_older_version_is_refused(uow, vault, sat, clerk, office_head):
    first = KeyCorrection(DecisionKind.FULL_CREDIT_ALL, sat.paper.versions[0])
    second = KeyCorrection(DecisionKind.DROP_AND_RESCALE, sat.paper.versions[1])
    rows = [propose_key_correction(uow, vault, sat.paper.id, c, "题目有误", clerk) for c in (first, second)]
    approve_mark_scheme(uow, rows[0].id, office_head)
    with pytest.raises(Conflict) as refusal:
        approve_mark_scheme(uow, rows[1].id, office_head)
    assert refusal.value.code == "MARK_SCHEME_OUTDATED"
    with pytest.raises(Conflict) as refusal:
        approve_mark_scheme(uow, rows[0].id, office_head)
    assert refusal.value.code == "ALREADY_APPROVED"


def test_published_results_change_only_by_rescore_and_are_queued_once_more(uow, vault, sat, clerk, office_head):
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)
    correct(uow, vault, sat, DecisionKind.ACCEPT_ALSO, "D", clerk, office_head)
    assert score_sitting(uow, vault, sat.id).settled == 0
    with uow.read() as session:
        (change,) = preview_rescore(session, vault, sat.id, office_head)
    assert (change.before, change.after, change.changes_side) == (50_00, 75_00, True)
    done = rescore(uow, vault, sat.id, "答案更正", office_head)
    assert done.changes == (change,)
    assert done.amended == 1
    assert scores(uow, sat) == [(100_00, True, "released"), (75_00, True, "amended"), (None, None, "released")]
    with uow.read() as session:
        keys = sorted(session.scalars(select(OutboxMessage.idempotency_key)))
        assert [key[-1] for key in keys].count("2") == 1
        assert len(keys) == 4
        assert len(list(session.scalars(select(AttemptScore)))) == 4  # earlier scores stay
        assert verify_scores(session, vault).different == 0
    assert rescore(uow, vault, sat.id, "再算一次", office_head).changes == ()


def test_rescoring_is_for_whoever_may_release(uow, vault, sat, clerk, proctor):
    with pytest.raises(Forbidden):
        rescore(uow, vault, sat.id, "试一试", clerk)
    with uow.read() as session, pytest.raises(Forbidden):
        preview_rescore(session, vault, sat.id, proctor)
