"""Who sees a score in which state (checklist B8). Deny by default; nobody outside before the release."""

from __future__ import annotations

from scoring.domain.states import ResultState
from server.core.permissions import Permission, Role, may


def may_see_score(role: Role, state: ResultState) -> bool:
    """True when this role sees the score of a result in this state.

    Who has to confirm sees what is confirmed; who has to decide about the release sees confirmed results; a
    proctor or candidate never sees one here, released or not: results reach candidates by the certification
    workflow.
    """
    if not may(role, Permission.RESULTS_RESULT_READ):
        return False
    if state is ResultState.SCORED:
        return may(role, Permission.RESULTS_RESULT_CONFIRM)
    return state in (ResultState.CONFIRMED, ResultState.RELEASED, ResultState.AMENDED)
