"""Rooms of the same centre where candidates could go on, and whether they may."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctor.wire import FreeSeat, SpareRoom
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt, TimeEntry
from server.scheduling.models import Room, Seat, Sitting, SittingRoom
from server.scheduling.planning import overlapping_sittings


def spare_rooms(session: Session, sitting: Sitting, but_not: str) -> list[SpareRoom]:
    """Every other room of the centre: possible ones first, empty ones before those in use, then by number."""
    rooms = session.scalars(
        select(Room).where(Room.centre_id == sitting.centre_id, Room.id != but_not).order_by(Room.number, Room.id)
    )
    busy = _busy_elsewhere(session, sitting)
    found = [_spare_room(session, sitting, room, room.id in busy) for room in rooms]
    in_use = set(session.scalars(select(Attempt.room_id).where(Attempt.sitting_id == sitting.id)))
    return sorted(found, key=lambda one: (one.blocked_zh is not None, one.room_id in in_use))


def _spare_room(session: Session, sitting: Sitting, room: Room, is_busy: bool) -> SpareRoom:
    taken = set(
        session.scalars(
            select(Attempt.seat_id).where(
                Attempt.sitting_id == sitting.id,
                Attempt.room_id == room.id,
                Attempt.state != AttemptState.ABSENT.value,
            )
        )
    )
    seats = session.scalars(select(Seat).where(Seat.room_id == room.id).order_by(Seat.number))
    blocked = _why_not(session, sitting, room, is_busy)
    return SpareRoom(
        room_id=room.id,
        name=room.name,
        free_seats=[FreeSeat(seat_id=seat.id, number=seat.number) for seat in seats if seat.id not in taken],
        blocked_zh=blocked[0] if blocked else None,
        blocked_en=blocked[1] if blocked else None,
    )


def _why_not(session: Session, sitting: Sitting, room: Room, is_busy: bool) -> tuple[str, str] | None:
    if is_busy:
        return "另一场考试正在使用", "another sitting uses it"
    gates = session.get(SittingRoom, (sitting.id, room.id))
    if gates is not None and gates.ended_at is not None:
        return "该考场本场已结束", "this sitting has ended there"
    own_rows = select(TimeEntry.id).where(
        TimeEntry.sitting_id == sitting.id, TimeEntry.room_id == room.id, TimeEntry.attempt_id.is_(None)
    )
    if session.scalars(own_rows.limit(1)).first() is not None:
        # Its own outages would be given to people who were not there.
        return "该考场本场有自己的补时记录", "that room has time rows of its own"
    return None


def _busy_elsewhere(session: Session, sitting: Sitting) -> set[str]:
    others = overlapping_sittings(session, sitting.starts_at, timedelta(seconds=sitting.duration_s), sitting.id)
    ids = [other.id for other in others]
    return set(session.scalars(select(SittingRoom.room_id).where(SittingRoom.sitting_id.in_(ids)))) if ids else set()
