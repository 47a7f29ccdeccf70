"""Stored mark schemes: sealing them into rows, opening them, and which version is in force."""

from __future__ import annotations

import json

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from itembank.models import Paper
from itembank.queries import answer_keys
from scoring.domain.canonical import canonical_json
from scoring.domain.mark_scheme import ItemKey, MarkScheme
from scoring.domain.markers.base import ALL_OR_NOTHING, MarkRule
from scoring.models import MarkScheme as MarkSchemeRow
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.ids import new_id
from server.storage.unit_of_work import Work


def scheme_aad(scheme_id: str) -> str:
    """What binds a sealed mark scheme to its row."""
    return f"mark_scheme:{scheme_id}:keys"


def open_scheme(vault: Vault, row: MarkSchemeRow) -> MarkScheme:
    """Keys and rules of one version.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED` when the row was moved or changed.
    """
    return MarkScheme.from_document(json.loads(vault.open(row.cipher, scheme_aad(row.id))))


def scheme_in_force(session: Session, paper_id: str) -> MarkSchemeRow | None:
    """The highest version that is the paper's own key or was approved by a second person."""
    return session.scalars(
        select(MarkSchemeRow)
        .where(MarkSchemeRow.paper_id == paper_id)
        .where(or_(MarkSchemeRow.version == 1, MarkSchemeRow.approved_by.is_not(None)))
        .order_by(MarkSchemeRow.version.desc())
        .limit(1)
    ).one_or_none()


def lock_paper(session: Session, paper_id: str) -> Paper:
    """The paper's row, locked: versions of its mark scheme are numbered under this lock.

    Raises:
        NotFound: `PAPER_NOT_FOUND`.
    """
    paper = session.get(Paper, paper_id, with_for_update=True)
    if paper is None:
        raise NotFound("PAPER_NOT_FOUND", "没有找到这份试卷。", "There is no such paper.", paper_id=paper_id)
    return paper


def ensure_mark_scheme(
    work: Work, vault: Vault, paper_id: str, actor: Actor, rule: MarkRule = ALL_OR_NOTHING
) -> MarkSchemeRow:
    """The scheme in force; version 1 is made from the paper's own keys when there is none (MK-1). Joins the transaction.

    Args:
        rule: how multiple-choice answers are marked, frozen into version 1.

    Raises:
        NotFound: `PAPER_NOT_FOUND`.
    """
    row = scheme_in_force(work.session, paper_id)
    if row is not None:
        return row
    lock_paper(work.session, paper_id)
    row = scheme_in_force(work.session, paper_id)  # somebody may have made it while we waited
    if row is not None:
        return row
    scheme = MarkScheme({
        version_id: ItemKey(entry.kind, entry.key, entry.points, rule if entry.kind == "multiple" else ALL_OR_NOTHING)
        for version_id, entry in answer_keys(work.session, vault, paper_id).items()
    })  # fmt: skip
    row = add_version(work, vault, paper_id, 1, scheme, reason="试卷原始答案", actor=actor)
    record(
        work,
        actor,
        AuditAction.RESULTS_MARK_SCHEME_CREATED,
        f"mark_scheme:{row.id}",
        {"paper_id": paper_id, "version": 1, "items": len(scheme.items), "digest": row.digest},
    )
    return row


def add_version(
    work: Work,
    vault: Vault,
    paper_id: str,
    version: int,
    scheme: MarkScheme,
    *,
    reason: str,
    actor: Actor,
    based_on: int | None = None,
) -> MarkSchemeRow:
    """Store a version, sealed. The caller holds `lock_paper` and writes the audit entry."""
    scheme_id = new_id()
    row = MarkSchemeRow(
        id=scheme_id,
        paper_id=paper_id,
        version=version,
        cipher=vault.seal(canonical_json(scheme.to_document()), scheme_aad(scheme_id)),
        digest=scheme.digest,
        reason=reason,
        made_by=actor.id,
        approved_by=None,
        based_on=based_on,
        made_at=work.clock.now(),
    )
    work.session.add(row)
    work.session.flush()
    return row
