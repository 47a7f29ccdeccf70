"""Writing the time ledger: rows are added, an open interruption is ended, a status moves on; nothing else ever changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.ids import new_id
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope, find_reversed
from server.delivery.models import Attempt, TimeEntry
from server.delivery.queries import ledger_rows
from server.storage.unit_of_work import Work


def append_row(
    work: Work,
    *,
    kind: RowKind,
    status: RowStatus,
    sitting_id: str,
    room_id: str | None,
    attempt_id: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    grant: timedelta = timedelta(0),
    reverses_id: str | None = None,
    cause: str,
    reason: str,
    client_gap: timedelta | None = None,
    actor: Actor,
) -> TimeEntry:
    """Add a row; its scope follows from whom it names. Deadlines are the caller's next step (`refresh_deadlines`)."""
    entry = TimeEntry(
        id=new_id(),
        scope=(Scope.ATTEMPT if attempt_id else Scope.ROOM if room_id else Scope.SITTING).value,
        sitting_id=sitting_id,
        room_id=room_id,
        attempt_id=attempt_id,
        kind=kind.value,
        from_at=from_at,
        to_at=to_at,
        grant_ms=grant // timedelta(milliseconds=1),
        reverses_id=reverses_id,
        cause=cause,
        reason=reason,
        status=status.value,
        client_gap_ms=None if client_gap is None else client_gap // timedelta(milliseconds=1),
        made_by=actor.id,
        made_at=work.clock.now(),
        approved_by=actor.id if status is RowStatus.CONFIRMED else None,
        approved_at=work.clock.now() if status is RowStatus.CONFIRMED else None,
    )
    work.session.add(entry)
    work.session.flush()
    return entry


def lock_entry(session: Session, entry_id: str) -> TimeEntry:
    """A ledger row, locked until the end of the transaction.

    Raises:
        NotFound: no such row.
    """
    query = (
        select(TimeEntry).where(TimeEntry.id == entry_id).with_for_update().execution_options(populate_existing=True)
    )
    entry = session.scalars(query).one_or_none()
    if entry is None:
        raise NotFound
    return entry


def open_interruptions(
    session: Session, sitting_id: str, room_id: str, attempt_id: str | None, cause: str | None = None
) -> list[TimeEntry]:
    """Interruptions of the attempt (or, None, of the room) that still last, locked, earliest first."""
    query = select(TimeEntry).where(
        TimeEntry.sitting_id == sitting_id,
        TimeEntry.room_id == room_id,
        TimeEntry.attempt_id.is_(None) if attempt_id is None else TimeEntry.attempt_id == attempt_id,
        TimeEntry.kind == RowKind.INTERRUPTION.value,
        TimeEntry.to_at.is_(None),
    )
    if cause is not None:
        query = query.where(TimeEntry.cause == cause)
    query = query.order_by(TimeEntry.from_at, TimeEntry.id).with_for_update().execution_options(populate_existing=True)
    reversed_ids = find_reversed(ledger_rows(session, sitting_id))
    return [entry for entry in session.scalars(query) if entry.id not in reversed_ids]


def lock_attempts(session: Session, sitting_id: str, room_id: str, attempt_ids: Sequence[str]) -> list[Attempt]:
    """The named attempts of one room, locked in the order of their ids.

    Raises:
        NotFound: one of them is not in this room.
    """
    query = (
        select(Attempt)
        .where(Attempt.sitting_id == sitting_id, Attempt.room_id == room_id, Attempt.id.in_(attempt_ids))
        .order_by(Attempt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    attempts = list(session.scalars(query))
    if len(attempts) != len(set(attempt_ids)):
        raise NotFound
    return attempts
