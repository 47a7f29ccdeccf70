"""Use case: put the demonstration bank into an empty house, so that the product can be tried at once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from itembank.domain.states import ItemAction, ItemState
from itembank.importers.bank_files import demo_items, demo_spec_table
from itembank.item_rows import NewItem, add_items
from itembank.models import Item, SpecTable
from itembank.services.create_spec_table import add_spec_table
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork

#: Made-up signers; the word 示例 says so wherever they are shown. Author, proof-reader, reviewers and panel are different people.
DEMO_AUTHOR = "示例命题员"
DEMO_SIGNATURES: tuple[tuple[str, str], ...] = (
    (ItemAction.PROOF.value, "示例校对员"),
    (ItemAction.REVIEW.value, "示例审题员甲"),
    (ItemAction.REVIEW_AGAIN.value, "示例审题员乙"),
    *((ItemAction.ACCEPT.value, f"示例验收专家{number}") for number in ("甲", "乙", "丙", "丁", "戊")),
)


@dataclass(frozen=True, slots=True)
class DemoBank:
    """The demonstration bank in the database: its spec table, number of items, number of points."""

    spec_table_id: str
    items: int
    points: int


def load_demo_bank(uow: UnitOfWork, vault: Vault, actor: Actor) -> DemoBank:
    """Store spec table `demo` and its items, all accepted by a made-up panel (SZ-11 art. 16). Twice is the same as once."""
    table = demo_spec_table()
    generated = demo_items()
    with uow() as work:
        existing = work.session.scalars(select(SpecTable).where(SpecTable.name == table.name)).first()
        if existing is not None:
            held = work.session.scalar(
                select(func.count()).select_from(Item).where(
                    Item.occupation_code == table.occupation_code, Item.level == table.level, Item.author == DEMO_AUTHOR
                )
            )  # fmt: skip
            return DemoBank(existing.id, held or 0, len(table.points))
        table_id = add_spec_table(work, table, actor)
        add_items(
            work,
            vault,
            table.occupation_code,
            table.level,
            (
                NewItem(
                    content=item.content,
                    point=item.point,
                    difficulty=item.difficulty,
                    source_ref=f"demo:{item.ref}",
                    enemy_group=item.enemy_group or None,
                    author=DEMO_AUTHOR,
                    state=ItemState.ACCEPTED,
                    signatures=DEMO_SIGNATURES,
                )
                for item in generated
            ),
        )
        record(
            work,
            actor,
            AuditAction.BANK_ITEMS_IMPORTED,
            f"spec_table:{table_id}",
            {"source": "demo", "items": len(generated)},
        )
        record(
            work,
            actor,
            AuditAction.BANK_ITEMS_ACCEPTED,
            f"spec_table:{table_id}",
            {"panel": "示例", "items": len(generated)},
        )
    return DemoBank(table_id, len(generated), len(table.points))
