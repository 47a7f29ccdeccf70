"""Papers in a database: a small bank with texts, assembled and sealed. Texts carry a marker that must never leak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from itembank.content import fingerprint, seal_content
from itembank.domain.item import ItemContent, ItemKind, ItemOption, true_false
from itembank.domain.sealing import KdfCost
from itembank.models import Item, ItemVersion, SpecNode, SpecTable
from itembank.services.assemble_paper import PaperSummary, assemble_paper
from itembank.services.seal_package import SealedPackage, seal_package
from server.adapters.vault import Vault
from server.core.actor import SYSTEM
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.ids import new_id
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.papers import a_plan

MARKER = "明远密题标记-7f3a"
SMALL_SECTIONS = (("single", 6, 100), ("true_false", 2, 100), ("multiple", 2, 200))
QUICK = KdfCost(passes=1, memory_kib=64)
START = datetime(2026, 3, 7, 1, 0, tzinfo=UTC)


@dataclass
class PaperWorld:
    """A bank of one occupation in a database, and what is needed to work with it."""

    uow: UnitOfWork
    vault: Vault
    folder: Path

    def assemble(self, forms: int = 2, backups: int = 1, seed: int = 7) -> PaperSummary:
        return assemble_paper(self.uow, self.vault, "small", forms, backups, seed, SYSTEM)

    def seal(self, paper_id: str, *, is_backup: bool = False, **copies: int) -> SealedPackage:
        copies = copies or {"A": 2, "B": 2}
        return seal_package(
            self.uow, self.vault, self.folder, paper_id, "第一机房", copies, is_backup, SYSTEM, cost=QUICK
        )


def a_paper_world(
    database: Database, folder: Path, items_per_point: int = 12, vault: Vault | None = None
) -> PaperWorld:
    """Two ranges of four points each; every point has items of all three kinds."""
    vault = vault or Vault(bytes(range(32)))
    uow = UnitOfWork(database, InProcessBus(), ManualClock(START))
    with uow() as work:
        table = SpecTable(
            id=new_id(),
            name="small",
            occupation_code="6-31-01-03",
            occupation_name="电工",
            level=4,
            version=1,
            paper_plan=a_plan(SMALL_SECTIONS, max_items_per_point=3).to_document(),
            created_at=work.clock.now(),
        )
        work.session.add(table)
        work.session.flush()
        for position, letter in enumerate("AB"):
            work.session.add(_node(table.id, letter, "range", position * 10, weight=6000 if letter == "A" else 4000))
            for number in range(4):
                path = f"{letter}/{number + 1:03d}"
                work.session.add(_node(table.id, path, "point", position * 10 + number + 1, importance="XXYX"[number]))
                for serial in range(items_per_point):
                    _add_item(work.session, vault, path, serial)
    return PaperWorld(uow, vault, folder)


def _node(table: str, path: str, kind: str, position: int, weight: int | None = None, importance: str | None = None):
    return SpecNode(
        spec_table_id=table,
        path=path,
        kind=kind,
        name=f"节点{path}",
        weight=weight,
        importance=importance,
        position=position,
    )


def _add_item(session, vault: Vault, point: str, serial: int) -> None:
    kind = (ItemKind.SINGLE, ItemKind.SINGLE, ItemKind.TRUE_FALSE, ItemKind.MULTIPLE)[serial % 4]
    stem = f"{MARKER} {point} 第{serial}题"
    if kind is ItemKind.TRUE_FALSE:
        content = true_false(stem, right=serial % 8 == 2)
    else:
        options = tuple(
            ItemOption(letter, f"{MARKER} 选项{letter}", pinned=letter == "D" and serial % 3 == 0) for letter in "ABCD"
        )
        content = ItemContent(
            kind, stem, options, frozenset("A" if kind is ItemKind.SINGLE else "AC"), f"{MARKER} 解析"
        )
    item_id, version_id = new_id(), new_id()
    session.add(
        Item(
            id=item_id,
            occupation_code="6-31-01-03",
            level=4,
            point=point,
            kind=kind.value,
            state="accepted",
            enemy_group=f"E{point}" if serial in {0, 4} else None,
            difficulty=serial % 5 + 1,
            current_version_id=version_id,
            created_at=START,
        )
    )
    session.flush()
    session.add(
        ItemVersion(
            id=version_id,
            item_id=item_id,
            version=1,
            cipher=seal_content(vault, version_id, content),
            fingerprint=fingerprint(vault, content),
            made_at=START,
        )
    )
