"""A lease: the right to do a single-actor duty for a while, with a number that fences off whoever held it before.

Three verbs (take, renew, give up), no waiting. The generation rises with every new holder; work done under a lease carries
it, and work with an older generation is refused (`server/takeover/leases.py`). A holder that was frozen believes for a
moment that it still holds: the generation, not its belief, decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class LeaseState:
    """Who may do `duty` until `expires_at`. `generation` is the fencing number."""

    duty: str
    holder: str
    generation: int
    expires_at: datetime

    def is_held(self, now: datetime) -> bool:
        """Somebody holds it; at `expires_at` nobody does any more."""
        return now < self.expires_at

    def is_held_by(self, holder: str, now: datetime) -> bool:
        return self.holder == holder and self.is_held(now)


def take_lease(
    current: LeaseState | None, *, duty: str, holder: str, now: datetime, ttl: timedelta
) -> LeaseState | None:
    """The lease after `holder` asked for it; None: somebody else holds it.

    Asking again while holding it renews it under the same generation. After it ran out even the former holder gets a
    new generation: somebody else may have worked meanwhile.
    """
    if current is None:
        return LeaseState(duty, holder, 1, now + ttl)
    if current.is_held_by(holder, now):
        return replace(current, expires_at=max(current.expires_at, now + ttl))
    if current.is_held(now):
        return None
    return LeaseState(duty, holder, current.generation + 1, now + ttl)


def give_up_lease(current: LeaseState, now: datetime) -> LeaseState:
    """The lease after its holder stopped cleanly: the next one need not wait."""
    return replace(current, expires_at=min(current.expires_at, now))
