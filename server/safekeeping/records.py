"""The latest backup and drill of each node, for the readiness page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.safekeeping.models import KeepingRecord
from server.storage.unit_of_work import UnitOfWork


def note_keeping(
    uow: UnitOfWork, node_name: str, kind: str, at: datetime, *, ok: bool, place: str, detail: dict[str, Any]
) -> None:
    """Write down how it went; a failure leaves the latest success where it is, under a kind of its own."""
    kept_as = kind if ok else f"{kind}_failed"
    with uow() as work:
        row = work.session.get(KeepingRecord, (kept_as, node_name))
        if row is None:
            row = KeepingRecord(kind=kept_as, node_name=node_name, at=at, ok=ok, place=place, detail=detail)
            work.session.add(row)
        row.at, row.ok, row.place, row.detail = at, ok, place, detail


def latest_keeping(session: Session, kind: str) -> KeepingRecord | None:
    """The newest record of this kind on any node."""
    query = select(KeepingRecord).where(KeepingRecord.kind == kind).order_by(KeepingRecord.at.desc()).limit(1)
    return session.scalars(query).one_or_none()
