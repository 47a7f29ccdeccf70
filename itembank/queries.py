"""What other folders read of papers: scripts, their layouts and keys, answer keys."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.bank_rows import READ_AT_A_TIME, read_forms
from itembank.content import open_content
from itembank.domain.script import ScriptLayout
from itembank.domain.sealing import opened_key_aad, unwrap_script_key
from itembank.models import ItemVersion, Package, Script
from server.adapters.vault import Vault
from server.core.errors import Conflict, NotFound

#: Layouts kept in memory: a few halls full. A layout never changes, so nothing is ever stale.
LAYOUTS_KEPT = 4000
_layouts: OrderedDict[str, ScriptLayout] = OrderedDict()
_layouts_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The key of one item version on one paper. `key`: right option ids; `points` in 1/100."""

    kind: str
    key: frozenset[str]
    points: int


def take_script(session: Session, package_id: str, form_label: str, attempt_id: str) -> Script:
    """Hand a free script of that form to an attempt; the same attempt gets the same script again.

    Free rows are locked and rows others hold are skipped (PostgreSQL), so two nodes never hand out one script twice;
    on SQLite writers come one at a time. Belongs into a writing transaction.

    Raises:
        Conflict: `FORM_MISMATCH` when no script of this form is left; `SCRIPT_ALREADY_TAKEN` when the attempt holds one
            of another package or form.
    """
    held = session.scalars(select(Script).where(Script.taken_by == attempt_id)).one_or_none()
    if held is not None:
        if (held.package_id, held.form_label) != (package_id, form_label):
            raise Conflict(
                "SCRIPT_ALREADY_TAKEN",
                "该考生已领取另一份试卷。",
                "This candidate already holds another script.",
                script_id=held.id,
            )
        return held
    query = (
        select(Script)
        .where(Script.package_id == package_id, Script.form_label == form_label, Script.taken_by.is_(None))
        .order_by(Script.serial)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    script = session.scalars(query).first()
    if script is None:
        raise Conflict(
            "FORM_MISMATCH",
            f"试卷袋中没有剩余的 {form_label} 卷，请报告考务办，使用备用卷。",
            f"No script of form {form_label} is left in the package; report it and use the backup.",
            form=form_label,
        )
    script.taken_by = attempt_id
    session.flush()
    return script


def script_layout(session: Session, script_id: str) -> ScriptLayout:
    """The identities on a script; kept in memory after the first reading.

    Raises:
        NotFound: `SCRIPT_NOT_FOUND`.
    """
    with _layouts_turn:
        known = _layouts.get(script_id)
        if known is not None:
            _layouts.move_to_end(script_id)
            return known
    rows = session.scalar(select(Script.layout).where(Script.id == script_id))
    if rows is None:
        raise _no_script()
    layout = ScriptLayout.from_rows(rows)
    with _layouts_turn:
        _layouts[script_id] = layout
        while len(_layouts) > LAYOUTS_KEPT:
            _layouts.popitem(last=False)
    return layout


def script_key(session: Session, vault: Vault, script_id: str) -> bytes:
    """The 32-byte key of a script's encrypted paper.

    Raises:
        NotFound: `SCRIPT_NOT_FOUND`.
        Conflict: `SEALED` until two people have opened the package (AH-R22.7).
    """
    row = session.execute(
        select(Script.wrapped_key, Package.id, Package.opened_key)
        .join(Package, Package.id == Script.package_id)
        .where(Script.id == script_id)
    ).one_or_none()
    if row is None:
        raise _no_script()
    wrapped_key, package_id, opened_key = row
    return open_script_key(vault, script_id, wrapped_key, package_id, opened_key)


def open_script_key(
    vault: Vault, script_id: str, wrapped_key: bytes, package_id: str, opened_key: bytes | None
) -> bytes:
    """As `script_key`, from columns that were read already.

    Raises:
        Conflict: `SEALED`.
    """
    if opened_key is None:
        raise Conflict(
            "SEALED", "试卷尚未启封，请等待监考员启封。", "The paper is still sealed; wait for the proctors to open it."
        )
    return unwrap_script_key(vault.open(opened_key, opened_key_aad(package_id)), script_id, wrapped_key)


def answer_keys(session: Session, vault: Vault, paper_id: str) -> dict[str, KeyEntry]:
    """Item version id → key, for every item on any form of the paper, backups included. For scoring alone."""
    points = {version: points for form in read_forms(session, paper_id) for version, points in form.items}
    wanted = sorted(points)
    found: dict[str, KeyEntry] = {}
    for start in range(0, len(wanted), READ_AT_A_TIME):
        for version in session.scalars(
            select(ItemVersion).where(ItemVersion.id.in_(wanted[start : start + READ_AT_A_TIME]))
        ):
            content = open_content(vault, version)
            found[version.id] = KeyEntry(content.kind.value, content.key, points[version.id])
    return found


def _no_script() -> NotFound:
    return NotFound("SCRIPT_NOT_FOUND", "没有这份试卷。", "There is no such script.")
