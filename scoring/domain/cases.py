"""A case of two similar papers: opened by one person, reviewed and closed by another. Figures open it; none closes it."""

from __future__ import annotations

from enum import StrEnum

from server.core.state_machine import advance


class CaseState(StrEnum):
    """Where a case stands."""

    #: given to a reviewer who has not looked yet
    OPEN = "open"
    #: the reviewer has seen the two papers
    UNDER_REVIEW = "under_review"
    CLOSED = "closed"


class CaseAction(StrEnum):
    """What can be done with a case."""

    BEGIN = "begin"
    CLOSE = "close"


class Conclusion(StrEnum):
    """How a case ends. Referred: handed to whoever decides about violations by the rules; nothing is voided here."""

    NO_FINDING = "no_finding"
    REFERRED = "referred"


CASE_TRANSITIONS: dict[tuple[CaseState, CaseAction], CaseState] = {
    (CaseState.OPEN, CaseAction.BEGIN): CaseState.UNDER_REVIEW,
    (CaseState.UNDER_REVIEW, CaseAction.BEGIN): CaseState.UNDER_REVIEW,
    # only who has looked can close
    (CaseState.UNDER_REVIEW, CaseAction.CLOSE): CaseState.CLOSED,
}


def advance_case(state: CaseState, action: CaseAction) -> CaseState:
    """The state after a step.

    Raises:
        Conflict: `TRANSITION_REFUSED`.
    """
    return advance(CASE_TRANSITIONS, state, action)
