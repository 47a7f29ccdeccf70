"""The reviewer looks at the two papers of a case; every look is on record."""

from __future__ import annotations

from scoring.analysis.pair_pages import case_page
from scoring.analysis.wire import CasePage
from scoring.domain.cases import CaseAction, CaseState, advance_case
from scoring.models import SimilarityCase
from scoring.permissions import require_permission
from scoring.services.decide_case import no_case
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.permissions import Permission
from server.storage.unit_of_work import UnitOfWork


def read_case(uow: UnitOfWork, vault: Vault, case_id: str, actor: Actor) -> CasePage:
    """The papers side by side for the assigned reviewer. The first look begins the review.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `CASE_NOT_FOUND`: no such case, or somebody else's.
        Conflict: `ANSWERS_CHANGED`, `NO_MARK_SCHEME`.
    """
    require_permission(actor, Permission.ANALYSIS_CASE_REVIEW)
    with uow() as work:
        case = work.session.get(SimilarityCase, case_id, with_for_update=True)
        if case is None or case.reviewer_id != actor.id:
            raise no_case()
        begins = case.state == CaseState.OPEN
        if begins:
            case.state = advance_case(CaseState.OPEN, CaseAction.BEGIN).value
        work.session.flush()
        action = AuditAction.ANALYSIS_CASE_BEGUN if begins else AuditAction.ANALYSIS_CASE_READ
        record(work, actor, action, f"case:{case.id}", {"attempts": [case.attempt_a, case.attempt_b]})
    # after the commit: nobody sees the papers without the line that says so
    with uow.read() as session:
        return case_page(session, vault, session.get_one(SimilarityCase, case_id), actor)
