"""The score of one attempt: a pure function of (answers, form, mark scheme, rule version). Units: 1/100 point.

Computing it again gives the identical integer and the identical digest (P8, MK-7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.domain.canonical import canonical_digest
from scoring.domain.mark_scheme import DecisionKind, ItemKey, MarkScheme, marker_for
from scoring.domain.markers.base import Mark, MarkReason, Options
from server.core.errors import Conflict

#: Raised whenever the same answers and the same scheme could give another integer than before.
RULE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class FormItem:
    """One item as this candidate saw it: `n` is its place, `options` maps shown references to option identities."""

    ref: str
    n: int
    item_version_id: str
    kind: str
    points: int
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ItemMark:
    """Mark of one item. No key, no option in it."""

    item_ref: str
    n: int
    mark: int
    full: int
    reason: MarkReason

    def to_document(self) -> dict[str, Any]:
        """JSON form as stored."""
        return {
            "item_ref": self.item_ref,
            "n": self.n,
            "mark": self.mark,
            "full": self.full,
            "reason": self.reason.value,
        }


@dataclass(frozen=True, slots=True)
class ComputedScore:
    """Total and marks in paper order."""

    score: int
    full_score: int
    marks: tuple[ItemMark, ...]

    def marks_document(self) -> list[dict[str, Any]]:
        """JSON form of the marks."""
        return [mark.to_document() for mark in self.marks]


def canonical_answers(form: Iterable[FormItem], shown: Mapping[str, Iterable[str]]) -> dict[str, Options]:
    """Shown option references → option identities, per item. An emptied answer is an empty set, no answer is absent.

    Raises:
        Conflict: `ANSWER_NOT_ON_FORM`: an item or option that this candidate's paper does not have. Nothing is
            guessed: an answer that cannot be read must be seen by a person.
    """
    items = {item.ref: item for item in form}
    answers: dict[str, Options] = {}
    for ref, chosen in shown.items():
        item = items.get(ref)
        chosen = tuple(chosen)
        if item is None or any(option not in item.options for option in chosen):
            raise Conflict(
                "ANSWER_NOT_ON_FORM",
                "作答中出现了该考生试卷上没有的题或选项，成绩未计算，请联系考务。",
                "An answer names an item or option this candidate's paper does not have; not scored. Tell the exam office.",
                item_ref=ref,
            )
        answers[ref] = frozenset(item.options[option] for option in chosen)
    return answers


def score_answers(form: Sequence[FormItem], answers: Mapping[str, Options], scheme: MarkScheme) -> ComputedScore:
    """Mark every item and add up. Penalties never take a section (all items of a kind) below zero.

    Raises:
        NotFound: `ITEM_NOT_IN_MARK_SCHEME`.
        InvalidInput: `ITEM_KIND_NOT_MARKABLE`.
    """
    in_order = sorted(form, key=lambda item: item.n)
    last_answered = max((item.n for item in in_order if answers.get(item.ref)), default=0)
    marks = []
    sections: dict[str, int] = {}
    full_score = 0
    for item in in_order:
        key = scheme.key_of(item.item_version_id)
        mark = _mark_item(item, answers.get(item.ref), key, reached=item.n < last_answered)
        is_dropped = mark.reason is MarkReason.DROPPED
        full_score += 0 if is_dropped else item.points
        sections[item.kind] = sections.get(item.kind, 0) + mark.points
        marks.append(ItemMark(item.ref, item.n, mark.points, 0 if is_dropped else item.points, mark.reason))
    return ComputedScore(sum(max(0, points) for points in sections.values()), full_score, tuple(marks))


def _mark_item(item: FormItem, chosen: Options | None, key: ItemKey, *, reached: bool) -> Mark:
    marker = marker_for(item.kind)
    if key.decision is not None and key.decision.kind is DecisionKind.DROP_AND_RESCALE:
        return Mark(0, MarkReason.DROPPED)
    if key.decision is not None and key.decision.kind is DecisionKind.FULL_CREDIT_ALL:
        return Mark(item.points, MarkReason.FULL_CREDIT)
    if chosen is None:
        return Mark(0, MarkReason.OMITTED if reached else MarkReason.NOT_REACHED)
    if not chosen:
        return Mark(0, MarkReason.CLEARED)
    return marker.best_mark(chosen, key.accepted, item.points, key.rule)


def score_digest(
    *,
    attempt_id: str,
    form_label: str,
    scheme_digest: str,
    answers_digest: str,
    computed: ComputedScore,
    rule_version: str,
) -> str:
    """Hex SHA-256 over everything a score depends on and everything it says."""
    return canonical_digest(
        {
            "attempt_id": attempt_id,
            "form": form_label,
            "mark_scheme": scheme_digest,
            "rule_version": rule_version,
            "answers_digest": answers_digest,
            "score": computed.score,
            "full_score": computed.full_score,
            "marks": computed.marks_document(),
        }
    )
