"""Use case: a panel accepts items into the bank (SZ-11 art. 13–17)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from itembank.domain.states import ACCEPTANCE_PANEL, ItemAction, ItemState, advance_item
from itembank.models import Item, ItemSignature
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import InvalidInput, NotFound
from server.core.ids import new_id
from server.storage.unit_of_work import UnitOfWork

READ_AT_A_TIME = 500
_STEPS = (ItemAction.PROOF, ItemAction.REVIEW, ItemAction.REVIEW_AGAIN)


def accept_items(
    uow: UnitOfWork,
    item_ids: Sequence[str],
    proof_reader: str,
    reviewers: tuple[str, str],
    panel: Sequence[str],
    actor: Actor,
) -> int:
    """Take drafts through proof-reading and both reviews to acceptance; returns how many.

    Raises:
        InvalidInput: `PANEL_TOO_SMALL` (SZ-11 art. 16), `SIGNERS_NOT_DISTINCT`, `AUTHOR_REVIEWS_OWN_ITEM`.
        NotFound: `ITEM_NOT_FOUND`.
        Conflict: `TRANSITION_REFUSED`: an item is no draft.
    """
    checkers = (proof_reader, *reviewers)
    if len(set(panel)) < ACCEPTANCE_PANEL:
        raise InvalidInput(
            "PANEL_TOO_SMALL",
            f"验收组至少 {ACCEPTANCE_PANEL} 名不同的成员签字。",
            f"At least {ACCEPTANCE_PANEL} different people sign.",
        )
    if len(set(checkers)) < len(checkers):
        raise InvalidInput(
            "SIGNERS_NOT_DISTINCT", "校对人与两名审题人必须是不同的人。", "Proof-reader and reviewers must differ."
        )
    with uow() as work:
        items: list[Item] = []
        for start in range(0, len(item_ids), READ_AT_A_TIME):
            part = item_ids[start : start + READ_AT_A_TIME]
            items += work.session.scalars(
                select(Item).where(Item.id.in_(part)).with_for_update().order_by(Item.id)
            ).all()
        if len(items) < len(set(item_ids)):
            raise NotFound("ITEM_NOT_FOUND", "有试题不存在。", "Some items do not exist.")
        now = work.clock.now()
        for item in items:
            if item.author and item.author in (*checkers, *panel):
                raise InvalidInput(
                    "AUTHOR_REVIEWS_OWN_ITEM",
                    "命题人不得审定、验收自己的试题。",
                    "Authors do not review their own items.",
                )
            state = ItemState(item.state)
            steps = [*zip(_STEPS, checkers, strict=True), *((ItemAction.ACCEPT, name) for name in dict.fromkeys(panel))]
            for action in (*_STEPS, ItemAction.ACCEPT):
                state = advance_item(state, action)
            item.state = state.value
            work.session.add_all(
                ItemSignature(id=new_id(), item_id=item.id, step=step.value, by=name, at=now) for step, name in steps
            )
        record(
            work, actor, AuditAction.BANK_ITEMS_ACCEPTED, "bank:items", {"items": len(items), "panel": len(set(panel))}
        )
    return len(items)
