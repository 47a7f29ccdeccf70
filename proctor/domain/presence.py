"""Whether a workstation that should be there is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

Presence = Literal["online", "late", "lost", "none"]

#: Seat states in which a page is open and sends life signs. A suspended one may be a dead machine: that is known already.
EXPECTED_ONLINE = frozenset({"signed_in", "waiting", "answering"})


def judge_presence(
    state: str, seen_at: datetime | None, now: datetime, amber_after: timedelta, red_after: timedelta
) -> Presence:
    """`late` (amber) from `amber_after` without a life sign on, `lost` (red) from `red_after` on.

    Args:
        state: the seat's state of `proctor/wire.py`.
        seen_at: the last life sign; None counts as just signed in.
    """
    if state not in EXPECTED_ONLINE:
        return "none"
    silence = timedelta(0) if seen_at is None else now - seen_at
    if silence >= red_after:
        return "lost"
    return "late" if silence >= amber_after else "online"
