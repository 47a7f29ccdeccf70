"""How often the same item, the same option, has the same reference on two scripts."""

from __future__ import annotations

from collections.abc import Iterable

from itembank.domain.script import ScriptLayout


def count_equal_references(pairs: Iterable[tuple[ScriptLayout, ScriptLayout]]) -> tuple[int, int]:
    """Equal references (of items, of options) over all pairs of scripts; compared by identity, not by place."""
    items = options = 0
    for one, other in pairs:
        there = {item.item_version_id: item for item in other.items.values()}
        for item in one.items.values():
            twin = there[item.item_version_id]
            items += item.ref == twin.ref
            names = {option: ref for ref, option in twin.options.items()}
            options += sum(names[option] == ref for ref, option in item.options.items())
    return items, options
