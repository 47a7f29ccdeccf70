"""Use case: generate items from templates into the bank, as drafts of their author."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from itembank.content import fingerprint
from itembank.domain.generated_item import GeneratedItem
from itembank.domain.item_generation import generate_items as generate_from_templates
from itembank.domain.item_template import Template
from itembank.item_rows import NewItem, add_items, known_items
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Generation:
    """What came of the templates: `stored` are new, `known` were in the bank already."""

    generated: int
    stored: int
    known: int
    item_ids: list[str]


def generate_items(
    uow: UnitOfWork,
    vault: Vault,
    templates: Sequence[Template],
    occupation_code: str,
    level: int,
    source: str,
    actor: Actor,
) -> Generation:
    """Generate, leave out what the bank holds, store the rest as drafts.

    Raises:
        InvalidInput: a template contradicts itself (`KEY_NOT_PROVEN`, `TEMPLATE_TOO_NARROW`, …); nothing is stored.
    """
    generated: list[GeneratedItem] = generate_from_templates(templates)
    with uow() as work:
        held = {each.fingerprint for each in known_items(work.session, occupation_code, level)}
        fresh = [item for item in generated if fingerprint(vault, item.content) not in held]
        ids = add_items(
            work,
            vault,
            occupation_code,
            level,
            [
                NewItem(
                    content=item.content,
                    point=item.point,
                    difficulty=item.difficulty,
                    source_ref=f"{source}:{item.ref}"[-120:],
                    enemy_group=item.enemy_group or None,
                    author=actor.id,
                )
                for item in fresh
            ],
        )
        record(
            work, actor, AuditAction.BANK_ITEMS_IMPORTED, f"bank:{occupation_code}/{level}",
            {"source": source[:80], "generated": len(generated), "stored": len(fresh)},
        )  # fmt: skip
    return Generation(len(generated), len(fresh), len(generated) - len(fresh), [item_id for item_id, _ in ids])
