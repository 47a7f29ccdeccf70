"""Finds answers in what somebody received: references of items, and choices among options, in whatever they are wrapped.

Options have names of two letters, which occur anywhere by chance; so it is not letters that are looked for but what an
answer is made of: an item's reference as a word, a field that is called like an answer, a list of one item's options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

#: Fields in which an answer would travel, as the candidate's wire and the journal call them, and their likely cousins.
ANSWER_FIELDS = frozenset(
    ("item", "items", "item_ref", "value", "values", "option", "options", "response", "responses", "answer", "answers", "chosen", "choice", "entries")
)  # fmt: skip
_COMPRESSED = re.compile(rb"stream\r?\n.*?endstream", re.DOTALL)
_WORD = re.compile(rb"[A-Za-z0-9_\-+/=]+")


def answers_in(heard: bytes, items: Iterable[dict[str, Any]]) -> list[str]:
    """Every trace of an answer in `heard`, as words for the failure; empty when there is none.

    Args:
        heard: HTTP replies and socket frames, one after the other; compressed streams of PDF files are left out (their
            text is searched where it was extracted).
        items: the opened papers' items: `{"ref", "options": [{"ref"}]}`.
    """
    choices: dict[str, list[str]] = {}
    item_refs: set[str] = set()
    for number, item in enumerate(items):
        item_refs.add(item["ref"])
        for option in item["options"]:
            choices.setdefault(option["ref"], []).append(str(number))
    text = _COMPRESSED.sub(b"", heard)
    found = [f"item {word.decode()}" for word in _WORD.findall(text) if word.decode() in item_refs]
    for document in _documents(text.decode(errors="replace")):
        found += _answers_of(document, choices)
    return found


def _documents(text: str) -> Iterator[Any]:
    """Every JSON object or list in the text, outermost ones only."""
    decoder, place = json.JSONDecoder(), 0
    while (start := re.compile(r"[\[{]").search(text, place)) is not None:
        try:
            document, place = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError:
            place = start.end()
        else:
            yield document


def _answers_of(node: Any, choices: dict[str, list[str]]) -> Iterator[str]:
    if isinstance(node, str) and node[:1] in "[{" and node:
        for document in _documents(node):
            yield from _answers_of(document, choices)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in ANSWER_FIELDS:
                yield f"field {name}"
            yield from _answers_of(value, choices)
    elif isinstance(node, list):
        if node and all(isinstance(one, str) and one in choices for one in node):
            owners = set.intersection(*(set(choices[one]) for one in node))
            if owners:
                yield f"options {node}"
        for value in node:
            yield from _answers_of(value, choices)
