"""Which parallel form lies on which seat, so that neighbours never have the same one."""

from __future__ import annotations

from collections.abc import Sequence


def form_at(row: int, column: int, forms: Sequence[str]) -> str:
    """The form of the seat at 1-based `row` and `column`.

    With four forms every 2 x 2 block holds all of them, so all eight neighbours differ. With two or three, left and right
    neighbours differ; with one nothing can.

    Raises:
        ValueError: no form at all.
    """
    if not forms:
        raise ValueError("at least one form")
    if len(forms) >= 4:
        return forms[2 * (row % 2) + column % 2]
    return forms[(column + row % 2 * (len(forms) == 3)) % len(forms)]
