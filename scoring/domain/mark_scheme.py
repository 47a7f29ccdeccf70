"""The mark scheme 评分标准 of one paper: keys, rules and decisions about faulty items.

A version is never changed; a correction makes the next one (MK-1, MK-7). Three decisions are possible after a
sitting: another answer is accepted as well, everybody gets the points, or the item is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from scoring.domain.canonical import canonical_digest
from scoring.domain.markers.base import ALL_OR_NOTHING, Marker, MarkRule, Options
from scoring.domain.markers.multiple_choice import MultipleChoiceMarker
from scoring.domain.markers.single_choice import SingleChoiceMarker
from scoring.domain.markers.true_false import TrueFalseMarker
from server.core.errors import InvalidInput, NotFound

MARKERS: dict[str, Marker] = {
    marker.kind: marker for marker in (SingleChoiceMarker(), MultipleChoiceMarker(), TrueFalseMarker())
}


class DecisionKind(StrEnum):
    """What was decided about a faulty item after the sitting."""

    ACCEPT_ALSO = "accept_also"
    FULL_CREDIT_ALL = "full_credit_all"
    DROP_AND_RESCALE = "drop_and_rescale"


@dataclass(frozen=True, slots=True)
class Decision:
    """`also`: further accepted keys, for `accept_also` only."""

    kind: DecisionKind
    also: tuple[Options, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Key and rule of one item version. `points` in 1/100 point, as the paper plan says."""

    kind: str
    key: Options
    points: int
    rule: MarkRule = ALL_OR_NOTHING
    decision: Decision | None = None

    @property
    def accepted(self) -> tuple[Options, ...]:
        """Every key that earns full points, the original one first."""
        return (self.key, *(self.decision.also if self.decision else ()))

    def to_document(self) -> dict[str, Any]:
        """JSON form with sorted options."""
        decision = None
        if self.decision is not None:
            decision = {"kind": self.decision.kind.value, "also": [sorted(also) for also in self.decision.also]}
        return {
            "kind": self.kind,
            "key": sorted(self.key),
            "points": self.points,
            "rule": self.rule.to_document(),
            "decision": decision,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ItemKey:
        """Inverse of `to_document`."""
        decision = None
        if document["decision"] is not None:
            also = tuple(frozenset(options) for options in document["decision"]["also"])
            decision = Decision(DecisionKind(document["decision"]["kind"]), also)
        return cls(
            kind=document["kind"],
            key=frozenset(document["key"]),
            points=document["points"],
            rule=MarkRule.from_document(document["rule"]),
            decision=decision,
        )


@dataclass(frozen=True)
class MarkScheme:
    """`items`: item version id → key and rule, of every form of the paper."""

    items: Mapping[str, ItemKey]

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the document."""
        return canonical_digest(self.to_document())

    def to_document(self) -> dict[str, Any]:
        """JSON form; secret, kept encrypted."""
        return {version_id: key.to_document() for version_id, key in self.items.items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> MarkScheme:
        """Inverse of `to_document`."""
        return cls({version_id: ItemKey.from_document(key) for version_id, key in document.items()})

    def key_of(self, item_version_id: str) -> ItemKey:
        """The key of one item.

        Raises:
            NotFound: `ITEM_NOT_IN_MARK_SCHEME`.
        """
        try:
            return self.items[item_version_id]
        except KeyError:
            raise NotFound(
                "ITEM_NOT_IN_MARK_SCHEME",
                "评分标准中没有这道题，成绩无法计算，请联系考务。",
                "The mark scheme has no such item; the score cannot be computed. Tell the exam office.",
                item_version_id=item_version_id,
            ) from None


def marker_for(kind: str) -> Marker:
    """The marker of an item kind.

    Raises:
        InvalidInput: `ITEM_KIND_NOT_MARKABLE`; the kind is named, nothing is skipped silently.
    """
    try:
        return MARKERS[kind]
    except KeyError:
        raise InvalidInput(
            "ITEM_KIND_NOT_MARKABLE",
            f"题型“{kind}”还不能自动评分。",
            f"Items of kind '{kind}' cannot be marked automatically.",
            kind=kind,
        ) from None


def accept_also(scheme: MarkScheme, item_version_id: str, also: Options) -> MarkScheme:
    """The scheme in which `also` earns full points too; earlier additions stay.

    Raises:
        NotFound: the item is not in the scheme.
        InvalidInput: `KEY_NOT_POSSIBLE`: empty, or several options where one is asked for.
    """
    key = scheme.key_of(item_version_id)
    if not also or (key.kind != "multiple" and len(also) != 1):
        raise InvalidInput(
            "KEY_NOT_POSSIBLE",
            "补充答案不能为空；单选题和判断题的补充答案只能是一个选项。",
            "A further key is not empty, and exactly one option for single choice and true–false.",
        )
    before = key.decision.also if key.decision and key.decision.kind is DecisionKind.ACCEPT_ALSO else ()
    if also == key.key or also in before:
        return scheme
    return _with(scheme, item_version_id, Decision(DecisionKind.ACCEPT_ALSO, (*before, also)))


def full_credit_all(scheme: MarkScheme, item_version_id: str) -> MarkScheme:
    """The scheme in which everybody who took the paper gets this item's points, answered or not."""
    scheme.key_of(item_version_id)
    return _with(scheme, item_version_id, Decision(DecisionKind.FULL_CREDIT_ALL))


def drop_and_rescale(scheme: MarkScheme, item_version_id: str) -> MarkScheme:
    """The scheme in which the item counts for nobody and the rest of the form is the whole."""
    scheme.key_of(item_version_id)
    return _with(scheme, item_version_id, Decision(DecisionKind.DROP_AND_RESCALE))


def _with(scheme: MarkScheme, item_version_id: str, decision: Decision) -> MarkScheme:
    changed = replace(scheme.items[item_version_id], decision=decision)
    return MarkScheme({**scheme.items, item_version_id: changed})
