"""From stored answers to stored scores, on both databases."""

from __future__ import annotations

from sqlalchemy import delete, select

from scoring.domain.markers.base import MarkReason
from scoring.models import AttemptScore, MarkScheme, Result
from scoring.queries import attempts_to_settle
from scoring.services.create_mark_scheme import create_mark_scheme
from scoring.services.score_attempt import score_attempt
from scoring.services.score_sitting import score_sitting
from scoring.services.verify_scores import verify_scores
from server.audit.actions import AuditAction
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import answers_digest, counted_responses
from tests.factories.scoring import ALL_RIGHT, POINTS, a_sat_sitting, answer

HALF_RIGHT = {0: frozenset("B"), 1: frozenset("C"), 2: frozenset("A")}


def results(uow, sitting_id):
    with uow.read() as session:
        query = select(Result, Attempt.ticket_id).join(Attempt).where(Result.sitting_id == sitting_id)
        found = {ticket_id: result for result, ticket_id in session.execute(query)}
        session.expunge_all()
    return found


def test_every_ended_attempt_is_scored_and_the_absent_have_no_score(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, HALF_RIGHT, {}, None])
    sweep = score_sitting(uow, vault, sat.id)
    assert (sweep.settled, sweep.scored, sweep.refused) == (4, 3, [])
    found = results(uow, sat.id)
    told = [(r.attendance, r.score, r.passed, r.state) for r in (found[a.ticket_id] for a in sat.attempts)]
    assert told == [
        ("taken", 100_00, True, "scored"),
        ("taken", 50_00, False, "scored"),
        ("taken", 0, False, "scored"),
        ("absent", None, None, "scored"),
    ]


def test_a_second_sweep_finds_nothing_to_do(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, None])
    score_sitting(uow, vault)
    assert score_sitting(uow, vault).settled == 0
    with uow.read() as session:
        assert attempts_to_settle(session, sat.id) == []
        assert len(list(session.scalars(select(AttemptScore)))) == 1
        assert len(list(session.scalars(select(MarkScheme)))) == 1


def test_scoring_the_same_attempt_again_returns_the_same_result(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [HALF_RIGHT])
    first = score_attempt(uow, vault, sat.attempts[0].id, SYSTEM)
    again = score_attempt(uow, vault, sat.attempts[0].id, SYSTEM)
    assert (first.id, first.score_id, first.score) == (again.id, again.score_id, again.score)


def test_only_the_latest_counted_entry_counts_in_whatever_order_entries_were_stored(uow, vault):
    with uow() as work:
        session = work.session
        sat = a_sat_sitting(session, vault, [{}])
        attempt, script = sat.attempts[0], sat.paper.scripts[0]
        answer(session, attempt, script, 0, frozenset("B"), seq=9, epoch=2)
        answer(session, attempt, script, 0, frozenset("A"), seq=30, epoch=1)
        answer(session, attempt, script, 0, frozenset("D"), seq=10, epoch=2, standing="late")
        answer(session, attempt, script, 0, frozenset("A"), seq=3, epoch=2)
        answer(session, attempt, script, 1, frozenset("C"), seq=11, epoch=2)
        answer(session, attempt, script, 1, frozenset(), seq=12, epoch=2)
        session.flush()
        attempt.answers_digest = answers_digest(counted_responses(session, attempt.id))
    result = score_attempt(uow, vault, attempt.id, SYSTEM)
    assert result.score == POINTS
    with uow.read() as session:
        marks = session.get_one(AttemptScore, result.score_id).marks
    assert sorted(mark["reason"] for mark in marks).count(MarkReason.CLEARED) == 1
    assert set(marks[0]) == {"item_ref", "n", "mark", "full", "reason"}


def test_who_signed_in_but_never_began_is_absent_and_who_is_voided_has_no_score(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [{}, ALL_RIGHT])
        sat.attempts[0].state, sat.attempts[0].started_at = "collected", None
        sat.attempts[1].state = "voided"
    score_sitting(uow, vault, sat.id)
    found = results(uow, sat.id)
    assert [(found[a.ticket_id].attendance, found[a.ticket_id].score) for a in sat.attempts] == [
        ("absent", None),
        ("void", None),
    ]


def test_a_paper_voided_after_scoring_loses_its_score(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
    score_sitting(uow, vault, sat.id)
    with uow() as work:
        work.session.get_one(Attempt, sat.attempts[0].id).state = "voided"
    score_sitting(uow, vault, sat.id)
    (result,) = results(uow, sat.id).values()
    assert (result.attendance, result.score, result.score_id) == ("void", None, None)


def test_changed_answers_are_refused_and_hold_nobody_else_up(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, ALL_RIGHT])
        work.session.execute(delete(JournalEntry).where(JournalEntry.attempt_id == sat.attempts[0].id))
    sweep = score_sitting(uow, vault, sat.id)
    assert sweep.scored == 1
    assert sweep.refused == [(sat.attempts[0].id, "ANSWERS_CHANGED")]


def test_an_attempt_that_has_not_ended_is_left_alone(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
        sat.attempts[0].state = "answering"
    assert score_sitting(uow, vault, sat.id).settled == 0


def test_the_mark_scheme_is_stored_sealed_and_made_once(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
    first = create_mark_scheme(uow, vault, sat.paper.id, SYSTEM)
    assert create_mark_scheme(uow, vault, sat.paper.id, SYSTEM).id == first.id
    assert sat.paper.versions[0].encode() not in first.cipher


def test_verifying_finds_every_score_equal_and_a_changed_one_different(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, HALF_RIGHT, None])
    score_sitting(uow, vault, sat.id)
    with uow.read() as session:
        verdict = verify_scores(session, vault)
    assert (verdict.attempts, verdict.equal, verdict.different) == (2, 2, 0)
    with uow() as work:
        score = work.session.scalars(select(AttemptScore).where(AttemptScore.attempt_id == sat.attempts[1].id)).one()
        score.score += 1
    with uow() as work:
        query = select(Result).where(Result.attempt_id == sat.attempts[0].id)
        work.session.scalars(query).one().score = 61_00
    with uow.read() as session:
        verdict = verify_scores(session, vault)
    assert {d.attempt_id: d.code for d in verdict.differences} == {
        sat.attempts[1].id: "SCORE_DIFFERS",
        sat.attempts[0].id: "RESULT_DIFFERS",
    }


def test_the_audit_log_says_that_but_not_what_was_scored(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [HALF_RIGHT])
    score_sitting(uow, vault, sat.id)
    with uow.read() as session:
        entries = list(session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.seq)))
        assert verify(session).ok
    assert [entry.action for entry in entries] == [
        AuditAction.RESULTS_MARK_SCHEME_CREATED,
        AuditAction.RESULTS_SCORE_COMPUTED,
        AuditAction.RESULTS_SCORE_SETTLED,
    ]
    assert not any("score" in entry.detail or "passed" in entry.detail for entry in entries)
