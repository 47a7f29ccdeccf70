"""Use case: check a stored paper again, and approve it."""

from __future__ import annotations

from itembank.bank_rows import as_assembled, find_paper, read_blueprint, read_forms, read_items_of
from itembank.domain.checker import CheckReport, PaperChecker
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.paper_states import PaperAction, advance_paper
from itembank.models import SpecTable
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.storage.unit_of_work import UnitOfWork


def check_paper(uow: UnitOfWork, paper_id: str, actor: Actor, *, approve: bool = False) -> CheckReport:
    """Run the independent checker over the stored forms; with `approve` the person takes responsibility for them.

    Raises:
        NotFound: `PAPER_NOT_FOUND`.
        Conflict: `PAPER_HAS_VIOLATIONS` when a faulty paper is to be approved; `TRANSITION_REFUSED`.
    """
    with uow() as work:
        paper = find_paper(work.session, paper_id)
        table = work.session.get_one(SpecTable, paper.spec_table_id)
        blueprint = read_blueprint(work.session, table, PaperPlan.from_document(paper.plan))
        forms = read_forms(work.session, paper_id)
        versions = (version for form in forms for version, _ in form.items)
        items = read_items_of(work.session, versions, (paper.statistics or {}).get("p"))
        report = PaperChecker(blueprint.plan, blueprint.ranges, blueprint.points, items).check(
            [as_assembled(blueprint, form, items) for form in forms]
        )
        paper.check_report = report.to_document()
        if approve:
            if report.hard:
                raise Conflict(
                    "PAPER_HAS_VIOLATIONS",
                    f"试卷有 {len(report.hard)} 处不符合规则，不能审定：{report.hard[0].message_zh}",
                    f"The paper breaks {len(report.hard)} rules and cannot be approved: {report.hard[0].message_en}",
                    violations=report.to_document()["violations"],
                )
            paper.state = advance_paper(paper.state, PaperAction.APPROVE).value
        action = AuditAction.BANK_PAPER_APPROVED if approve else AuditAction.BANK_PAPER_CHECKED
        record(work, actor, action, f"paper:{paper_id}",
               {"violations": len(report.hard), "notices": len(report.soft), "digest": paper.digest})  # fmt: skip
    return report
