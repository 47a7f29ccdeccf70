"""Items, templates and spec tables for tests of the item bank."""

from __future__ import annotations

from datetime import UTC, datetime

from itembank.domain.item import ItemContent, ItemKind, ItemOption
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange, SpecTable
from itembank.importers.sheets import SourceRow
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.permissions import Role
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork

KEEPER = Actor(id="keeper", role=Role.BANK_KEEPER, name="题库管理员")
VAULT = Vault(b"\x07" * 32)
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def a_uow(database: Database) -> UnitOfWork:
    """A unit of work on the database with a clock that stands still."""
    return UnitOfWork(database, InProcessBus(), ManualClock(START))


def a_choice(
    stem: str = "下列属于导体的是（　）。",
    options: tuple[str, ...] = ("铜", "橡胶", "玻璃", "陶瓷"),
    key: str = "A",
    kind: ItemKind = ItemKind.SINGLE,
) -> ItemContent:
    """A single-answer item unless told otherwise; options get the letters A, B, …"""
    return ItemContent(
        kind, stem, tuple(ItemOption("ABCDEFGH"[n], text) for n, text in enumerate(options)), frozenset(key)
    )


def a_row(number: int = 2, **cells: str) -> SourceRow:
    """A row of an import file; columns stand in the order they are named."""
    return SourceRow(number, cells, {name: "ABCDEFGHIJKLMNOP"[n] for n, name in enumerate(cells)})


def a_small_spec(**changes: object) -> SpecTable:
    """Two ranges over three points; sound unless a change breaks it."""
    values: dict[str, object] = {
        "name": "small",
        "occupation_code": "6-31-01-03",
        "occupation_name": "电工",
        "level": 4,
        "ranges": (SpecRange("A", "基本要求", 4000), SpecRange("A/01", "基础", 4000), SpecRange("B", "相关知识", 6000)),
        "points": (
            SpecPoint("A/01/001", "欧姆定律", Importance.CORE),
            SpecPoint("A/01/002", "电功率", Importance.GENERAL),
            SpecPoint("B/001", "接触器", Importance.AUXILIARY),
        ),
    }
    return SpecTable(**{**values, **changes})  # type: ignore[arg-type]
