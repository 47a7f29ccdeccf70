"""What marking one item means: chosen options and the key in, points and the reason out.

Options are canonical option identities, never letters or display positions, so a shuffle cannot change a mark.
Points are whole 1/100 points.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, ClassVar

from scoring.domain.rounding import round_half_up

Options = frozenset[str]


class MarkReason(StrEnum):
    """Why an item got its points."""

    CORRECT = "correct"
    WRONG = "wrong"
    #: Nothing wrong chosen, but not everything that belongs to the key.
    INCOMPLETE = "incomplete"
    #: Two options where one is asked for.
    TWO_MARKS = "two_marks"
    #: Left empty although a later item was answered.
    OMITTED = "omitted"
    #: Answered once, then emptied by the candidate.
    CLEARED = "cleared"
    #: Empty, and nothing after it was answered either.
    NOT_REACHED = "not_reached"
    #: Everybody gets the points: decided after the sitting.
    FULL_CREDIT = "full_credit"
    #: The item does not count: decided after the sitting.
    DROPPED = "dropped"


REASON_TEXTS: dict[MarkReason, tuple[str, str]] = {
    MarkReason.CORRECT: ("回答正确", "Correct"),
    MarkReason.WRONG: ("回答错误", "Wrong"),
    MarkReason.INCOMPLETE: ("漏选：所选都对，但没有选全", "Incomplete: nothing wrong chosen, but not all of the key"),
    MarkReason.TWO_MARKS: ("多涂：只能选一项的题选了多项", "Two marks where one option is asked for"),
    MarkReason.OMITTED: ("未作答（后面的题已作答）", "Omitted (a later item was answered)"),
    MarkReason.CLEARED: ("已清除作答", "Answer cleared by the candidate"),
    MarkReason.NOT_REACHED: ("未答到", "Not reached"),
    MarkReason.FULL_CREDIT: ("试题有误，全体给分", "Faulty item, full credit for everybody"),
    MarkReason.DROPPED: ("试题有误，不计分", "Faulty item, not counted"),
}


class MultipleRule(StrEnum):
    """How a multiple-choice answer that is not the whole key is marked."""

    #: All or nothing.
    ALL = "all"
    #: A proper part of the key gets a fixed fraction.
    PARTIAL_FIXED = "partial_fixed"
    #: A proper part of the key gets so much per chosen option, always less than full.
    PARTIAL_EACH = "partial_each"


@dataclass(frozen=True, slots=True)
class MarkRule:
    """The rule of one item. `each` and `penalty` in 1/100 point; the penalty is for a wrong answer, not for none."""

    name: MultipleRule = MultipleRule.ALL
    fraction: Fraction = Fraction(1, 2)
    each: int = 50
    penalty: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise ValueError("a part of the key is worth less than the whole")
        if self.each < 0 or self.penalty < 0:
            raise ValueError("points of a rule are not negative")

    def to_document(self) -> dict[str, Any]:
        """JSON form: `{"name", "fraction": [1, 2], "each", "penalty"}`."""
        return {
            "name": self.name.value,
            "fraction": [self.fraction.numerator, self.fraction.denominator],
            "each": self.each,
            "penalty": self.penalty,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> MarkRule:
        """Inverse of `to_document`."""
        numerator, denominator = document["fraction"]
        return cls(
            MultipleRule(document["name"]), Fraction(numerator, denominator), document["each"], document["penalty"]
        )


ALL_OR_NOTHING = MarkRule()


@dataclass(frozen=True, slots=True)
class Mark:
    """Points of one item, in 1/100 point, and why."""

    points: int
    reason: MarkReason


class Marker(ABC):
    """Marks one kind of item. Stateless; an answer here is never empty (see `attempt_score`)."""

    kind: ClassVar[str]

    @abstractmethod
    def mark(self, chosen: Options, key: Options, points: int, rule: MarkRule) -> Mark:
        """The mark of a non-empty answer against one accepted key."""

    def best_mark(self, chosen: Options, keys: Iterable[Options], points: int, rule: MarkRule) -> Mark:
        """The best mark over all accepted keys; the first one wins a tie, so that the reason is stable."""
        return max((self.mark(chosen, key, points, rule) for key in keys), key=lambda mark: mark.points)


def part_of_key(chosen: Options, key: Options, points: int, rule: MarkRule) -> int:
    """Points of a proper, non-empty part of the key; rounded half up once, here, at item level."""
    if rule.name is MultipleRule.PARTIAL_FIXED:
        return round_half_up(points * rule.fraction)
    if rule.name is MultipleRule.PARTIAL_EACH:
        # "Capped below full": a part never earns what the whole earns.
        return max(0, min(rule.each * len(chosen & key), points - 1))
    return 0
