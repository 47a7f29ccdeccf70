"""States of items and the steps between them (SZ-11 art. 13–18)."""

from __future__ import annotations

from enum import StrEnum

from server.core.state_machine import advance


class ItemState(StrEnum):
    """Where an item stands on its way into papers."""

    DRAFT = "draft"  # 草稿
    PROOFED = "proofed"  # 已校对
    REVIEWED = "reviewed"  # 已审定（一审）
    REVIEWED_AGAIN = "reviewed2"  # 已复审
    ACCEPTED = "accepted"  # 已验收入库
    LIVE = "live"  # 已使用
    SUSPENDED = "suspended"  # 暂停使用
    RETIRED = "retired"  # 退役


class ItemAction(StrEnum):
    """Steps; also the words in `ItemSignature.step`."""

    PROOF = "proof"
    REVIEW = "review"
    REVIEW_AGAIN = "review2"
    ACCEPT = "accept"
    TAKE_OVER = "take_over"
    USE = "use"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETIRE = "retire"
    SEND_BACK = "send_back"


_S, _A = ItemState, ItemAction

ITEM_TRANSITIONS: dict[tuple[ItemState, ItemAction], ItemState] = {
    (_S.DRAFT, _A.PROOF): _S.PROOFED,
    (_S.PROOFED, _A.REVIEW): _S.REVIEWED,
    (_S.REVIEWED, _A.REVIEW_AGAIN): _S.REVIEWED_AGAIN,
    (_S.REVIEWED_AGAIN, _A.ACCEPT): _S.ACCEPTED,
    # a bank that was accepted elsewhere comes in as it is, on the importer's word and signature
    (_S.DRAFT, _A.TAKE_OVER): _S.ACCEPTED,
    (_S.ACCEPTED, _A.USE): _S.LIVE,
    (_S.LIVE, _A.USE): _S.LIVE,
    # failed at any step: redo (SZ-11 art. 17)
    (_S.PROOFED, _A.SEND_BACK): _S.DRAFT,
    (_S.REVIEWED, _A.SEND_BACK): _S.DRAFT,
    (_S.REVIEWED_AGAIN, _A.SEND_BACK): _S.DRAFT,
    (_S.ACCEPTED, _A.SUSPEND): _S.SUSPENDED,
    (_S.LIVE, _A.SUSPEND): _S.SUSPENDED,
    (_S.SUSPENDED, _A.RESUME): _S.ACCEPTED,
    (_S.DRAFT, _A.RETIRE): _S.RETIRED,
    (_S.ACCEPTED, _A.RETIRE): _S.RETIRED,
    (_S.LIVE, _A.RETIRE): _S.RETIRED,
    (_S.SUSPENDED, _A.RETIRE): _S.RETIRED,
}

#: Items a paper may take.
USABLE_STATES = frozenset({ItemState.ACCEPTED, ItemState.LIVE})
#: Signers an acceptance needs (SZ-11 art. 16: a panel of at least five, all sign).
ACCEPTANCE_PANEL = 5


def advance_item(state: ItemState, action: ItemAction) -> ItemState:
    """The state after a step.

    Raises:
        Conflict: `TRANSITION_REFUSED`.
    """
    return advance(ITEM_TRANSITIONS, state, action)
