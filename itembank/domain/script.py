"""A script 一份试卷: one candidate's copy of a form, its order fixed when it is made.

Sections keep their order, items are shuffled inside their section, options inside their item (pinned ones stay). What
the candidate sees are opaque references, random for each script: the same item has another name on every script, so
neither letters nor names can be passed on. Answers are stored by identity, the layout maps them back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from itembank.domain.item import ItemContent, ItemOption
from itembank.domain.paper_plan import PaperPlan
from server.core.errors import InvalidInput

REF_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
#: Random and short: on a script of 100 items they are what does not compress. They are names, not secrets: two scripts
#: may have the same one by chance, for whatever items. A script with many options has longer ones (`_length_for`).
ITEM_REF_LENGTH, OPTION_REF_LENGTH = 3, 2


@dataclass(frozen=True, slots=True)
class ScriptItem:
    """One item on a script. `options`: opaque reference → option id, in displayed order; `points` in 1/100."""

    ref: str
    item_version_id: str
    kind: str
    points: int
    options: Mapping[str, str]

    def option_ids(self, refs: Iterable[str]) -> frozenset[str]:
        """Identities of the chosen options, whatever their order on the screen.

        Raises:
            InvalidInput: `UNKNOWN_OPTION` when a reference is not on this item.
        """
        try:
            return frozenset(self.options[ref] for ref in refs)
        except KeyError:
            raise InvalidInput(
                "UNKNOWN_OPTION", "所选选项不在本题中，请刷新页面。", "The option is not on this item; reload the page."
            ) from None


@dataclass(frozen=True, slots=True)
class ScriptLayout:
    """Identities of one script in displayed order: no text, no key. `items`: reference → item. Immutable."""

    items: Mapping[str, ScriptItem]

    @property
    def total_points(self) -> int:
        """Full mark in 1/100 point."""
        return sum(item.points for item in self.items.values())

    def to_rows(self) -> list[dict[str, Any]]:
        """The form stored in `Script.layout`."""
        return [{**_plain(item), "options": dict(item.options)} for item in self.items.values()]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> ScriptLayout:
        """Inverse of `to_rows`."""
        items = {row["ref"]: ScriptItem(**{**row, "options": MappingProxyType(dict(row["options"]))}) for row in rows}
        return cls(MappingProxyType(items))


@dataclass(frozen=True, slots=True)
class CandidateOption:
    """An option as the candidate gets it."""

    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class CandidateItem:
    """An item as the candidate gets it: `n` counts through the whole paper from 1."""

    ref: str
    n: int
    kind: str
    stem: str
    options: tuple[CandidateOption, ...]


@dataclass(frozen=True, slots=True)
class CandidateSection:
    """A section as the candidate gets it; `points_each` in 1/100."""

    title: str
    kind: str
    points_each: int
    instruction: str
    items: tuple[CandidateItem, ...]


@dataclass(frozen=True, slots=True)
class CandidatePaper:
    """Everything of a paper that a candidate's machine ever holds before the marks are out.

    There is no field for a key, a difficulty, a statistic, an author or a bank id (security-and-reliability.md 7.2).
    """

    title: str
    total_points: int
    sections: tuple[CandidateSection, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON inside the encrypted file."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class FormItem:
    """What making a script needs of one item of a form."""

    item_version_id: str
    kind: str
    points: int
    option_ids: tuple[str, ...]
    pinned: frozenset[str] = frozenset()

    @classmethod
    def of_content(cls, item_version_id: str, points: int, content: ItemContent) -> FormItem:
        """From the item's content."""
        return cls(
            item_version_id=item_version_id,
            kind=content.kind.value,
            points=points,
            option_ids=tuple(option.id for option in content.options),
            pinned=frozenset(option.id for option in content.options if option.pinned),
        )


def make_layout(plan: PaperPlan, items: Sequence[FormItem], random: Random) -> ScriptLayout:
    """Shuffle one script of a form: sections as planned, items in their section, options in their item.

    References are drawn without looking at what they name: they depend on `random` and on the numbers of items and
    options alone. `random` is `secrets.SystemRandom()` in the product, a seeded generator in tests.
    """
    item_length = _length_for(len(items), ITEM_REF_LENGTH)
    option_length = _length_for(sum(len(item.option_ids) for item in items), OPTION_REF_LENGTH)
    refs: set[str] = set()
    found: dict[str, ScriptItem] = {}
    for section in plan.sections:
        inside = [item for item in items if item.kind == section.kind]
        random.shuffle(inside)
        for item in inside:
            ref = "q" + _new_ref(random, item_length, refs)
            options = {_new_ref(random, option_length, refs): option for option in shuffle_options(item, random)}
            found[ref] = ScriptItem(ref, item.item_version_id, item.kind, item.points, MappingProxyType(options))
    return ScriptLayout(MappingProxyType(found))


def shuffle_options(item: FormItem, random: Random) -> list[str]:
    """Option ids in displayed order: pinned ones keep their place, the others are shuffled among theirs."""
    moving = [option for option in item.option_ids if option not in item.pinned]
    random.shuffle(moving)
    rest = iter(moving)
    return [option if option in item.pinned else next(rest) for option in item.option_ids]


def candidate_paper(
    plan: PaperPlan, title: str, layout: ScriptLayout, contents: Mapping[str, ItemContent]
) -> CandidatePaper:
    """The paper of one script; `contents` by item version id. Only the stem and the options' texts are read."""
    numbered = {ref: number for number, ref in enumerate(layout.items, 1)}
    sections = []
    for number, section in enumerate(plan.sections):
        section_title, instruction = plan.section_words(number)
        items = tuple(
            CandidateItem(item.ref, numbered[item.ref], item.kind, contents[item.item_version_id].stem,
                          _options(item, contents[item.item_version_id].options))
            for item in layout.items.values()
            if item.kind == section.kind
        )  # fmt: skip
        sections.append(CandidateSection(section_title, section.kind, section.points_each, instruction, items))
    return CandidatePaper(title, plan.total, tuple(sections))


def _options(item: ScriptItem, options: Sequence[ItemOption]) -> tuple[CandidateOption, ...]:
    texts = {option.id: option.text for option in options}
    return tuple(CandidateOption(ref, texts[option]) for ref, option in item.options.items())


def _length_for(needed: int, at_least: int) -> int:
    """Letters with which no more than three quarters of all names are taken, so that a free one is soon found."""
    length = at_least
    while 3 * len(REF_LETTERS) ** length < 4 * needed:
        length += 1
    return length


def _new_ref(random: Random, length: int, taken: set[str]) -> str:
    while True:
        ref = "".join(random.choice(REF_LETTERS) for _ in range(length))
        if ref not in taken:
            taken.add(ref)
            return ref


def _plain(item: ScriptItem) -> dict[str, Any]:
    return {"ref": item.ref, "item_version_id": item.item_version_id, "kind": item.kind, "points": item.points}
