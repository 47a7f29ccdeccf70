"""When use of an item gives a reason to take it out of papers, and how such a proposal goes on.

A proposal is a question to a person of the bank. Figures below `LEAST_TO_ACT` answers propose nothing (assembly-and-scoring
reference 3: act from 300 on).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from server.core.state_machine import advance

LEAST_TO_ACT = 300
#: share of all candidates of the occupation and level who have seen an item; the customary bound of exposure control
#: (Sympson & Hetter 1985 and after: .20–.30; assembly reaches .24 on a bank of 1,200)
MOST_EXPOSURE = 0.25
#: one bad day is no habit: only items used in so many analysed sittings can be over-exposed
LEAST_SITTINGS = 3


class ProposalKind(StrEnum):
    """Why."""

    WRONG_KEY = "wrong_key"
    FAULTY = "faulty"
    OVER_EXPOSED = "over_exposed"


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class ProposalAction(StrEnum):
    """What a person of the bank decides."""

    ACCEPT = "accept"
    REJECT = "reject"


PROPOSAL_TRANSITIONS: dict[tuple[ProposalState, ProposalAction], ProposalState] = {
    (ProposalState.OPEN, ProposalAction.ACCEPT): ProposalState.ACCEPTED,
    (ProposalState.OPEN, ProposalAction.REJECT): ProposalState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Use:
    """What use has shown of one item version. `exposed`: candidates who had it, of `candidates` of the occupation."""

    n: int
    sittings: int
    exposed: int
    candidates: int
    flags: Collection[str]
    p: float | None = None
    item_rest_r: float | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item should be looked at."""

    kind: ProposalKind
    words_zh: str
    words_en: str


def reasons_to_suspend(use: Use) -> tuple[Reason, ...]:
    """At most one reason of each kind, the gravest first."""
    found = []
    if use.n >= LEAST_TO_ACT and "WRONG_KEY_SUSPECTED" in use.flags:
        found.append(
            Reason(
                ProposalKind.WRONG_KEY,
                f"{use.n} 人作答后，答案仍可能有误，请核对；核对前建议暂停使用。",
                f"After {use.n} answers the key is still suspected to be wrong. Check it; suspend the item until then.",
            )
        )
    elif use.n >= LEAST_TO_ACT and "NEGATIVE_DISCRIMINATION" in use.flags:
        r = f"（r = {use.item_rest_r:.2f}）" if use.item_rest_r is not None else ""
        found.append(
            Reason(
                ProposalKind.FAULTY,
                f"{use.n} 人作答后，得分高的考生反而更容易答错{r}，试题可能有误，建议暂停使用。",
                f"After {use.n} answers strong candidates still do worse; the item may be faulty. Suspend it.",
            )
        )
    share = use.exposed / use.candidates if use.candidates else 0.0
    if use.sittings >= LEAST_SITTINGS and share > MOST_EXPOSURE:
        found.append(
            Reason(
                ProposalKind.OVER_EXPOSED,
                f"已在 {use.sittings} 场使用，{share:.0%} 的考生见过（上限 {MOST_EXPOSURE:.0%}），建议暂停使用。",
                f"Used in {use.sittings} sittings, {share:.0%} of the candidates have seen it (bound {MOST_EXPOSURE:.0%}). Rest it.",
            )
        )
    return tuple(found)


def advance_proposal(state: ProposalState, action: ProposalAction) -> ProposalState:
    """The state after a decision.

    Raises:
        Conflict: `TRANSITION_REFUSED`: somebody has decided already.
    """
    return advance(PROPOSAL_TRANSITIONS, state, action)
