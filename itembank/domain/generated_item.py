"""What generated items are made with: repeatable dice, choices, filled-in texts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from itembank.domain.expression import Value
from itembank.domain.item import ItemContent, ItemKind, ItemOption
from itembank.domain.item_template import ClaimsTemplate, FactsTemplate, Template, WrittenItem
from server.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class GeneratedItem:
    """An item and where it came from. `names`: the numbers of a calculation, for its second proof."""

    ref: str
    template_id: str
    point: str
    difficulty: int
    enemy_group: str
    content: ItemContent
    names: tuple[tuple[str, Value], ...] = ()


def dice_of(seed: str) -> random.Random:
    """Repeatable, not secret: which combination comes first is no secret."""
    return random.Random(f"mingyuan/{seed}")  # noqa: S311 - repeatable on purpose


def choice(
    kind: ItemKind,
    stem: str,
    right: Sequence[str],
    wrong: Sequence[str],
    dice: random.Random,
    explanation: str = "",
    reference: str = "",
) -> ItemContent:
    """A choice item with its options in shuffled order, lettered A, B, … in that order."""
    texts = [*right, *wrong]
    dice.shuffle(texts)
    options = tuple(ItemOption(chr(ord("A") + index), text) for index, text in enumerate(texts))
    key = frozenset(option.id for option in options if option.text in right)
    return ItemContent(kind, stem, options, key, explanation, reference)


def numbered(
    template: FactsTemplate | ClaimsTemplate, letter: str, contents: Iterable[ItemContent]
) -> Iterator[GeneratedItem]:
    """The contents as items of the template, numbered within one kind."""
    for number, content in enumerate(contents, start=1):
        yield make_item(template, f"{letter}{number}", content)


def make_item(
    template: Template, number: str, content: ItemContent, names: tuple[tuple[str, Value], ...] = ()
) -> GeneratedItem:
    """An item with its origin; items of one template are enemies, items by hand are not."""
    is_by_hand = isinstance(template, WrittenItem)
    return GeneratedItem(
        ref=template.id if is_by_hand else f"{template.id}#{number}",
        template_id=template.id,
        point=template.point,
        difficulty=template.difficulty,
        enemy_group=template.enemy_group or ("" if is_by_hand else template.id),
        content=content,
        names=names,
    )


def distinct(texts: Iterable[str]) -> list[str]:
    """Without repeats, in order."""
    return list(dict.fromkeys(texts))


def bare(statement: str) -> str:
    """A statement without its full stop, as an option prints it."""
    return statement.rstrip("。")


def fill(template_id: str, text: str, values: dict[str, Any]) -> str:
    """The text with its variables filled in.

    Raises:
        InvalidInput: `TEMPLATE_INVALID`: a variable the template does not have.
    """
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    if "{" in text:
        raise fault("TEMPLATE_INVALID", template_id, f"“{text}”中有未知变量", f"an unknown variable in '{text}'")
    return text


def fault(code: str, template_id: str, zh: str, en: str) -> InvalidInput:
    """The refusal of a template, naming it."""
    return InvalidInput(code, f"模板“{template_id}”：{zh}。", f"Template '{template_id}': {en}.", template=template_id)
