"""What really happened, and time computed a second way: sums over milliseconds, sharing no code with the product.

The product merges spans and walks along them; here every span is laid on one line of integers and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow
from tests.simulation.exam import Attempt, Exam

MS = timedelta(milliseconds=1)
IN_EFFECT = ("provisional", "confirmed")


class Broken(AssertionError):
    """An invariant does not hold. `args[0]` names it."""


def require(good: bool, invariant: str, what: str) -> None:
    if not good:
        raise Broken(f"{invariant}: {what}")


@dataclass
class Injected:
    """Spans that were really made: (from, to); the last one's `to` is None while it lasts."""

    spans: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] is None

    def open(self, now: datetime) -> None:
        if not self.is_open:
            self.spans.append((now, None))

    def close(self, now: datetime) -> None:
        if self.is_open:
            self.spans[-1] = (self.spans[-1][0], now)


def total_ms(spans: list[tuple[datetime, datetime | None]], begin: datetime, now: datetime) -> int:
    """Milliseconds of [begin, now) covered by at least one span."""
    points: list[tuple[int, int]] = []
    for from_at, to_at in spans:
        low, high = max(from_at, begin), min(to_at or now, now)
        if low < high:
            points += [((low - begin) // MS, 1), ((high - begin) // MS, -1)]
    covered, depth, since = 0, 0, 0
    for at, step in sorted(points, key=lambda point: (point[0], -point[1])):
        if depth == 0:
            since = at
        depth += step
        if depth == 0:
            covered += at - since
    return covered


def rows_in_effect(exam: Exam, attempt: Attempt | None, room: str) -> list[TimeRow]:
    """Of one candidate, or (None) of the room alone. Nothing here reverses a reversal."""
    taken_back = {
        row.reverses_id for row in exam.ledger.values()
        if row.kind == "reversal" and row.status in IN_EFFECT and (row.attempt_id is None or (attempt and row.attempt_id == attempt.id))
    }  # fmt: skip
    found = []
    for row in exam.ledger.values():
        mine = row.attempt_id is None and row.room_id == room
        mine = mine or (attempt is not None and row.attempt_id == attempt.id)
        held = attempt is not None and attempt.state is AttemptState.SUSPENDED and row.attempt_id == attempt.id
        counts = row.status in IN_EFFECT or row.status == "awaiting_decision" or (held and row.to_at is None)
        if mine and counts and row.kind != "reversal" and row.id not in taken_back:
            found.append(row)
    return found


@dataclass(frozen=True)
class Counted:
    """A candidate's time at a moment, in ms."""

    remaining: int
    exam_time: int
    stands_still: bool
    allotted: int


def count_time(exam: Exam, attempt: Attempt | None, room: str, now: datetime) -> Counted:
    rows = rows_in_effect(exam, attempt, room)
    spans = [
        (row.from_at, None if row.status == "awaiting_decision" else row.to_at)
        for row in rows if row.kind == "interruption" and row.from_at is not None
    ]  # fmt: skip
    granted = sum(row.grant // MS for row in rows if row.kind == "grant")
    extra = attempt.extra // MS if attempt else 0
    allotted = exam.duration // MS + extra + granted
    used = (now - exam.starts_at) // MS - total_ms(spans, exam.starts_at, now)
    holds = any(from_at <= now and (to_at is None or now < to_at) for from_at, to_at in spans)
    remaining = max(0, allotted - max(0, used))
    return Counted(remaining, max(0, used), holds and remaining > 0 and now >= exam.starts_at, allotted)
