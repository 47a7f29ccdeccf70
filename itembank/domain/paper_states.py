"""States of a paper and of its packages, and the steps between them."""

from __future__ import annotations

from enum import StrEnum

from server.core.state_machine import advance


class PaperState(StrEnum):
    """Where a paper stands."""

    DRAFT = "draft"  # 草稿: planned, no forms yet
    ASSEMBLED = "assembled"  # 已组卷: forms made, checked by the independent checker
    APPROVED = "approved"  # 已审定: a person checked it again and took responsibility
    SEALED = "sealed"  # 已封装: at least one package exists; forms never change again
    OPENED = "opened"  # 已启封: at least one package was opened
    RETIRED = "retired"  # 作废


class PaperAction(StrEnum):
    """What moves a paper on."""

    ASSEMBLE = "assemble"
    APPROVE = "approve"
    SEAL = "seal"
    OPEN = "open"
    RETIRE = "retire"


_S, _A = PaperState, PaperAction

PAPER_TRANSITIONS: dict[tuple[PaperState, PaperAction], PaperState] = {
    (_S.DRAFT, _A.ASSEMBLE): _S.ASSEMBLED,
    (_S.ASSEMBLED, _A.APPROVE): _S.APPROVED,
    (_S.APPROVED, _A.APPROVE): _S.APPROVED,
    # one package a room: a sealed paper is sealed again for the next room, also after the first one was opened
    (_S.ASSEMBLED, _A.SEAL): _S.SEALED,
    (_S.APPROVED, _A.SEAL): _S.SEALED,
    (_S.SEALED, _A.SEAL): _S.SEALED,
    (_S.OPENED, _A.SEAL): _S.OPENED,
    (_S.SEALED, _A.OPEN): _S.OPENED,
    (_S.OPENED, _A.OPEN): _S.OPENED,
    **{(state, _A.RETIRE): _S.RETIRED for state in (_S.DRAFT, _S.ASSEMBLED, _S.APPROVED, _S.SEALED, _S.OPENED)},
}


class PackageState(StrEnum):
    """Where a package stands."""

    SEALED = "sealed"  # 已封装
    OPENED = "opened"  # 已启封
    RETIRED = "retired"  # 作废


def advance_paper(state: str, action: PaperAction) -> PaperState:
    """The state after a step.

    Raises:
        Conflict: `TRANSITION_REFUSED`.
    """
    return advance(PAPER_TRANSITIONS, PaperState(state), action)
