"""When two items are the same item (AH and SZ demand *distinct* items; pasted banks are full of repeats).

Same means: equal stems and equal option sets after normalisation, in any option order. Other numbers, other units or
another letter case (mW, MW) make another item.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from itembank.domain.item import ItemContent, ItemKind

Ref = TypeVar("Ref", bound=Hashable)

#: Punctuation that carries meaning wherever it stands.
_KEPT = frozenset("%‰&#*@/\\′″")
#: Punctuation that carries meaning beside a digit: 1.5, 3-5, 1:60.
_KEPT_IN_NUMBERS = frozenset(".,:-~")
_SAME = str.maketrans({
    "\u2126": "Ω", "\u00b5": "μ", "\u2212": "-", "–": "-", "—": "-", "～": "~", "〜": "~", "∼": "~", "，": ",", "∶": ":",
})  # fmt: skip


def half_width(text: str) -> str:
    """Full-width forms of ASCII to ASCII, the ideographic space to a space. Nothing else changes.

    Not NFKC: that would turn 10² into 102.
    """
    return "".join(
        chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else " " if char == "\u3000" else char for char in text
    )


def normalise(text: str) -> str:
    """The text without what people type differently: width, spaces, brackets, punctuation between words."""
    chars = [char for char in half_width(text.translate(_SAME)).translate(_SAME) if not _is_blank(char)]
    kept: list[str] = []
    for position, char in enumerate(chars):
        if not unicodedata.category(char).startswith("P") or char in _KEPT:
            kept.append(char)
        elif char in _KEPT_IN_NUMBERS:
            before = chars[position - 1] if position else ""
            after = chars[position + 1] if position + 1 < len(chars) else ""
            is_number = after.isdigit() and (before.isdigit() or char in "-.")
            if is_number:
                kept.append(char)
    return "".join(kept)


def _is_blank(char: str) -> bool:
    # _ marks a gap to fill; zero-width characters come with pasted text
    return char.isspace() or char == "_" or unicodedata.category(char) in ("Cf", "Cc")


def identity_text(content: ItemContent) -> str:
    """One text that is equal for two items exactly when they are the same item, whatever their keys say."""
    if content.kind is ItemKind.TRUE_FALSE:
        return f"{content.kind}\x1f{normalise(content.stem)}"
    options = sorted(normalise(option.text) or option.text.strip() for option in content.options)
    return "\x1f".join((content.kind, normalise(content.stem), *options))


def key_text(content: ItemContent) -> str:
    """The key by meaning, not by letter: comparable between two option orders."""
    if content.kind is ItemKind.TRUE_FALSE:
        return "".join(sorted(content.key))
    return "\x1f".join(sorted(normalise(text) or text.strip() for text in content.key_texts()))


@dataclass(frozen=True, slots=True)
class DuplicateGroup(Generic[Ref]):
    """Items that are the same, in the order they were met. `is_conflicting`: their keys disagree (contradiction alarm)."""

    refs: tuple[Ref, ...]
    is_conflicting: bool


def find_duplicates(items: Iterable[tuple[Ref, ItemContent]]) -> list[DuplicateGroup[Ref]]:
    """Groups of two or more same items."""
    groups: dict[str, list[tuple[Ref, str]]] = defaultdict(list)
    for ref, content in items:
        groups[identity_text(content)].append((ref, key_text(content)))
    return [
        DuplicateGroup(tuple(ref for ref, _ in group), is_conflicting=len({key for _, key in group}) > 1)
        for group in groups.values()
        if len(group) > 1
    ]
