"""Use case: assemble the forms of a paper by spec table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from itembank.bank_rows import find_spec_table, read_blueprint, read_usable_items
from itembank.domain.assembly import Assembly, assemble_forms
from itembank.domain.blueprint import BankItem
from itembank.domain.paper_form import AssembledForm
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.paper_states import PaperAction, PaperState, advance_paper
from itembank.domain.targets import ABILITIES
from itembank.models import Paper, PaperForm
from server.adapters.real_thread import in_real_thread
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.ids import new_id
from server.storage.unit_of_work import UnitOfWork
from server.webkit import late_imports


@dataclass(frozen=True, slots=True)
class FormSummary:
    """One form for people and scripts. `items` are item ids; `points` in 1/100, expected scores in points."""

    id: str
    label: str
    is_backup: bool
    items: tuple[str, ...]
    points: int
    by_type: dict[str, int]
    by_range: dict[str, int]
    expected_scores: tuple[float, ...]
    loading_sum: float


@dataclass(frozen=True, slots=True)
class PaperSummary:
    """What assembly made. `paper_id` is "" when nothing was stored."""

    paper_id: str
    forms: tuple[FormSummary, ...]
    max_overlap: int
    violations: list[dict[str, str]]
    notices: list[dict[str, str]]
    seconds: float
    digest: str
    bank_digest: str
    seed: int
    item_count: int
    statistics_digest: str = ""

    def as_document(self) -> dict[str, Any]:
        """The JSON contract of `paper assemble`: points in points, `max_overlap` as a share of a form's items."""
        return {
            "paper": self.paper_id,
            "forms": [
                {
                    "id": form.id,
                    "label": form.label,
                    "backup": form.is_backup,
                    "items": list(form.items),
                    "points": form.points / 100 if form.points % 100 else form.points // 100,
                    "by_type": form.by_type,
                    "by_range": form.by_range,
                    "expected_scores": list(form.expected_scores),
                    "loading_sum": form.loading_sum,
                }
                for form in self.forms
            ],
            "abilities": list(ABILITIES),
            "max_overlap": round(self.max_overlap / self.item_count, 4),
            "max_overlap_items": self.max_overlap,
            "violations": self.violations,
            "notices": self.notices,
            "seconds": round(self.seconds, 3),
            "digest": self.digest,
            "bank_digest": self.bank_digest,
            "statistics_digest": self.statistics_digest,
            "seed": self.seed,
        }


def summarise(
    assembly: Assembly,
    plan: PaperPlan,
    item_ids: dict[str, str],
    seconds: float,
    paper_id: str = "",
    form_ids: dict[str, str] | None = None,
) -> PaperSummary:
    """An assembly in the words of the command line; `item_ids` by version id, `form_ids` by label."""

    def form_summary(form: AssembledForm) -> FormSummary:
        return FormSummary(
            id=(form_ids or {}).get(form.label, form.label),
            label=form.label,
            is_backup=form.is_backup,
            items=tuple(item_ids[version] for version in form.version_ids),
            points=form.points,
            by_type=dict(form.by_kind),
            by_range=dict(form.by_range),
            expected_scores=form.expected_scores,
            loading_sum=form.loading_sum,
        )

    document = assembly.report.to_document()
    return PaperSummary(
        paper_id=paper_id,
        forms=tuple(form_summary(form) for form in assembly.forms),
        max_overlap=assembly.max_overlap,
        violations=document["violations"],
        notices=document["notices"],
        seconds=seconds,
        digest=assembly.digest,
        bank_digest=assembly.bank_digest,
        seed=assembly.seed,
        item_count=plan.item_count,
        statistics_digest=assembly.statistics_digest,
    )


def assemble_paper(
    uow: UnitOfWork,
    vault: Vault,  # noqa: ARG001 - every use case of the bank is handed the vault; item texts are not read here
    spec_table_id: str,
    forms: int,
    backups: int,
    seed: int,
    actor: Actor,
    plan: PaperPlan | None = None,
    *,
    use_statistics: bool = True,
) -> PaperSummary:
    """Make `forms` parallel forms and `backups` backups and store them as one paper (SZ-11 art.21: only from the bank).

    `spec_table_id` may be the table's short name. `plan` replaces the table's own for this paper. The search runs
    outside any transaction; the paper keeps its plan, seed and the digest of the bank it came from, and the measured
    difficulties of its items, so that checking it again does not depend on what use shows later.

    Args:
        use_statistics: False takes the experts' steps alone.

    Raises:
        NotFound: `SPEC_TABLE_NOT_FOUND`.
        InvalidInput: `PAPER_PLAN_INVALID`, `SPEC_EMPTY`, `FORM_COUNT`.
        Conflict: `ASSEMBLY_INFEASIBLE`, naming what the bank lacks.
    """
    started = uow.clock.monotonic()
    with uow.read() as session:
        table = find_spec_table(session, spec_table_id)
        blueprint = read_blueprint(session, table, plan)
        items = read_usable_items(session, table, use_statistics=use_statistics)
        table_id, table_name, occupation = table.id, table.name, table.occupation_name
    # Seconds of search, and a server answers candidates meanwhile: off the event loop.
    late_imports.bring_in()
    assembly = in_real_thread(assemble_forms, blueprint, items, forms, backups, seed)
    paper_id = new_id()
    form_ids = {form.label: new_id() for form in assembly.forms}
    with uow() as work:
        work.session.add(
            Paper(
                id=paper_id,
                spec_table_id=table_id,
                state=advance_paper(PaperState.DRAFT, PaperAction.ASSEMBLE).value,
                plan={**blueprint.plan.to_document(), "title": blueprint.plan.title or occupation},
                seed=seed,
                bank_digest=assembly.bank_digest,
                digest=assembly.digest,
                check_report=assembly.report.to_document(),
                statistics=_used_statistics(assembly, items),
                made_by=actor.id,
                made_at=work.clock.now(),
            )
        )
        work.session.flush()
        work.session.add_all(
            PaperForm(
                id=form_ids[form.label],
                paper_id=paper_id,
                label=form.label,
                is_backup=form.is_backup,
                items=[list(item) for item in form.items],
            )
            for form in assembly.forms
        )
        record(
            work,
            actor,
            AuditAction.BANK_PAPER_ASSEMBLED,
            f"paper:{paper_id}",
            {
                "spec_table": table_name,
                "forms": forms,
                "backups": backups,
                "seed": seed,
                "digest": assembly.digest,
                "statistics": assembly.statistics_digest,
            },
        )
    seconds = uow.clock.monotonic() - started
    return summarise(
        assembly, blueprint.plan, {item.version_id: item.item_id for item in items}, seconds, paper_id, form_ids
    )


def _used_statistics(assembly: Assembly, items: list[BankItem]) -> dict[str, Any] | None:
    """Measured difficulties of the items on the forms, and the digest over those of the whole bank."""
    if not assembly.statistics_digest:
        return None
    on_forms = {version for form in assembly.forms for version in form.version_ids}
    measured = {item.version_id: item.p for item in items if item.p is not None and item.version_id in on_forms}
    return {"digest": assembly.statistics_digest, "p": measured}
