"""Use case: seal a package of scripts for one room."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from itembank.bank_rows import find_paper, read_forms
from itembank.content import open_content
from itembank.domain.item import ItemContent
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.paper_states import PackageState, PaperAction, PaperState, advance_paper
from itembank.domain.script import FormItem, candidate_paper, make_layout
from itembank.domain.sealing import (
    SALT_BYTES,
    USUAL_COST,
    KdfCost,
    Manifest,
    ManifestEntry,
    lock_package_key,
    new_opening_secret,
    seal_paper,
    wrap_script_key,
)
from itembank.domain.states import USABLE_STATES, ItemState
from itembank.models import Item, ItemVersion, Package, Paper, PaperForm, Script
from server.adapters.real_thread import in_real_thread
from server.adapters.vault import Vault, new_key
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.core.ids import new_id
from server.storage.unit_of_work import UnitOfWork

MOST_COPIES = 2000


@dataclass(frozen=True, slots=True)
class SealedPackage:
    """A new package. `opening_secrets` are shown once, each to its own person, and stored nowhere."""

    package_id: str
    opening_secrets: tuple[str, str]
    digest: str
    script_count: int


def seal_package(
    uow: UnitOfWork,
    vault: Vault,
    paper_store: Path,
    paper_id: str,
    label: str,
    copies: Mapping[str, int],
    is_backup: bool,
    actor: Actor,
    *,
    cost: KdfCost = USUAL_COST,
) -> SealedPackage:
    """Make the scripts, encrypt each under its own key, and lock the package (AH-R22.7: sealed until used).

    `copies`: form label → number of scripts. Texts are in memory only; what reaches the disk is encrypted. Files are
    on disk and synced before the rows that name them are committed.

    Raises:
        NotFound: `PAPER_NOT_FOUND`, `FORM_NOT_FOUND`.
        InvalidInput: `COPIES_INVALID`, `BACKUP_MIXED`.
        Conflict: `PAPER_HAS_VIOLATIONS`, `ITEM_MISSING`, `TRANSITION_REFUSED`.
    """
    with uow.read() as session:
        paper = find_paper(session, paper_id)
        plan = PaperPlan.from_document(paper.plan)
        forms = _chosen_forms(read_forms(session, paper_id), copies, is_backup=is_backup)
        _require_sealable(paper)
        contents = _read_contents(session, vault, forms)
        session.expunge_all()  # the rows outlive this reading
    package_id, package_key = new_id(), new_key()
    opening_secrets = new_opening_secret(secrets.SystemRandom()), new_opening_secret(secrets.SystemRandom())
    # Slow by design or by size, and a server answers candidates meanwhile: off the event loop.
    lock = in_real_thread(
        lock_package_key, package_key, package_id, opening_secrets, secrets.token_bytes(SALT_BYTES), cost
    )
    scripts, files = in_real_thread(_make_scripts, plan, forms, copies, contents, package_id, package_key)
    manifest = Manifest(
        package_id=package_id,
        paper_id=paper_id,
        paper_digest=paper.digest,
        label=label,
        is_backup=is_backup,
        scripts=tuple(ManifestEntry(each.serial, each.id, each.form_label, each.file_name) for each in scripts),
    )
    in_real_thread(write_files, paper_store, files)
    try:
        with uow() as work:
            row = find_paper(work.session, paper_id)
            if row.state in {PaperState.ASSEMBLED, PaperState.APPROVED}:
                _mark_items_used(work.session, forms)
            row.state = advance_paper(row.state, PaperAction.SEAL).value
            work.session.add(
                Package(
                    id=package_id,
                    paper_id=paper_id,
                    label=label,
                    is_backup=is_backup,
                    state=PackageState.SEALED.value,
                    script_count=len(scripts),
                    digest=manifest.digest,
                    signature=vault.sign(manifest.signed_message()),
                    lock=lock,
                    sealed_by=actor.id,
                    sealed_at=work.clock.now(),
                )
            )
            work.session.flush()
            work.session.add_all(scripts)
            detail = {
                "paper": paper_id,
                "label": label,
                "copies": dict(copies),
                "backup": is_backup,
                "digest": manifest.digest,
            }
            record(work, actor, AuditAction.BANK_PACKAGE_SEALED, f"package:{package_id}", detail)
    except BaseException:
        for name in files:
            (paper_store / name).unlink(missing_ok=True)
        raise
    return SealedPackage(package_id, opening_secrets, manifest.digest, len(scripts))


def _require_sealable(paper: Paper) -> None:
    advance_paper(paper.state, PaperAction.SEAL)
    violations = paper.check_report.get("violations")
    if violations:
        raise Conflict(
            "PAPER_HAS_VIOLATIONS",
            f"试卷有 {len(violations)} 处不符合规则，不能封装。请重新组卷。",
            f"The paper breaks {len(violations)} rules and cannot be sealed. Assemble it again.",
            violations=violations,
        )


def _chosen_forms(forms: list[PaperForm], copies: Mapping[str, int], *, is_backup: bool) -> list[PaperForm]:
    known = {form.label: form for form in forms}
    unknown = sorted(set(copies) - set(known))
    if unknown:
        raise NotFound(
            "FORM_NOT_FOUND", f"试卷没有 {'、'.join(unknown)} 卷。", f"The paper has no form {', '.join(unknown)}."
        )
    if not copies or min(copies.values()) < 1 or sum(copies.values()) > MOST_COPIES:
        raise InvalidInput("COPIES_INVALID", f"份数应为 1–{MOST_COPIES}。", f"1 to {MOST_COPIES} copies are possible.")
    chosen = [known[label] for label in copies]
    if any(form.is_backup != is_backup for form in chosen):
        raise InvalidInput(
            "BACKUP_MIXED", "正卷与备用卷必须分开封装。", "Forms and backup forms are sealed in separate packages."
        )
    return chosen


def _read_contents(session: Session, vault: Vault, forms: list[PaperForm]) -> dict[str, ItemContent]:
    wanted = sorted({version for form in forms for version, _ in form.items})
    found: dict[str, ItemContent] = {}
    for start in range(0, len(wanted), 500):
        rows = session.scalars(select(ItemVersion).where(ItemVersion.id.in_(wanted[start : start + 500])))
        found.update({row.id: open_content(vault, row) for row in rows})
    if len(found) < len(wanted):
        raise Conflict(
            "ITEM_MISSING",
            f"题库中缺少 {len(wanted) - len(found)} 道题，不能封装。",
            f"{len(wanted) - len(found)} items are missing from the bank.",
        )
    return found


def _make_scripts(
    plan: PaperPlan,
    forms: list[PaperForm],
    copies: Mapping[str, int],
    contents: dict[str, ItemContent],
    package_id: str,
    package_key: bytes,
) -> tuple[list[Script], dict[str, bytes]]:
    random = secrets.SystemRandom()
    scripts: list[Script] = []
    files: dict[str, bytes] = {}
    for form in forms:
        items = [FormItem.of_content(version, points, contents[version]) for version, points in form.items]
        for _ in range(copies[form.label]):
            script_id, script_key = new_id(), new_key()
            layout = make_layout(plan, items, random)
            name, data = seal_paper(script_key, script_id, candidate_paper(plan, plan.title, layout, contents))
            files[name] = data
            scripts.append(
                Script(
                    id=script_id,
                    package_id=package_id,
                    form_id=form.id,
                    form_label=form.label,
                    serial=len(scripts) + 1,
                    layout=layout.to_rows(),
                    wrapped_key=wrap_script_key(package_key, script_id, script_key),
                    file_name=name,
                )
            )
    return scripts, files


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file beside its final name, sync, rename, sync the folder: a file that has its name is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        unfinished = folder / f"{name}.part"
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mark_items_used(session: Session, forms: list[PaperForm]) -> None:
    """Accepted items become live with the first package (SZ-11 art.14: a used version is immutable)."""
    versions = sorted({version for form in forms for version, _ in form.items})
    for start in range(0, len(versions), 500):
        part = select(ItemVersion.item_id).where(ItemVersion.id.in_(versions[start : start + 500]))
        session.execute(
            update(Item)
            .where(Item.id.in_(part), Item.state.in_([state.value for state in USABLE_STATES]))
            .values(state=ItemState.LIVE.value, used_count=Item.used_count + 1)
            .execution_options(synchronize_session=False)
        )
