"""The reviewer closes a case of similar papers."""

from __future__ import annotations

from scoring.domain.cases import CaseAction, CaseState, Conclusion, advance_case
from scoring.models import SimilarityCase
from scoring.permissions import require_permission, require_reason
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.permissions import Permission
from server.storage.unit_of_work import UnitOfWork


def decide_case(uow: UnitOfWork, case_id: str, conclusion: Conclusion, reason: str, actor: Actor) -> SimilarityCase:
    """No finding, or referred to whoever decides about violations. Attempts and results stay as they are.

    Raises:
        Forbidden: `FORBIDDEN`.
        InvalidInput: `REASON_REQUIRED`.
        NotFound: `CASE_NOT_FOUND`: no such case, or somebody else's.
        Conflict: `TRANSITION_REFUSED`: the papers were not looked at yet, or it is closed.
    """
    require_permission(actor, Permission.ANALYSIS_CASE_REVIEW)
    reason = require_reason(reason)
    with uow() as work:
        case = work.session.get(SimilarityCase, case_id, with_for_update=True)
        if case is None or case.reviewer_id != actor.id:
            raise no_case()
        case.state = advance_case(CaseState(case.state), CaseAction.CLOSE).value
        case.conclusion, case.reason, case.decided_at = conclusion.value, reason, work.clock.now()
        work.session.flush()
        record(
            work,
            actor,
            AuditAction.ANALYSIS_CASE_CLOSED,
            f"case:{case.id}",
            {"conclusion": conclusion.value, "attempts": [case.attempt_a, case.attempt_b]},
            reason=reason,
        )
    return case


def no_case() -> NotFound:
    """The same for a case that does not exist and for one of another reviewer."""
    return NotFound(
        "CASE_NOT_FOUND", "没有这个案件，或不由您复核。", "There is no such case, or it is not yours to review."
    )
