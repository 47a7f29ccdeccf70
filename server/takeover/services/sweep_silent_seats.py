"""A single PC that failed while its room and the nodes are well: found from its silence, ended by its return.

The row is proposed from the last life sign on; what was lost counts when a proctor confirms it (architecture 4.6).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.errors import Conflict
from server.core.events import AlarmRaised, AttemptChanged
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, find_reversed
from server.delivery.ledger import lock_entry
from server.delivery.models import Attempt, LifeSign, TimeEntry
from server.delivery.queries import ledger_rows, lock_attempt
from server.delivery.services.open_interruption import open_interruption
from server.delivery.time_keeping import read_clock, refresh_deadlines
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.outage_rules import THRESHOLDS, Thresholds, find_silent_seats
from server.takeover.queries import last_heard_by_room, listening_since, rooms_cut_off

CAUSE = "pc_failure"
REASON = "本机与服务器失去联系，考场和服务器正常（自动测得）；恢复后请核实时长"


def sweep_silent_seats(uow: UnitOfWork, limits: Thresholds = THRESHOLDS) -> list[str]:
    """Open and end interruptions of single seats; returns the ids of the ledger rows that changed. Call it every second.

    The candidate is not suspended: nobody is sure yet, and whoever comes back goes on at once. Calling it from several
    nodes does no harm. A room that is cut off as a whole is `sweep_room_cuts`'s, which runs before this.
    """
    with uow.read() as session:
        failed, returned = _failed(session, uow.clock.now(), limits), _returned(session)
    changed = [_open(uow, attempt_id, heard) for attempt_id, heard in failed]
    changed += [_end(uow, entry_id, back_at) for entry_id, back_at in returned]
    return [entry_id for entry_id in changed if entry_id is not None]


def _failed(session: Session, now: datetime, limits: Thresholds) -> list[tuple[str, datetime]]:
    found: list[tuple[str, datetime]] = []
    since, cut = listening_since(session, now), rooms_cut_off(session)
    for (sitting_id, room_id), heard in last_heard_by_room(session).items():
        if (sitting_id, room_id) in cut:
            continue
        silent_after = sitting_profile(session, sitting_id).presence_red_after
        silent = find_silent_seats(
            heard, listening_since=since, now=now, silent_after=silent_after, limits=limits
        )  # fmt: skip
        if silent:
            has_row = _with_open_row(session, sitting_id)
            found += [(attempt_id, max(heard[attempt_id], since)) for attempt_id in silent if attempt_id not in has_row]
    return sorted(found)


def _with_open_row(session: Session, sitting_id: str) -> set[str]:
    gone = find_reversed(ledger_rows(session, sitting_id))
    query = select(TimeEntry.id, TimeEntry.attempt_id).where(
        TimeEntry.sitting_id == sitting_id,
        TimeEntry.attempt_id.is_not(None),
        TimeEntry.kind == RowKind.INTERRUPTION.value,
        TimeEntry.to_at.is_(None),
    )
    return {attempt_id or "" for entry_id, attempt_id in session.execute(query) if entry_id not in gone}


def _open(uow: UnitOfWork, attempt_id: str, heard: datetime) -> str | None:
    with uow() as work:
        attempt = lock_attempt(work.session, attempt_id)
        if attempt.state != AttemptState.ANSWERING:
            return None
        clock = read_clock(work.session, attempt, work.clock.now())
        if clock.stands_still or heard >= clock.ends_at:
            return None  # another interruption holds it already, or what begins after the end changes nothing
        newest = work.session.scalar(select(func.max(LifeSign.until)).where(LifeSign.attempt_id == attempt_id))
        if newest is not None and newest > heard:
            return None  # back meanwhile
        try:
            entry = open_interruption(
                work,
                sitting_id=attempt.sitting_id,
                room_id=attempt.room_id,
                attempt_id=attempt_id,
                cause=CAUSE,
                reason=REASON,
                actor=SYSTEM,
                since=heard,
                suspend=False,
            )
        except Conflict:
            return None  # somebody was quicker
        work.publish(
            AttemptChanged(sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt_id, what="silent")
        )
        return entry.id


def _returned(session: Session) -> list[tuple[str, datetime]]:
    """Open rows of this rule whose candidate was heard again, or has ended, and when."""
    back = (
        select(func.min(LifeSign.since))
        .where(LifeSign.attempt_id == TimeEntry.attempt_id, LifeSign.since > TimeEntry.from_at)
        .scalar_subquery()
    )
    query = (
        select(TimeEntry.id, back.label("back_at"), Attempt.ended_at)
        .join(Attempt, Attempt.id == TimeEntry.attempt_id)
        .where(
            TimeEntry.kind == RowKind.INTERRUPTION.value,
            TimeEntry.cause == CAUSE,
            TimeEntry.made_by == SYSTEM.id,
            TimeEntry.status == RowStatus.PROPOSED.value,
            TimeEntry.to_at.is_(None),
            Attempt.state != AttemptState.SUSPENDED.value,  # a proctor took over: resuming ends it
        )
    )
    moments = [
        (row.id, min((each for each in (row.back_at, row.ended_at) if each is not None), default=None))
        for row in session.execute(query)
    ]
    return sorted((entry_id, moment) for entry_id, moment in moments if moment is not None)


def _end(uow: UnitOfWork, entry_id: str, back_at: datetime) -> str | None:
    with uow() as work:
        attempt_id = work.session.scalar(select(TimeEntry.attempt_id).where(TimeEntry.id == entry_id))
        attempt = lock_attempt(work.session, attempt_id or "")
        entry = lock_entry(work.session, entry_id)
        if entry.to_at is not None or entry.from_at is None or attempt.state == AttemptState.SUSPENDED:
            return None
        entry.to_at = max(entry.from_at, back_at)
        refresh_deadlines(work, attempt.sitting_id, attempt.room_id, [attempt.id], reason=CAUSE)
        detail = {
            "sitting": attempt.sitting_id,
            "time_entry": entry.id,
            "seconds": round((entry.to_at - entry.from_at).total_seconds(), 3),
            "status": entry.status,
        }
        record(work, SYSTEM, AuditAction.DELIVERY_INTERRUPTION_CLOSED, f"attempt:{attempt.id}", detail)
        work.publish(
            AlarmRaised(
                sitting_id=attempt.sitting_id, room_id=attempt.room_id, kind="time_proposal", attempt_id=attempt.id
            )
        )
        return entry.id
