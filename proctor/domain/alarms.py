"""What asks for a person in the room; many seats lost together are one alarm (a switch, not twenty machines)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: So many seats, and such a share of the room's machines, lost within the span are one event. They describe what a
#: board shows, not a rule of the exam, and are therefore no part of a rule profile.
TOGETHER_SEATS = 3
TOGETHER_SHARE = 0.5
TOGETHER_SPAN = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class SeatSign:
    """One machine that should be there."""

    seat_id: str
    number: int
    is_lost: bool
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Loss:
    """One alarm about lost machines; `since` is the moment the first of them fell silent."""

    is_room: bool
    seat_ids: tuple[str, ...]
    numbers: tuple[int, ...]
    since: datetime


def group_losses(signs: Iterable[SeatSign]) -> list[Loss]:
    """Lost machines as alarms: one for the room where they fell silent together, else one a seat."""
    expected = list(signs)
    lost = sorted((sign for sign in expected if sign.is_lost), key=lambda sign: (sign.seen_at, sign.number))
    together = _largest_cluster(lost)
    losses: list[Loss] = []
    if len(together) >= TOGETHER_SEATS and len(together) >= TOGETHER_SHARE * len(expected):
        losses.append(_loss(together, is_room=True))
        lost = [sign for sign in lost if sign not in together]
    return losses + [_loss([sign], is_room=False) for sign in lost]


def _largest_cluster(lost: Sequence[SeatSign]) -> list[SeatSign]:
    best: list[SeatSign] = []
    start = 0
    for end in range(len(lost)):
        while lost[end].seen_at - lost[start].seen_at > TOGETHER_SPAN:
            start += 1
        if end - start + 1 > len(best):
            best = list(lost[start : end + 1])
    return best


def _loss(signs: Sequence[SeatSign], *, is_room: bool) -> Loss:
    ordered = sorted(signs, key=lambda sign: sign.number)
    return Loss(
        is_room,
        tuple(sign.seat_id for sign in ordered),
        tuple(sign.number for sign in ordered),
        min(sign.seen_at for sign in ordered),
    )
