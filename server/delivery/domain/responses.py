"""From journal entries to the current responses of an attempt, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntryLine:
    """A stored journal entry, as far as responses depend on it."""

    kind: str
    item_ref: str
    value: tuple[str, ...]
    epoch: int
    client_seq: int
    standing: str


@dataclass(frozen=True, slots=True)
class ItemResponse:
    """The current response 作答 of one item: sorted opaque option references; () = cleared."""

    value: tuple[str, ...]
    client_seq: int
    epoch: int


def derive_responses(entries: Iterable[EntryLine], kind: str = "answer") -> dict[str, ItemResponse]:
    """The counted entry with the highest (epoch, client_seq) of each item, whatever order they arrived in (I1).

    Args:
        kind: answer, or flag for the marks of the answer sheet.
    """
    current: dict[str, ItemResponse] = {}
    for entry in entries:
        if entry.kind != kind or entry.standing != "counted":
            continue
        held = current.get(entry.item_ref)
        if held is None or (entry.epoch, entry.client_seq) > (held.epoch, held.client_seq):
            current[entry.item_ref] = ItemResponse(tuple(sorted(entry.value)), entry.client_seq, entry.epoch)
    return current


def count_answered(responses: Mapping[str, ItemResponse]) -> int:
    """How many items have an answer now; a cleared one has none."""
    return sum(1 for response in responses.values() if response.value)


def digest_responses(responses: Mapping[str, ItemResponse]) -> str:
    """Hex SHA-256 over the answers: one line of JSON, items in order, cleared ones left out.

    Depends on what is answered alone, not on how often or from which page; the receipt carries it.
    """
    answers = {ref: sorted(response.value) for ref, response in responses.items() if response.value}
    text = json.dumps(answers, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
