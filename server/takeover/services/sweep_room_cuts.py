"""A room cut off from living servers (LAN outage): found from its candidates' life signs, ended by them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.events import AlarmRaised
from server.delivery.domain.time_ledger import RowKind, RowStatus
from server.delivery.domain.time_rules import ClockPhase
from server.delivery.ledger import append_row, open_interruptions
from server.delivery.models import Attempt, LifeSign, TimeEntry
from server.delivery.time_keeping import refresh_deadlines, room_clock
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import UnitOfWork, Work
from server.takeover.domain.outage_rules import THRESHOLDS, Thresholds, find_room_cut, find_room_return
from server.takeover.queries import CAUSE_OF_CUTS, last_heard_by_room, listening_since, rooms_cut_off

CAUSE = CAUSE_OF_CUTS


def sweep_room_cuts(uow: UnitOfWork, limits: Thresholds = THRESHOLDS) -> list[str]:
    """Open and end LAN interruptions; returns the ids of the ledger rows that changed. Call it every second.

    While a room is cut off its clocks stand still (the row is provisional), so that nobody is timed out behind a dead
    switch; when it is back the row ends with the first new life sign, or, over the profile's limit, awaits a decision.
    Calling it from several nodes does no harm.
    """
    changed: list[str] = []
    with uow.read() as session:
        rooms = last_heard_by_room(session)
        open_rooms = rooms_cut_off(session)
        now = uow.clock.now()
        since = listening_since(session, now)
        suspects = [
            key
            for key, heard in rooms.items()
            if key in open_rooms or find_room_cut(heard, listening_since=since, now=now, limits=limits)
        ]
    for sitting_id, room_id in sorted(suspects):
        with uow() as work:
            entry = _judge_room(work, sitting_id, room_id, limits)
            if entry is not None:
                changed.append(entry.id)
    return changed


def _judge_room(work: Work, sitting_id: str, room_id: str, limits: Thresholds) -> TimeEntry | None:
    session, now = work.session, work.clock.now()
    # Two nodes that sweep together stand in line at the attempts.
    session.scalars(
        select(Attempt.id)
        .where(Attempt.sitting_id == sitting_id, Attempt.room_id == room_id)
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    heard = last_heard_by_room(session).get((sitting_id, room_id), {})
    entries = open_interruptions(session, sitting_id, room_id, None, CAUSE)
    automatic = [entry for entry in entries if entry.made_by == SYSTEM.id and entry.status == RowStatus.PROVISIONAL]
    if automatic:
        return _end_cut(work, automatic[0], heard, limits)
    if entries or room_clock(session, sitting_id, room_id, now).phase is not ClockPhase.RUNNING:
        return None
    cut = find_room_cut(heard, listening_since=listening_since(session, now), now=now, limits=limits)
    if cut is None:
        return None
    entry = append_row(
        work,
        kind=RowKind.INTERRUPTION,
        status=RowStatus.PROVISIONAL,
        sitting_id=sitting_id,
        room_id=room_id,
        from_at=cut,
        cause=CAUSE,
        reason="考场与服务器之间的网络中断（自动测得）",
        actor=SYSTEM,
    )
    refresh_deadlines(work, sitting_id, room_id, reason=CAUSE)
    detail = {"sitting": sitting_id, "time_entry": entry.id, "cause": CAUSE, "from": cut.isoformat()}
    record(work, SYSTEM, AuditAction.DELIVERY_INTERRUPTION_OPENED, f"room:{room_id}", detail)
    work.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="room_lost"))
    return entry


def _end_cut(work: Work, entry: TimeEntry, heard: dict[str, datetime], limits: Thresholds) -> TimeEntry | None:
    session = work.session
    from_at, room_id = entry.from_at, entry.room_id
    if from_at is None or room_id is None:
        return None
    query = (
        select(LifeSign.attempt_id, func.min(LifeSign.since))
        .where(LifeSign.attempt_id.in_(list(heard)), LifeSign.since > from_at)
        .group_by(LifeSign.attempt_id)
    )
    begun: dict[str, datetime] = dict(session.execute(query).all())  # type: ignore[arg-type]
    # Who was never cut off is present all along and says nothing about the return.
    untouched = {attempt_id for attempt_id, moment in heard.items() if moment > from_at and attempt_id not in begun}
    presences = {attempt_id: begun.get(attempt_id) for attempt_id in heard if attempt_id not in untouched}
    back_at = find_room_return(presences, limits=limits)
    if back_at is None:
        return None
    if back_at - from_at > sitting_profile(session, entry.sitting_id).outage_limit:
        entry.status = RowStatus.AWAITING_DECISION.value
        work.publish(AlarmRaised(sitting_id=entry.sitting_id, room_id=room_id, kind="awaiting_decision"))
    else:
        entry.to_at = back_at
    refresh_deadlines(work, entry.sitting_id, room_id, reason=CAUSE)
    detail = {
        "sitting": entry.sitting_id,
        "time_entry": entry.id,
        "seconds": round((back_at - from_at).total_seconds(), 3),
        "status": entry.status,
    }
    record(work, SYSTEM, AuditAction.DELIVERY_INTERRUPTION_CLOSED, f"room:{room_id}", detail)
    return entry
