"""Open a case of two similar papers and give it to a reviewer."""

from __future__ import annotations

from sqlalchemy import select

from scoring.domain.cases import CaseState
from scoring.models import SimilarityCase, SimilarityRun, SittingAnalysis
from scoring.permissions import require_permission, require_reason, require_second_person
from server.accounts.models import Account
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.core.ids import new_id
from server.core.permissions import Permission, Role, may
from server.storage.unit_of_work import UnitOfWork


def open_case(
    uow: UnitOfWork, sitting_id: str, a: str, b: str, reviewer_id: str, reason: str, actor: Actor
) -> SimilarityCase:
    """A pair of the sitting's last comparison, by attempt ids. The reviewer is somebody else than who opens it (checklist C5).

    The pair need not be flagged: what a proctor saw may be reason enough.

    Raises:
        Forbidden: `FORBIDDEN`, `SECOND_PERSON_REQUIRED`.
        InvalidInput: `REASON_REQUIRED`, `REVIEWER_NOT_POSSIBLE`.
        NotFound: `PAIR_NOT_FOUND`: not analysed, or not in the report.
        Conflict: `CASE_EXISTS`.
    """
    require_permission(actor, Permission.ANALYSIS_CASE_OPEN)
    reason = require_reason(reason)
    require_second_person(actor, reviewer_id)
    with uow() as work:
        reviewer = work.session.get(Account, reviewer_id)
        if reviewer is None or not reviewer.is_active or not can_review(reviewer):
            raise InvalidInput(
                "REVIEWER_NOT_POSSIBLE",
                "这个人不能作复核人：没有这个账号、已停用，或岗位没有复核权限。",
                "This person cannot review: no such account, switched off, or without the permission.",
            )
        analysis = work.session.get(SittingAnalysis, sitting_id, with_for_update=True)
        run = work.session.get(SimilarityRun, analysis.summary.get("run_id", "")) if analysis else None
        pairs = run.document["pairs"] if run is not None else []
        figures = next((pair for pair in pairs if {pair["a"], pair["b"]} == {a, b}), None)
        if run is None or figures is None:
            raise NotFound("PAIR_NOT_FOUND", "雷同报告中没有这一对试卷。", "The report has no such pair of papers.")
        first, second = sorted((figures["a"], figures["b"]))
        same = select(SimilarityCase).where(SimilarityCase.attempt_a == first, SimilarityCase.attempt_b == second)
        if work.session.scalars(same).first() is not None:
            raise Conflict("CASE_EXISTS", "这一对试卷已经立案。", "There is a case of these two papers already.")
        case = SimilarityCase(
            id=new_id(),
            sitting_id=sitting_id,
            run_id=run.id,
            attempt_a=first,
            attempt_b=second,
            state=CaseState.OPEN.value,
            figures=figures,
            reviewer_id=reviewer.id,
            opened_by=actor.id,
            opened_at=work.clock.now(),
        )
        work.session.add(case)
        work.session.flush()
        record(
            work,
            actor,
            AuditAction.ANALYSIS_CASE_OPENED,
            f"case:{case.id}",
            {"sitting": sitting_id, "attempts": [first, second], "reviewer": reviewer.id, "run": run.digest},
            reason=reason,
        )
    return case


def can_review(account: Account) -> bool:
    """Whether one of the account's roles may review cases."""
    return any(may(Role(role), Permission.ANALYSIS_CASE_REVIEW) for role in account.roles)
