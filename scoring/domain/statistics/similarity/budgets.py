"""How many honest pairs may be flagged in a sitting, by family; and the p-value each pair must stay below.

Neighbours .02, same room .02, everyone else .01 expected false flags a sitting; where displayed letters are tested as well as
contents, each test has half of it. Without rooms there is one family with .05. Bonferroni inside a family; beyond 1e-6 the
threshold is divided by 3, because that far out honest pairs are somewhat more frequent than the normal law says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints
from scoring.domain.statistics.similarity.seating import Family

FAR, FAR_FACTOR = 1e-6, 1 / 3


@dataclass(frozen=True)
class Budgets:
    """Expected false flags in one sitting, by family."""

    neighbour: float = 0.02
    same_room: float = 0.02
    other: float = 0.01
    without_rooms: float = 0.05

    def halved(self) -> Budgets:
        """For each of two tests of the same pairs."""
        return Budgets(self.neighbour / 2, self.same_room / 2, self.other / 2, self.without_rooms / 2)


@dataclass(frozen=True)
class FamilyBudget:
    """One family: its pairs, its budget, the p-value a pair must reach."""

    family: str
    pairs: int
    expected_false_flags: float
    threshold: float


NAMES = {Family.NEIGHBOUR: "neighbour", Family.SAME_ROOM: "same_room", Family.OTHER: "other"}


def share_out(
    counts: dict[Family, int], budgets: Budgets, has_rooms: bool, far_factor: float
) -> dict[Family, FamilyBudget]:
    """Threshold of each family from the number of its pairs."""
    alpha = {
        Family.NEIGHBOUR: budgets.neighbour,
        Family.SAME_ROOM: budgets.same_room,
        Family.OTHER: budgets.other if has_rooms else budgets.without_rooms,
    }
    shared = {}
    for family, size in counts.items():
        threshold = alpha[family] / size if size else 0.0
        if 0 < threshold < FAR:
            threshold *= far_factor
        shared[family] = FamilyBudget(NAMES[family], size, alpha[family] if size else 0.0, threshold)
    return shared


def thresholds(families: Ints, shared: dict[Family, FamilyBudget]) -> Floats:
    """The threshold of each pair's family."""
    table = np.array([shared[family].threshold for family in sorted(shared)])
    return np.asarray(table[families])
