"""Nobody outside sees a score before its release (B8)."""

from __future__ import annotations

import pytest

from scoring.domain.states import RESULT_TRANSITIONS, ResultAction, ResultState
from scoring.domain.visibility import may_see_score
from server.core.errors import Conflict
from server.core.permissions import Role
from server.core.state_machine import advance

OFFICE = {Role.EXAM_CLERK, Role.OFFICE_HEAD, Role.SITE_HEAD}


@pytest.mark.parametrize("state", list(ResultState))
@pytest.mark.parametrize("role", sorted(set(Role) - OFFICE))
def test_no_role_outside_the_exam_office_sees_a_score(role, state):
    assert not may_see_score(role, state)


def test_before_confirmation_only_the_clerk_who_has_to_confirm_sees_scores():
    assert {role for role in Role if may_see_score(role, ResultState.SCORED)} == {Role.EXAM_CLERK}
    assert {role for role in Role if may_see_score(role, ResultState.PENDING)} == set()
    assert {role for role in Role if may_see_score(role, ResultState.CONFIRMED)} == OFFICE


def test_a_result_cannot_be_released_before_it_is_confirmed():
    with pytest.raises(Conflict) as refusal:
        advance(RESULT_TRANSITIONS, ResultState.SCORED, ResultAction.RELEASE)
    assert refusal.value.code == "TRANSITION_REFUSED"


def test_a_score_that_changes_before_release_has_to_be_confirmed_again():
    assert advance(RESULT_TRANSITIONS, ResultState.CONFIRMED, ResultAction.SCORE) is ResultState.SCORED
