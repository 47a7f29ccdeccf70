"""Correct the key of a faulty item after the sitting: one person proposes, another approves."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.models import Package, Script
from itembank.queries import script_layout
from scoring.domain.mark_scheme import (
    DecisionKind,
    MarkScheme,
    accept_also,
    drop_and_rescale,
    full_credit_all,
)
from scoring.mark_schemes import add_version, ensure_mark_scheme, lock_paper, open_scheme, scheme_in_force
from scoring.models import MarkScheme as MarkSchemeRow
from scoring.permissions import require_permission, require_reason, require_second_person
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.core.permissions import Permission
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class KeyCorrection:
    """What is decided about one item. `also`: option ids of the further key, for `accept_also` only."""

    kind: DecisionKind
    item_version_id: str
    also: frozenset[str] = frozenset()


def propose_key_correction(
    uow: UnitOfWork, vault: Vault, paper_id: str, correction: KeyCorrection, reason: str, actor: Actor
) -> MarkSchemeRow:
    """The next version of the mark scheme, not in force until `approve_mark_scheme`.

    Raises:
        Forbidden: `FORBIDDEN`: only a role with `results:result:confirm`.
        InvalidInput: `REASON_REQUIRED`, `KEY_NOT_POSSIBLE`.
        NotFound: `PAPER_NOT_FOUND`, `ITEM_NOT_IN_MARK_SCHEME`.
        Conflict: `CORRECTION_CHANGES_NOTHING`.
    """
    require_permission(actor, Permission.RESULTS_RESULT_CONFIRM)
    reason = require_reason(reason)
    with uow() as work:
        in_force = ensure_mark_scheme(work, vault, paper_id, actor)
        lock_paper(work.session, paper_id)
        before = open_scheme(vault, in_force)
        after = _corrected(before, correction)
        if correction.kind is DecisionKind.ACCEPT_ALSO:
            _require_real_options(work.session, paper_id, correction)
        if after == before:
            raise Conflict(
                "CORRECTION_CHANGES_NOTHING",
                "这个更正与现行评分标准相同，没有需要核准的内容。",
                "This correction says what the mark scheme already says; there is nothing to approve.",
            )
        highest = select(func.max(MarkSchemeRow.version)).where(MarkSchemeRow.paper_id == paper_id)
        version = work.session.execute(highest).scalar_one() + 1
        row = add_version(work, vault, paper_id, version, after, reason=reason, actor=actor, based_on=in_force.version)
        record(
            work,
            actor,
            AuditAction.RESULTS_MARK_SCHEME_PROPOSED,
            f"mark_scheme:{row.id}",
            {
                "paper_id": paper_id,
                "version": version,
                "decision": correction.kind.value,
                "item_version_id": correction.item_version_id,
                "digest": row.digest,
            },
            reason,
        )
        return row


def approve_mark_scheme(uow: UnitOfWork, mark_scheme_id: str, actor: Actor) -> MarkSchemeRow:
    """Put a proposed version in force. Scores follow by the next sweep, published results only by `rescore`.

    Raises:
        Forbidden: `FORBIDDEN`: only a role with `results:result:release`; `SECOND_PERSON_REQUIRED`.
        NotFound: `MARK_SCHEME_NOT_FOUND`.
        Conflict: `ALREADY_APPROVED`; `MARK_SCHEME_OUTDATED`: another correction came into force in between.
    """
    require_permission(actor, Permission.RESULTS_RESULT_RELEASE)
    with uow() as work:
        row = work.session.get(MarkSchemeRow, mark_scheme_id)
        if row is None:
            raise NotFound(
                "MARK_SCHEME_NOT_FOUND", "没有找到这个评分标准版本。", "There is no such version of a mark scheme."
            )
        lock_paper(work.session, row.paper_id)
        work.session.refresh(row)
        in_force = scheme_in_force(work.session, row.paper_id)
        if row.version == 1 or row.approved_by is not None:
            raise Conflict("ALREADY_APPROVED", "这个版本已经生效，不用再核准。", "This version is in force already.")
        require_second_person(actor, row.made_by)
        if in_force is None or row.based_on != in_force.version:
            raise Conflict(
                "MARK_SCHEME_OUTDATED",
                "提出之后另有更正生效，请在现行版本上重新提出。",
                "Another correction came into force since this was proposed. Propose it again on the present version.",
            )
        row.approved_by = actor.id
        work.session.flush()
        record(
            work,
            actor,
            AuditAction.RESULTS_MARK_SCHEME_APPROVED,
            f"mark_scheme:{row.id}",
            {"paper_id": row.paper_id, "version": row.version, "proposed_by": row.made_by, "digest": row.digest},
            row.reason,
        )
        return row


def _corrected(scheme: MarkScheme, correction: KeyCorrection) -> MarkScheme:
    if correction.kind is DecisionKind.ACCEPT_ALSO:
        return accept_also(scheme, correction.item_version_id, correction.also)
    if correction.kind is DecisionKind.FULL_CREDIT_ALL:
        return full_credit_all(scheme, correction.item_version_id)
    return drop_and_rescale(scheme, correction.item_version_id)


def _require_real_options(session: Session, paper_id: str, correction: KeyCorrection) -> None:
    # Any script with the item knows its options; a paper has few forms, so the first hit comes soon.
    scripts = select(Script.id).join(Package, Package.id == Script.package_id).where(Package.paper_id == paper_id)
    seen_forms: set[str] = set()
    for script_id, form_label in session.execute(scripts.add_columns(Script.form_label)):
        if form_label in seen_forms:
            continue
        seen_forms.add(form_label)
        for item in script_layout(session, script_id).items.values():
            if item.item_version_id == correction.item_version_id:
                if correction.also <= set(item.options.values()):
                    return
                raise InvalidInput(
                    "KEY_NOT_POSSIBLE", "补充答案不是这道题的选项。", "The further key is not among the item's options."
                )
