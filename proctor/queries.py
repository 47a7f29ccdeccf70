"""What the board reads: snapshots, single seats, one's rooms."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctor.board_parts import BoardParts, make_parts, seat_status
from proctor.room_facts import (
    RoomFacts,
    newest_checks,
    open_incident_counts,
    read_candidates,
    read_room,
    read_seated,
)
from proctor.wire import Alarm, BoardSnapshot, RoomDuty, SeatCard, SeatStatus
from server.core.actor import Actor
from server.core.permissions import ROLE_REACH, Reach
from server.delivery.queries import ledger_rows
from server.delivery.time_keeping import to_ms
from server.scheduling.domain.candidate_notice import LEVEL_NAMES
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.domain.states import SittingState
from server.scheduling.models import ProctorAssignment, Room, Sitting, SittingRoom


def parts_of(session: Session, sitting_id: str, room_id: str, now: datetime) -> BoardParts:
    """Everything of a room's board that changes."""
    return make_parts(read_room(session, sitting_id, room_id, now))


def snapshot(
    session: Session,
    sitting_id: str,
    room_id: str,
    now: datetime,
    *,
    version: int = 0,
    extra_alarms: Sequence[Alarm] = (),
) -> BoardSnapshot:
    """The whole board; the caller has checked the reach. Names are here and nowhere else (checklist D5)."""
    facts = read_room(session, sitting_id, room_id, now)
    parts = make_parts(facts)
    return BoardSnapshot(
        version=version,
        server_now_ms=to_ms(now),
        header=parts.header,
        rows=facts.room.rows,
        columns=facts.room.columns,
        aisles_after=[int(column) for column in facts.room.aisles_after],
        seats=_cards(session, facts, parts),
        statuses=list(parts.statuses.values()),
        timeline=parts.timeline,
        alarms=[*extra_alarms, *parts.alarms],
        time_rows=parts.time_rows,
        incidents=parts.incidents,
        record_url=record_url(sitting_id, room_id) if facts.gates.ended_at is not None else None,
        signed_by=[facts.names.get(one.account_id, "") for one in facts.signatures],
    )


def statuses(session: Session, attempt_ids: Sequence[str], now: datetime) -> list[SeatStatus]:
    """The seats of these candidates, as committed."""
    ids = list(attempt_ids)
    seated = read_seated(session, ids)
    if not seated:
        return []
    sittings = {
        sitting.id: (sitting, RuleProfile.from_document(sitting.profile), ledger_rows(session, sitting.id))
        for sitting in session.scalars(
            select(Sitting).where(Sitting.id.in_({one.attempt.sitting_id for one in seated}))
        )
    }
    checks, incidents = newest_checks(session, ids), open_incident_counts(session, ids)
    found = []
    for one in seated:
        sitting, profile, ledger = sittings[one.attempt.sitting_id]
        found.append(seat_status(sitting, profile, ledger, one, checks, incidents.get(one.attempt.id, 0), now))
    return found


def rooms_of(session: Session, actor: Actor) -> list[RoomDuty]:
    """Rooms whose board this person may watch, latest sitting first."""
    query = (
        select(Sitting, Room, ProctorAssignment.duty)
        .join(SittingRoom, SittingRoom.sitting_id == Sitting.id)
        .join(Room, Room.id == SittingRoom.room_id)
        .outerjoin(
            ProctorAssignment,
            (ProctorAssignment.sitting_id == Sitting.id)
            & (ProctorAssignment.room_id == Room.id)
            & (ProctorAssignment.account_id == actor.id),
        )
        .where(Sitting.state != SittingState.PLANNED.value)
        .order_by(Sitting.starts_at.desc(), Room.number, Room.id)
    )
    if ROLE_REACH[actor.role] is not Reach.SITE:
        query = query.where(ProctorAssignment.account_id.is_not(None))
    return [
        RoomDuty.model_validate(
            {
                "sitting_id": sitting.id,
                "room_id": room.id,
                "sitting_name": sitting.name,
                "room_name": room.name,
                "exam_title": f"{sitting.occupation_name} {LEVEL_NAMES.get(sitting.level, sitting.level)}",
                "duty": duty or "viewer",
                "starts_at_ms": to_ms(sitting.starts_at),
                "state": sitting.state,
            }
        )
        for sitting, room, duty in session.execute(query)
    ]


def record_url(sitting_id: str, room_id: str) -> str:
    """Where the room record is read."""
    return f"/api/proctor/board/{sitting_id}/{room_id}/record.pdf"


def _cards(session: Session, facts: RoomFacts, parts: BoardParts) -> list[SeatCard]:
    people = read_candidates(session, [one.ticket.candidate_id for one in facts.seated])
    by_attempt = {one.attempt.id: one for one in facts.seated}
    cards = []
    for seat in facts.seats:
        one = by_attempt.get(parts.statuses[seat.id].attempt_id or "")
        person = people[one.ticket.candidate_id] if one else None
        cards.append(
            SeatCard(
                seat_id=seat.id,
                number=seat.number,
                row=seat.row,
                column=seat.column,
                is_spare=seat.is_spare,
                attempt_id=one.attempt.id if one else None,
                name=person.name if person else "",
                pinyin=person.name_pinyin if person else "",
                ticket_number=one.ticket.number if one else "",
                id_number_masked=person.id_number_masked if person else "",
                organisation=person.organisation if person else "",
                photo=photo_url(person.photo) if person else None,
            )
        )
    return cards


def photo_url(photo: bytes | None) -> str | None:
    """The photo inside an address, JPEG or PNG by its first bytes; None when there is none."""
    if not photo:
        return None
    kind = "png" if photo.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(photo).decode()}"
