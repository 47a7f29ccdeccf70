"""Reads of attempts' answers and of the time ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.errors import NotFound
from server.delivery.domain.responses import EntryLine, ItemResponse, derive_responses, digest_responses
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope, TimeRow
from server.delivery.models import Attempt, JournalEntry, TimeEntry


def counted_responses(session: Session, attempt_id: str) -> dict[str, ItemResponse]:
    """The current answer of every item that ever had one, by opaque item reference; () = cleared."""
    return derive_responses(_entry_lines(session, attempt_id, "answer"))


def counted_flags(session: Session, attempt_id: str) -> dict[str, bool]:
    """Every item ever flagged, by opaque item reference, and whether it still is."""
    flags = derive_responses(_entry_lines(session, attempt_id, "flag"), kind="flag")
    return {ref: bool(flag.value) for ref, flag in flags.items()}


def answers_digest(responses: Mapping[str, ItemResponse]) -> str:
    """Hex SHA-256 over the answers, as the receipt carries it."""
    return digest_responses(responses)


def ledger_rows(session: Session, sitting_id: str) -> list[TimeRow]:
    """The whole time ledger of a sitting, in the order the rows were made."""
    query = select(TimeEntry).where(TimeEntry.sitting_id == sitting_id).order_by(TimeEntry.made_at, TimeEntry.id)
    return [row_of(entry) for entry in session.scalars(query)]


def row_of(entry: TimeEntry) -> TimeRow:
    """A stored ledger row as the rules see it."""
    return TimeRow(
        id=entry.id,
        scope=Scope(entry.scope),
        kind=RowKind(entry.kind),
        status=RowStatus(entry.status),
        room_id=entry.room_id,
        attempt_id=entry.attempt_id,
        from_at=entry.from_at,
        to_at=entry.to_at,
        grant=timedelta(milliseconds=entry.grant_ms),
        reverses_id=entry.reverses_id,
        cause=entry.cause,
    )


def lock_attempt(session: Session, attempt_id: str) -> Attempt:
    """The attempt as it is now, locked until the end of the transaction.

    Raises:
        NotFound: no such attempt.
    """
    query = select(Attempt).where(Attempt.id == attempt_id).with_for_update().execution_options(populate_existing=True)
    attempt = session.scalars(query).one_or_none()
    if attempt is None:
        raise NotFound
    return attempt


def _entry_lines(session: Session, attempt_id: str, kind: str) -> list[EntryLine]:
    # Columns, not objects: a submission reads some two hundred lines, an analysis a whole sitting's.
    j = JournalEntry
    query = select(j.kind, j.item_ref, j.value, j.epoch, j.client_seq, j.standing).where(
        j.attempt_id == attempt_id, j.kind == kind
    )
    return [
        EntryLine(k, ref, tuple(value), epoch, seq, standing)
        for k, ref, value, epoch, seq, standing in session.execute(query)
    ]
