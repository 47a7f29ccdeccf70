"""Print the analysis of a sitting."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.analysis.report_facts import report_facts
from scoring.analysis.report_pdf import draw_analysis
from scoring.permissions import require_permission
from server.adapters.print_fonts import find_print_fonts
from server.adapters.real_thread import in_real_thread
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.permissions import Permission
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class PrintedAnalysis:
    """The PDF and a name for it."""

    file_name: str
    content: bytes


def print_analysis(uow: UnitOfWork, vault: Vault, sitting_id: str, actor: Actor) -> PrintedAnalysis:
    """The batch report as this reader may see it; on record, because paper leaves the house.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `SITTING_NOT_FOUND`, `NOT_ANALYSED`.
        Unavailable: `PRINT_FONT_MISSING`.
    """
    require_permission(actor, Permission.ANALYSIS_SITTING_READ)
    with uow.read() as session:
        facts = report_facts(session, vault, sitting_id, actor, uow.clock.now())
    content = in_real_thread(draw_analysis, facts, find_print_fonts())
    with uow() as work:
        detail = {"digest": facts["digest"], "scores": facts["distribution"] is not None}
        record(work, actor, AuditAction.ANALYSIS_REPORT_PRINTED, f"sitting:{sitting_id}", detail)
    return PrintedAnalysis(f"analysis-{facts['digest'][:12]}.pdf", content)
