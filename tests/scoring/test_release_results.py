"""Confirmed by one person, released by another, seen by nobody before (RS-2, B8, C5)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from scoring.models import OutboxMessage, Result
from scoring.queries import own_result, published_rows, result_rows, sittings_with_results
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from server.core.actor import SYSTEM, Actor
from server.core.errors import Conflict, Forbidden, NotFound
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import Candidate
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting


@pytest.fixture
def scored(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, {0: frozenset("B")}, None])
    score_sitting(uow, vault, sat.id)
    return sat


def states(uow, sitting_id):
    with uow.read() as session:
        return set(session.scalars(select(Result.state).where(Result.sitting_id == sitting_id)))


def messages(uow):
    with uow.read() as session:
        found = list(session.scalars(select(OutboxMessage)))
        session.expunge_all()
    return found


def test_two_people_take_results_from_scored_to_released(uow, scored, clerk, office_head):
    confirmation = confirm_results(uow, scored.id, clerk)
    assert (confirmation.confirmed, confirmation.taken, confirmation.absent, confirmation.void) == (3, 2, 1, 0)
    assert states(uow, scored.id) == {"confirmed"}
    assert messages(uow) == []
    release = release_results(uow, scored.id, office_head)
    assert release.released == 3
    assert states(uow, scored.id) == {"released"}
    assert len(messages(uow)) == 3


def test_unsigned_room_records_are_a_warning_and_not_a_refusal(uow, scored, clerk, office_head):
    assert confirm_results(uow, scored.id, clerk).rooms_without_record == ("第1考场",)
    assert release_results(uow, scored.id, office_head).rooms_without_record == ("第1考场",)


def test_whoever_confirmed_does_not_release(uow, scored):
    both = Actor("same-person", Role.EXAM_CLERK, "一人两岗")
    confirm_results(uow, scored.id, both)
    with pytest.raises(Forbidden) as refusal:
        release_results(uow, scored.id, Actor("same-person", Role.OFFICE_HEAD, "一人两岗"))
    assert refusal.value.code == "SECOND_PERSON_REQUIRED"
    assert states(uow, scored.id) == {"confirmed"}
    assert messages(uow) == []


def test_a_role_without_the_permission_is_refused(uow, scored, clerk, office_head, proctor):
    for actor in (office_head, proctor, SYSTEM):
        with pytest.raises(Forbidden):
            confirm_results(uow, scored.id, actor)
    confirm_results(uow, scored.id, clerk)
    for actor in (clerk, proctor, SYSTEM):
        with pytest.raises(Forbidden) as refusal:
            release_results(uow, scored.id, actor)
        assert refusal.value.code == "FORBIDDEN"


def test_nothing_is_released_before_it_is_confirmed(uow, scored, office_head):
    with pytest.raises(Conflict) as refusal:
        release_results(uow, scored.id, office_head)
    assert refusal.value.code == "RESULTS_NOT_CONFIRMED"


def test_an_unfinished_or_unscored_sitting_cannot_be_confirmed(uow, vault, clerk):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, ALL_RIGHT])
        work.session.get_one(Attempt, sat.attempts[0].id).state = "answering"
    with pytest.raises(Conflict) as refusal:
        confirm_results(uow, sat.id, clerk)
    assert refusal.value.code == "RESULTS_INCOMPLETE"
    assert refusal.value.data == {"unfinished": 1, "unscored": 1}


def test_doing_it_twice_changes_nothing_more(uow, scored, clerk, office_head):
    confirm_results(uow, scored.id, clerk)
    assert confirm_results(uow, scored.id, clerk).confirmed == 0
    release_results(uow, scored.id, office_head)
    assert release_results(uow, scored.id, office_head).released == 0
    assert len(messages(uow)) == 3


def test_an_unknown_sitting_is_not_found(uow, clerk, office_head):
    with pytest.raises(NotFound):
        confirm_results(uow, "nowhere", clerk)
    with pytest.raises(NotFound):
        release_results(uow, "nowhere", office_head)


def test_proctors_and_candidates_see_nothing_before_the_release_by_any_query(uow, scored, proctor):
    candidate = Actor(scored.attempts[0].id, Role.CANDIDATE, "考生")
    with uow.read() as session:
        for actor in (proctor, candidate, SYSTEM):
            for ask in (result_rows, published_rows):
                with pytest.raises(Forbidden) as refusal:
                    ask(session, scored.id, actor)
                assert refusal.value.code == "NOT_PUBLISHED"
            with pytest.raises(Forbidden):
                sittings_with_results(session, actor)
        with pytest.raises(Forbidden) as refusal:
            own_result(session, candidate.id)
        assert refusal.value.code == "NOT_PUBLISHED"


def test_the_office_head_sees_scores_from_the_confirmation_on(uow, scored, clerk, office_head):
    def seen_by(actor):
        with uow.read() as session:
            return [(row.score, row.is_hidden) for row in result_rows(session, scored.id, actor)]

    assert seen_by(clerk) == [(100_00, False), (25_00, False), (None, False)]
    assert seen_by(office_head) == [(None, True)] * 3
    confirm_results(uow, scored.id, clerk)
    assert seen_by(office_head) == [(100_00, False), (25_00, False), (None, False)]


def test_a_candidate_reads_the_own_result_after_the_release(uow, scored, clerk, office_head):
    confirm_results(uow, scored.id, clerk)
    release_results(uow, scored.id, office_head)
    with uow.read() as session:
        result = own_result(session, scored.attempts[1].id)
        assert (result.score, result.passed) == (25_00, False)


def test_counts_tell_how_far_a_sitting_is_and_no_score(uow, scored, clerk, office_head):
    confirm_results(uow, scored.id, clerk)
    release_results(uow, scored.id, office_head)
    with uow.read() as session:
        (counts,) = sittings_with_results(session, clerk)
    assert (counts.attempts, counts.ended, counts.waiting, counts.delivered) == (3, 3, 3, 0)
    assert counts.by_state == {"released": 3}
    assert counts.by_attendance == {"taken": 2, "absent": 1}


def test_the_outbox_holds_no_full_id_number(uow, vault, scored, clerk, office_head):
    confirm_results(uow, scored.id, clerk)
    release_results(uow, scored.id, office_head)
    with uow.read() as session:
        numbers = [open_id_number(vault, c.id, c.id_number_cipher) for c in session.scalars(select(Candidate))]
    text = str([message.payload for message in messages(uow)])
    assert len(numbers) == 3
    assert not any(number in text for number in numbers)
    payload = next(m.payload for m in messages(uow) if m.payload["result"]["attendance"] == "absent")
    assert payload["result"]["theory_score"] is None
    assert payload["result"]["theory_passed"] is None
