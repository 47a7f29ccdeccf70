"""Pinyin of names, for finding a person on a Latin keyboard."""

from __future__ import annotations

LONGEST = 240


def searchable_pinyin(name: str) -> str:
    """Initials and full pinyin, lower case, e.g. `cxm chenxiaoming`; characters without a reading stay as they are."""
    # half a second of dictionaries, which a node back from the dead does not wait for
    from pypinyin import Style, lazy_pinyin

    syllables = [part.strip().casefold() for part in lazy_pinyin(name, style=Style.NORMAL) if part.strip()]
    return f"{''.join(part[0] for part in syllables)} {''.join(syllables)}"[:LONGEST]
