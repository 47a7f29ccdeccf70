"""The time ledger 时间台账: which rows are in effect, and what they amount to for one candidate or one room.

Additive (architecture 4.2): a correction is another row. What the rows amount to depends on which rows there are, not on
the order in which they are read. A reversal takes one row back; a reversal of smaller scope (an attempt's, of a room's
row) takes it back for that attempt alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from server.delivery.domain.time_rules import Interval


class Scope(StrEnum):
    """Whom a row concerns."""

    ATTEMPT = "attempt"
    ROOM = "room"
    SITTING = "sitting"


class RowKind(StrEnum):
    """What a row does."""

    #: A span in which nobody concerned could work.
    INTERRUPTION = "interruption"
    #: Time added by a person.
    GRANT = "grant"
    #: Takes another row back.
    REVERSAL = "reversal"


class RowStatus(StrEnum):
    """How far a row has come."""

    #: Waits for a person; no effect yet.
    PROPOSED = "proposed"
    #: In effect, to be confirmed by the exam office.
    PROVISIONAL = "provisional"
    #: In effect, a person stands for it.
    CONFIRMED = "confirmed"
    #: Over the limit: clocks stand still until the responsible person decides.
    AWAITING_DECISION = "awaiting_decision"

    @property
    def is_in_effect(self) -> bool:
        """The row's time counts."""
        return self in {RowStatus.PROVISIONAL, RowStatus.CONFIRMED}


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One row of the ledger; mirrors `TimeEntry`. `to_at` None: the interruption still lasts."""

    id: str
    scope: Scope
    kind: RowKind
    status: RowStatus
    room_id: str | None = None
    attempt_id: str | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    grant: timedelta = timedelta(0)
    reverses_id: str | None = None
    cause: str = ""

    def concerns(self, room_id: str, attempt_id: str | None) -> bool:
        """The row touches this room, or (attempt given) this attempt in it."""
        if self.scope is Scope.ATTEMPT:
            return attempt_id is not None and self.attempt_id == attempt_id
        return self.scope is Scope.SITTING or self.room_id == room_id


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """What the ledger of one sitting amounts to for one room, or one attempt in it."""

    room_interruptions: tuple[Interval, ...]
    seat_interruptions: tuple[Interval, ...]
    grants: tuple[timedelta, ...]
    awaiting_decision: bool
    #: ids of the rows behind the figures
    counted_ids: frozenset[str]

    @property
    def granted(self) -> timedelta:
        """All grants together."""
        return sum(self.grants, timedelta(0))


def read_ledger(
    rows: Iterable[TimeRow], *, room_id: str, attempt_id: str | None = None, is_suspended: bool = False
) -> LedgerReading:
    """Rows of one sitting → the figures `read_exam_clock` takes.

    Args:
        attempt_id: None reads the room's own clock.
        is_suspended: the attempt is suspended: its own open interruption holds the clock even while the time is only
            proposed; what was lost counts after somebody confirmed it (architecture 4.6).
    """
    # By id: a row read twice counts once. Where copies of one id differ, the choice must not depend on their order. Compared
    # only then: a board reads hundreds of rows for hundreds of seats (measured: putting them all in order stopped the node).
    concerned: dict[str, TimeRow] = {}
    for row in rows:
        if row.concerns(room_id, attempt_id):
            known = concerned.get(row.id)
            if known is None or (known != row and repr(row) > repr(known)):
                concerned[row.id] = row
    standing = [
        row for row in concerned.values() if row.kind is not RowKind.REVERSAL and not _is_reversed(row, concerned)
    ]
    room: list[Interval] = []
    seat: list[Interval] = []
    grants: list[timedelta] = []
    counted: set[str] = set()
    awaiting = False
    for row in sorted(standing, key=lambda each: each.id):
        waits = row.status is RowStatus.AWAITING_DECISION
        holds = is_suspended and row.scope is Scope.ATTEMPT and row.to_at is None and row.status is RowStatus.PROPOSED
        if not (row.status.is_in_effect or waits or holds):
            continue
        counted.add(row.id)
        awaiting = awaiting or waits
        if row.kind is RowKind.GRANT:
            grants.append(row.grant)
        elif row.from_at is not None:
            (seat if row.scope is Scope.ATTEMPT else room).append(Interval(row.from_at, None if waits else row.to_at))
    return LedgerReading(tuple(room), tuple(seat), tuple(grants), awaiting, frozenset(counted))


def could_be_given(rows: Iterable[TimeRow], *, now: datetime, limit: timedelta) -> list[TimeRow]:
    """The rows as they would stand if a person confirmed every proposal of lost or added time that waits.

    A proposal to give nothing (a reversal of it) leaves it out. One that still lasts counts up to `limit`, above which
    only the exam office decides anyway.
    """
    known = list({row.id: row for row in rows}.values())
    doubted = {row.reverses_id for row in known if row.kind is RowKind.REVERSAL and row.status is RowStatus.PROPOSED}
    found = []
    for row in known:
        waits = row.status is RowStatus.PROPOSED and row.kind is not RowKind.REVERSAL and row.id not in doubted
        if not waits:
            found.append(row)
            continue
        to_at = row.to_at
        if row.from_at is not None and to_at is None:
            to_at = min(now, row.from_at + limit)
        found.append(replace(row, status=RowStatus.PROVISIONAL, to_at=to_at))
    return found


def find_reversed(rows: Iterable[TimeRow]) -> frozenset[str]:
    """Ids of the rows taken back for everybody they concern (a reversal for one attempt leaves the room's row)."""
    by_id = {row.id: row for row in rows}
    return frozenset(
        row.id
        for row in by_id.values()
        if any(
            reversal.scope is row.scope and _takes_back(reversal, row, by_id, frozenset({row.id}))
            for reversal in by_id.values()
        )
    )


def covers_gap(
    rows: Iterable[TimeRow],
    *,
    room_id: str,
    attempt_id: str,
    deadline_at: datetime,
    received_at: datetime,
    grace: timedelta,
) -> bool:
    """A recorded interruption of this candidate explains why an answer came so late (architecture 4.7).

    It began before the deadline's grace ran out and ended no more than the grace before the receipt, or still lasts.
    A proposed one explains too: it is on record, though its time is not given back yet.
    """
    concerned = {row.id: row for row in rows if row.concerns(room_id, attempt_id)}
    return any(
        row.kind is RowKind.INTERRUPTION
        and row.from_at is not None
        and row.from_at <= deadline_at + grace
        and (row.to_at is None or row.to_at + grace >= received_at)
        and not _is_reversed(row, concerned)
        for row in concerned.values()
    )


def _is_reversed(row: TimeRow, rows: dict[str, TimeRow], below: frozenset[str] = frozenset()) -> bool:
    below |= {row.id}
    return any(_takes_back(reversal, row, rows, below) for reversal in rows.values())


def _takes_back(reversal: TimeRow, row: TimeRow, rows: dict[str, TimeRow], below: frozenset[str]) -> bool:
    # A reversal can itself be taken back. `below` ends chains that bite their own tail, which no service can write.
    return (
        reversal.kind is RowKind.REVERSAL
        and reversal.reverses_id == row.id
        and reversal.status.is_in_effect
        and reversal.id not in below
        and not _is_reversed(reversal, rows, below)
    )
