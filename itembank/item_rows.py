"""Writing items into their rows, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from itembank.content import fingerprint, seal_content
from itembank.domain.item import ItemContent
from itembank.domain.states import ItemState
from itembank.models import Item, ItemSignature, ItemVersion
from server.adapters.vault import Vault
from server.core.ids import new_id
from server.storage.unit_of_work import Work

INSERT_AT_A_TIME = 400


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item about to be stored, at its first version. `signatures`: (step, who), in the order of the steps."""

    content: ItemContent
    point: str
    difficulty: int
    source_ref: str
    enemy_group: str | None = None
    author: str = ""
    state: ItemState = ItemState.DRAFT
    signatures: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class KnownItem:
    """What the bank already holds, for recognising re-imports."""

    item_id: str
    version_id: str
    fingerprint: str
    source_ref: str


def add_items(
    work: Work, vault: Vault, occupation_code: str, level: int, new_items: Iterable[NewItem]
) -> list[tuple[str, str]]:
    """Insert items, first versions and signatures; returns (item id, version id) in order."""
    now = work.clock.now()
    ids: list[tuple[str, str]] = []
    items, versions, signatures = [], [], []
    for new in new_items:
        item_id, version_id = new_id(), new_id()
        ids.append((item_id, version_id))
        items.append(
            {
                "id": item_id,
                "occupation_code": occupation_code,
                "level": level,
                "point": new.point,
                "kind": new.content.kind.value,
                "state": new.state.value,
                "enemy_group": new.enemy_group or None,
                "difficulty": new.difficulty,
                "current_version_id": version_id,
                "source_ref": new.source_ref,
                "author": new.author,
                "used_count": 0,
                "created_at": now,
            }
        )
        versions.append(
            {
                "id": version_id,
                "item_id": item_id,
                "version": 1,
                "cipher": seal_content(vault, version_id, new.content),
                "fingerprint": fingerprint(vault, new.content),
                "made_at": now,
            }
        )
        signatures += [
            {"id": new_id(), "item_id": item_id, "step": step, "by": by, "at": now} for step, by in new.signatures
        ]
    for table, rows in ((Item, items), (ItemVersion, versions), (ItemSignature, signatures)):
        for start in range(0, len(rows), INSERT_AT_A_TIME):
            work.session.execute(insert(table), rows[start : start + INSERT_AT_A_TIME])
    return ids


def known_items(session: Session, occupation_code: str, level: int) -> list[KnownItem]:
    """Every item of the occupation and level that is not retired, at its current version."""
    rows = session.execute(
        select(Item.id, ItemVersion.id, ItemVersion.fingerprint, Item.source_ref)
        .join(ItemVersion, ItemVersion.id == Item.current_version_id)
        .where(Item.occupation_code == occupation_code, Item.level == level, Item.state != ItemState.RETIRED.value)
        .order_by(Item.created_at, Item.id)
    )
    return [KnownItem(*row) for row in rows]
