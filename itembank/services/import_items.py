"""Use case: take a file of items into the bank, row by row, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from itembank.content import fingerprint, open_content
from itembank.domain.chapter_spec import flat_spec_table
from itembank.domain.duplicates import key_text
from itembank.domain.item import ItemContent
from itembank.domain.states import ItemAction, ItemState
from itembank.importers.item_reader import ReadItem
from itembank.importers.report import RowProblem, Severity, as_document
from itembank.importers.sheets import SheetNote
from itembank.item_rows import KnownItem, NewItem, add_items, known_items
from itembank.models import ItemVersion, SpecNode, SpecTable
from itembank.services.create_spec_table import add_spec_table
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import InvalidInput
from server.storage.unit_of_work import UnitOfWork, Work

#: Rows named in a refusal; the whole list is what a dry run prints.
REPORTED_ERRORS = 100


@dataclass(frozen=True)
class ImportOutcome:
    """What happened to the rows: `read` = `accepted` + `rejected`; `accepted` = `stored` + `unchanged` (known already)."""

    read: int
    accepted: int
    rejected: int
    stored: int
    unchanged: int
    by_type: Mapping[str, int]
    problems: Sequence[RowProblem]
    notes: Sequence[SheetNote] = ()
    state: str = ItemState.DRAFT.value
    dry_run: bool = False
    rejected_by_code: Mapping[str, int] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The object of `bank import --json` (architecture 12)."""
        return {
            "read": self.read,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "stored": self.stored,
            "unchanged": self.unchanged,
            "by_type": dict(self.by_type),
            "state": self.state,
            "dry_run": self.dry_run,
            "rejected_by_code": dict(self.rejected_by_code),
            "problems": [as_document(each) for each in self.problems],
            "notes": [
                {"code": note.code, "message_zh": note.message_zh, "message_en": note.message_en} for note in self.notes
            ],
        }


@dataclass(frozen=True, slots=True)
class ChaptersTable:
    """Wish for a flat spec table made from the chapters of the file."""

    name: str
    occupation_name: str


class _DryRunDone(Exception):
    """Leaves the transaction without a trace."""


def import_items(
    uow: UnitOfWork,
    vault: Vault,
    items: Sequence[ReadItem],
    occupation_code: str,
    level: int,
    source: str,
    actor: Actor,
    *,
    notes: Sequence[SheetNote] = (),
    take_over: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    chapters_table: ChaptersTable | None = None,
) -> ImportOutcome:
    """Store the sound rows and say of every other one why not.

    Args:
        source: name of the file's origin; with the row's own number it recognises a re-import.
        take_over: the bank was accepted elsewhere: items arrive accepted on the actor's signature, else as drafts.
        strict: store nothing unless every row is sound.
        dry_run: judge everything, the bank's contents included, and store nothing.
        chapters_table: make this flat spec table from the file's chapters (or use it again); else the points of the
            newest spec table of the occupation and level are asked.

    Raises:
        InvalidInput: `ROWS_REJECTED` with `strict`; the report is in `report`.
    """
    outcome: ImportOutcome | None = None
    try:
        with uow() as work:
            outcome = _import(work, vault, items, occupation_code, level, source, actor, take_over, chapters_table)
            outcome = replace(outcome, notes=(*notes, *outcome.notes), dry_run=dry_run)
            if strict and outcome.rejected:
                raise InvalidInput(
                    "ROWS_REJECTED",
                    f"{outcome.rejected} 行有错误，整个文件未导入。改正后重试，或去掉 --strict 只导入无误的行。",
                    f"{outcome.rejected} rows are wrong; nothing was imported.",
                    report=_short_report(outcome),
                )
            if dry_run:
                raise _DryRunDone
    except _DryRunDone:
        pass
    assert outcome is not None
    return outcome


def _import(
    work: Work,
    vault: Vault,
    items: Sequence[ReadItem],
    occupation_code: str,
    level: int,
    source: str,
    actor: Actor,
    take_over: bool,
    chapters_table: ChaptersTable | None,
) -> ImportOutcome:
    known = known_items(work.session, occupation_code, level)
    if chapters_table is not None:
        _ensure_chapters_table(work, items, occupation_code, level, chapters_table, actor)
    place = _point_names(work, occupation_code, level)
    sorter = _Sorter(work, vault, known, source)
    fresh: list[NewItem] = []
    for item in items:
        _place(item, place)
        if item.is_rejected or item.content is None or not sorter.is_new(item, item.content):
            continue
        action = ItemAction.TAKE_OVER.value
        fresh.append(
            NewItem(
                content=item.content,
                point=item.point,
                difficulty=item.difficulty,
                source_ref=sorter.source_ref(item),
                enemy_group=item.enemy_group or None,
                state=ItemState.ACCEPTED if take_over else ItemState.DRAFT,
                signatures=((action, actor.id),) if take_over else (),
            )
        )
    add_items(work, vault, occupation_code, level, fresh)
    notes = _warn_of_missing_points(items)
    rejected = [item for item in items if item.is_rejected]
    outcome = ImportOutcome(
        read=len(items),
        accepted=len(items) - len(rejected),
        rejected=len(rejected),
        stored=len(fresh),
        unchanged=sorter.unchanged,
        by_type=_count_kinds(items),
        problems=[each for item in items for each in item.problems],
        state=(ItemState.ACCEPTED if take_over else ItemState.DRAFT).value,
        rejected_by_code=_count_codes(rejected),
        notes=notes,
    )
    subject = f"bank:{occupation_code}/{level}"
    detail = {"source": source[:80], "read": outcome.read, "stored": outcome.stored, "rejected": outcome.rejected}
    record(work, actor, AuditAction.BANK_ITEMS_IMPORTED, subject, detail)
    if take_over and fresh:
        record(
            work,
            actor,
            AuditAction.BANK_ITEMS_ACCEPTED,
            subject,
            {"source": source[:80], "items": len(fresh), "step": "take_over"},
        )
    return outcome


def _warn_of_missing_points(items: Sequence[ReadItem]) -> tuple[SheetNote, ...]:
    """On each row without a point; once for the whole file when none has one."""
    missing = [item for item in items if not item.point and not item.is_rejected]
    if missing and not any(item.point for item in items):
        return (
            SheetNote(
                "NO_POINTS", "文件没有鉴定点列，组卷前须补填。", "The file names no points; needed before assembly."
            ),
        )
    for item in missing:
        item.say("NO_POINT", "point")
    return ()


def _short_report(outcome: ImportOutcome) -> dict[str, Any]:
    errors = [each for each in outcome.problems if each.severity is Severity.ERROR][:REPORTED_ERRORS]
    return {**outcome.to_document(), "stored": 0, "problems": [as_document(each) for each in errors]}


def _count_kinds(items: Iterable[ReadItem]) -> dict[str, int]:
    kinds = Counter(item.content.kind.value for item in items if item.content is not None and not item.is_rejected)
    return {kind: kinds.get(kind, 0) for kind in ("single", "multiple", "true_false")}


def _count_codes(rejected: Iterable[ReadItem]) -> dict[str, int]:
    codes = Counter(next(each.code for each in item.problems if each.severity is Severity.ERROR) for item in rejected)
    return dict(sorted(codes.items()))


class _Sorter:
    """Tells new rows from known ones, changed ones and repeats of what the bank holds."""

    def __init__(self, work: Work, vault: Vault, known: Sequence[KnownItem], source: str) -> None:
        self._work, self._vault, self._source = work, vault, source
        self._by_fingerprint = {each.fingerprint: each for each in reversed(known)}
        self._by_source = {each.source_ref: each for each in known if each.source_ref}
        self.unchanged = 0

    def source_ref(self, item: ReadItem) -> str:
        return f"{self._source}:{item.source}"[-120:]

    def is_new(self, item: ReadItem, content: ItemContent) -> bool:
        """False when the row is known (counted) or refused (said on the row)."""
        reference = self.source_ref(item)
        same = self._by_fingerprint.get(fingerprint(self._vault, content))
        if same is not None:
            stored = open_content(self._vault, self._work.session.scalars(
                select(ItemVersion).where(ItemVersion.id == same.version_id)).one())  # fmt: skip
            if key_text(stored) != key_text(content):
                item.say("CONFLICTS_WITH_BANK", "answer", first=same.source_ref)
            elif same.source_ref == reference:
                self.unchanged += 1
            else:
                item.say("DUPLICATE_IN_BANK", "stem", first=same.source_ref)
            return False
        if reference in self._by_source:
            item.say("CHANGED_SINCE_IMPORT", "stem", first=reference)
            return False
        return True


def _ensure_chapters_table(
    work: Work, items: Sequence[ReadItem], occupation_code: str, level: int, wish: ChaptersTable, actor: Actor
) -> None:
    if work.session.scalars(select(SpecTable).where(SpecTable.name == wish.name)).first() is not None:
        return
    sound = [item for item in items if not item.is_rejected and item.content is not None]
    chapters = Counter(item.point for item in sound if item.point)
    if not chapters:
        raise InvalidInput(
            "NO_CHAPTERS",
            "文件没有章节列，无法按章节建立细目表。",
            "The file has no chapter column to make a spec table from.",
        )
    versions = work.session.scalars(
        select(SpecTable.version).where(SpecTable.occupation_code == occupation_code, SpecTable.level == level)
    )
    kinds = frozenset(item.content.kind for item in sound if item.content is not None)
    table, _ = flat_spec_table(
        wish.name, occupation_code, wish.occupation_name, level, chapters, kinds, version=max(versions, default=0) + 1
    )
    add_spec_table(work, table, actor)


def _point_names(work: Work, occupation_code: str, level: int) -> dict[str, str]:
    """Everything that may name a point of the newest spec table: its path, with other separators, its name."""
    table = work.session.scalars(
        select(SpecTable)
        .where(SpecTable.occupation_code == occupation_code, SpecTable.level == level)
        .order_by(SpecTable.version.desc())
    ).first()
    if table is None:
        return {}
    nodes = work.session.scalars(
        select(SpecNode).where(SpecNode.spec_table_id == table.id, SpecNode.kind == "point")
    ).all()
    names: dict[str, str] = {}
    counted = Counter(node.name for node in nodes)
    for node in nodes:
        names.update(
            {node.path: node.path, node.path.replace("/", "-"): node.path, node.path.replace("/", ""): node.path}
        )
        if counted[node.name] == 1:
            names[node.name] = node.path
    return names


def _place(item: ReadItem, place: Mapping[str, str]) -> None:
    """Put the point's path in place of the file's word for it."""
    if not item.point:
        return
    if not place:
        item.point = item.point[:80]
        return
    found = place.get(item.point)
    if found is None:
        item.say("POINT_UNKNOWN", "point", item.point)
    else:
        item.point = found
