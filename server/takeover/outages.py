"""Finding a span in which no node could write, and giving it back: joins the transaction of whoever is back first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.events import AlarmRaised
from server.core.ids import new_id
from server.delivery.domain.time_ledger import RowKind, RowStatus
from server.delivery.ledger import append_row
from server.delivery.models import Attempt
from server.delivery.time_keeping import OPEN_STATES, lock_open_attempts, refresh_deadlines
from server.scheduling.models import Sitting
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import Work
from server.takeover.domain.lease import LeaseState
from server.takeover.domain.outage_rules import THRESHOLDS, Span, Thresholds, find_outage, lost_exam_time
from server.takeover.leases import read_lease, swap_lease
from server.takeover.models import Outage
from server.takeover.queries import answers_stored_since, last_beat_at

CAUSE = "server_outage"
DUTY = "outage-detection"


def detect_outage(work: Work, node_id: str, limits: Thresholds = THRESHOLDS) -> Outage | None:
    """Record the outage that ends now, if there was one during somebody's exam, and set every clock right at once.

    Call it in the transaction that makes this node's beat fresh, before that beat is written. Each room concerned gets a
    row of its own, so that its late entry and earliest submission move too: provisional up to the profile's limit, above
    it awaiting a decision; then nothing ends or resumes by itself (architecture 4.5, INC-5).
    """
    session, now = work.session, work.clock.now()
    if _find(session, now, limits) is None:
        return None
    _let_one_in(session, now)
    span = _find(session, now, limits)  # another node may have been quicker
    if span is None:
        return None
    rooms = _rooms_concerned(session, span.from_at, span.to_at)
    if not rooms:
        return None
    outage = Outage(id=new_id(), from_at=span.from_at, to_at=span.to_at, cause=CAUSE, detected_by=node_id)
    session.add(outage)
    told: list[dict[str, Any]] = []
    lock_open_attempts(session, {sitting_id for sitting_id, _, _ in rooms})
    for sitting_id, room_id, starts_at in rooms:
        lost = lost_exam_time(span, starts_at)
        if lost is None:
            continue
        is_over_limit = lost.lasted > sitting_profile(session, sitting_id).outage_limit
        entry = append_row(
            work,
            kind=RowKind.INTERRUPTION,
            status=RowStatus.AWAITING_DECISION if is_over_limit else RowStatus.PROVISIONAL,
            sitting_id=sitting_id,
            room_id=room_id,
            from_at=lost.from_at,
            to_at=None if is_over_limit else lost.to_at,
            cause=CAUSE,
            reason=f"服务器从 {span.from_at.isoformat()} 到 {span.to_at.isoformat()} 无法保存作答（自动测得）",
            actor=SYSTEM,
        )
        refresh_deadlines(work, sitting_id, room_id, reason=CAUSE)
        if is_over_limit:
            work.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="awaiting_decision"))
        told.append({"sitting": sitting_id, "room": room_id, "time_entry": entry.id, "status": entry.status})
    detail = {"from": span.from_at.isoformat(), "to": span.to_at.isoformat(), "node": node_id, "rooms": told}
    record(work, SYSTEM, AuditAction.TAKEOVER_OUTAGE_DETECTED, f"outage:{outage.id}", detail)
    return outage


def _rooms_concerned(session: Session, from_at: datetime, now: datetime) -> list[tuple[str, str, datetime]]:
    """Rooms of sittings that have started, with somebody whose time was not over when the outage began."""
    rows = session.execute(
        select(Attempt.sitting_id, Attempt.room_id, Sitting.starts_at)
        .join(Sitting, Sitting.id == Attempt.sitting_id)
        .where(
            Sitting.starts_at < now,
            Attempt.state.in_(OPEN_STATES),
            or_(Attempt.deadline_at.is_(None), Attempt.deadline_at > from_at),
        )
        .distinct()
    )
    return sorted((sitting_id, room_id, starts_at) for sitting_id, room_id, starts_at in rows)


def _find(session: Session, now: datetime, limits: Thresholds) -> Span | None:
    beat_at = last_beat_at(session)
    if find_outage(beat_at, (), now, limits) is None or beat_at is None:
        return None  # twice a second; the journal is looked at only when the nodes were silent
    return find_outage(beat_at, answers_stored_since(session, beat_at), now, limits)


def _let_one_in(session: Session, now: datetime) -> None:
    # Nodes that wake together stand in line here (PostgreSQL); who comes second finds the first one's fresh beat.
    swap_lease(session, None, LeaseState(DUTY, "-", 1, now))
    read_lease(session, DUTY, lock=True)
