"""Use case: two people open a sealed package."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.domain.paper_states import PackageState, PaperAction, advance_paper
from itembank.domain.sealing import Manifest, ManifestEntry, open_lock, opened_key_aad
from itembank.models import Package, Paper, Script
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, NotFound
from server.storage.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class OpenedPackage:
    """What is called out in the room: the digest and the number of scripts (SZ-7.2(6): unseal in public, count)."""

    package_id: str
    digest: str
    script_count: int


@dataclass(frozen=True, slots=True)
class PreparedOpening:
    """A package key already derived from both secrets; memory only."""

    package_id: str
    package_key: bytes

    def __repr__(self) -> str:
        return f"PreparedOpening({self.package_id})"


def prepare_opening(session: Session, package_id: str, secret_a: str, secret_b: str) -> PreparedOpening:
    """The slow half (two Argon2id runs, about 0.3 s): call it in a thread and outside any transaction.

    Raises:
        NotFound: `PACKAGE_NOT_FOUND`.
        Forbidden: `OPENING_SECRET_WRONG`.
    """
    package = session.get(Package, package_id)
    if package is None:
        raise _not_found()
    return PreparedOpening(package_id, open_lock(package.lock, package_id, secret_a, secret_b))


def unlock_package(
    work: Work,
    vault: Vault,
    package_id: str,
    secret_a: str,
    secret_b: str,
    actor: Actor,
    *,
    prepared: PreparedOpening | None = None,
) -> OpenedPackage:
    """Open a package inside the caller's transaction. Opening it again with the right secrets changes nothing.

    Who the two people are, that they differ, and that the time has come is the caller's check (SZ-7.2(3), (6)). The
    secrets may come in either order. With `prepared` the slow half is already done and the secrets are not read.

    Raises:
        NotFound: `PACKAGE_NOT_FOUND`.
        Forbidden: `OPENING_SECRET_WRONG`; nothing is written.
        Conflict: `PACKAGE_CHANGED` when scripts were added, removed or exchanged since the sealing; `PACKAGE_RETIRED`.
    """
    package = work.session.scalars(select(Package).where(Package.id == package_id).with_for_update()).one_or_none()
    if package is None:
        raise _not_found()
    if package.state == PackageState.RETIRED:
        raise Conflict("PACKAGE_RETIRED", "这袋试卷已作废，请使用备用卷。", "This package is retired; use the backup.")
    if prepared is not None and prepared.package_id == package_id:
        package_key = prepared.package_key
    else:
        package_key = open_lock(package.lock, package_id, secret_a, secret_b)
    opened = OpenedPackage(package.id, package.digest, package.script_count)
    if package.state == PackageState.OPENED:
        return opened
    if read_manifest(work.session, package).digest != package.digest:
        raise Conflict(
            "PACKAGE_CHANGED",
            "试卷袋与封装时的清单不一致，不能启封。请立即报告考务办，使用备用卷。",
            "The package differs from its manifest and stays closed. Report it at once and use the backup.",
            package_id=package_id,
        )
    package.opened_key = vault.seal(package_key, opened_key_aad(package_id))
    package.state = PackageState.OPENED.value
    package.opened_at = work.clock.now()
    paper = work.session.get_one(Paper, package.paper_id)
    paper.state = advance_paper(paper.state, PaperAction.OPEN).value
    detail = {"digest": package.digest, "script_count": package.script_count, "label": package.label}
    record(work, actor, AuditAction.BANK_PACKAGE_OPENED, f"package:{package_id}", detail)
    return opened


def read_manifest(session: Session, package: Package) -> Manifest:
    """The manifest as the rows stand now; its digest equals `Package.digest` unless something was changed."""
    rows = session.execute(
        select(Script.serial, Script.id, Script.form_label, Script.file_name)
        .where(Script.package_id == package.id)
        .order_by(Script.serial)
    )
    paper = session.get_one(Paper, package.paper_id)
    return Manifest(
        package_id=package.id,
        paper_id=package.paper_id,
        paper_digest=paper.digest,
        label=package.label,
        is_backup=package.is_backup,
        scripts=tuple(ManifestEntry(*row) for row in rows),
    )


def _not_found() -> NotFound:
    return NotFound("PACKAGE_NOT_FOUND", "没有这袋试卷。", "There is no such package.")
