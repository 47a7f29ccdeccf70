"""A room cannot go on: its candidates continue in another room of the centre, in one act 转移到备用考场."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from proctor.domain.states import IncidentKind
from proctor.incidents import raise_incident
from proctor.room_facts import RoomFacts, SeatedAttempt, read_room
from proctor.room_work import enter_room, require_assigned, require_candidates
from proctor.spare_rooms import spare_rooms
from proctor.wire_commands import CommandDone
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import RoomChanged
from server.delivery.domain.states import AttemptState
from server.delivery.services.move_attempt import move_attempt
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.models import ProctorAssignment, Room, Seat, SittingRoom
from server.storage.unit_of_work import UnitOfWork, Work


def move_room(
    uow: UnitOfWork,
    sitting_id: str,
    room_id: str,
    to_room_id: str,
    moves: Mapping[str, str],
    reason: str,
    actor: Actor,
) -> CommandDone:
    """Move the candidates to the seats named (attempt → seat). All or nobody.

    Everybody keeps script, answers and time; clocks of those who answer stand still until a proctor lets them go on
    there. The gates that were passed stay passed. A room nobody was planned in gets this room's proctors.

    Raises:
        NotFound: room or candidate out of reach. Forbidden: `NOT_ASSIGNED`.
        Conflict: `ROOM_NOT_FREE` (with why), `SEAT_TAKEN`, `SEAT_NOT_IN_ROOM`, `ALREADY_ENDED`, `AWAITING_DECISION`.
    """
    with uow() as work:
        session = work.session
        for locked in sorted({room_id, to_room_id}):  # in one order, so that two moves never wait for each other
            session.get(SittingRoom, (sitting_id, locked), with_for_update=True)
        facts = enter_room(work, actor, sitting_id, room_id)
        require_assigned(facts, actor)
        seated = require_candidates(facts, moves)
        target = _require_free(work, facts, to_room_id, moves)
        _prepare_room(work, facts, to_room_id)
        since = _since(facts)
        for one in seated:
            move_attempt(work, one.attempt, to_room_id, moves[one.attempt.id], actor, reason, since=since)
        refresh_deadlines(work, sitting_id, to_room_id, [one.attempt.id for one in seated], reason="pc_swap")
        _put_on_record(work, facts, target, seated, moves, reason, actor)
        for room in (room_id, to_room_id):
            work.publish(RoomChanged(sitting_id=sitting_id, room_id=room, what="moved"))
        moved = len(seated)
    return CommandDone(
        done=moved,
        words_zh=f"已把 {moved} 名考生转移到{target.name}。到新座位登录后，在{target.name}的监考台按“恢复”。",
        words_en=f"{moved} candidates moved to {target.name}. They sign in there; then resume them on that room's board.",
    )


def _require_free(work: Work, facts: RoomFacts, to_room_id: str, moves: Mapping[str, str]) -> Room:
    found = next(
        (one for one in spare_rooms(work.session, facts.sitting, facts.room.id) if one.room_id == to_room_id), None
    )
    if found is None or found.blocked_zh is not None:
        why_zh, why_en = (found.blocked_zh, found.blocked_en) if found else ("不是本考点的考场", "not of this centre")
        raise Conflict("ROOM_NOT_FREE", f"不能转移到这个考场：{why_zh}。", f"Nobody can be moved there: {why_en}.")
    of_room = {seat.id: seat.number for seat in work.session.scalars(select(Seat).where(Seat.room_id == to_room_id))}
    free = {seat.seat_id for seat in found.free_seats}
    wanted = list(moves.values())
    for seat_id in wanted:
        if seat_id not in of_room:
            raise Conflict("SEAT_NOT_IN_ROOM", "这个机位不在目标考场。", "That seat is not in the other room.")
        if seat_id not in free or wanted.count(seat_id) > 1:
            number = of_room[seat_id]
            raise Conflict(
                "SEAT_TAKEN", f"{number} 号机位已有人，请重新分配。", f"Seat {number} is taken; assign again."
            )
    return work.session.get_one(Room, to_room_id)


def _prepare_room(work: Work, facts: RoomFacts, to_room_id: str) -> None:
    """The other room is in the sitting, its gates as far as ours, and somebody proctors it."""
    session, key = work.session, (facts.sitting.id, to_room_id)
    gates = session.get(SittingRoom, key)
    if gates is None:
        gates = SittingRoom(sitting_id=key[0], room_id=key[1])
        session.add(gates)
    passed = ("fetched_at", "admission_opened_at", "notes_read_at", "paper_opened_at", "absent_listed_at")
    for gate in passed:
        if getattr(gates, gate) is None:
            setattr(gates, gate, getattr(facts.gates, gate))
    assigned = select(ProctorAssignment.account_id).where(
        ProctorAssignment.sitting_id == key[0], ProctorAssignment.room_id == key[1]
    )
    if session.scalars(assigned.limit(1)).first() is None:
        for duty in facts.duties:
            session.add(
                ProctorAssignment(
                    sitting_id=key[0],
                    room_id=key[1],
                    account_id=duty.account_id,
                    duty=duty.duty,
                    reported_at=duty.reported_at,
                )
            )
    session.flush()


def _since(facts: RoomFacts) -> datetime | None:
    """From when the time is lost: when the room began to stand still, if it does; else each one's last life sign."""
    open_rows = [
        entry.from_at
        for entry in facts.time_entries
        if entry.kind == "interruption" and entry.to_at is None and entry.attempt_id is None and entry.from_at
    ]
    return min(open_rows, default=None)


def _put_on_record(
    work: Work,
    facts: RoomFacts,
    target: Room,
    seated: list[SeatedAttempt],
    moves: Mapping[str, str],
    reason: str,
    actor: Actor,
) -> None:
    """Both room records tell it: who went, from which seat to which."""
    numbers = {
        seat.id: seat.number
        for seat in work.session.scalars(select(Seat).where(Seat.room_id.in_([facts.room.id, target.id])))
    }
    names = "、".join(
        f"{numbers.get(facts_seat, 0)}→{numbers.get(moves[one.attempt.id], 0)}"
        for one, facts_seat in ((each, each.ticket.seat_id) for each in seated)
    )
    answering = sum(one.state is AttemptState.SUSPENDED for one in seated)
    words = f"{facts.room.name} {len(seated)} 名考生转移到{target.name}（座位 {names}）：{reason}"
    done = f"已放行换机，{answering} 人停表待恢复"
    raise_incident(work, facts, IncidentKind.MACHINE_FAULT, actor, words, action_taken=done)
    there = read_room(work.session, facts.sitting.id, target.id, facts.now)
    raise_incident(work, there, IncidentKind.MACHINE_FAULT, actor, words, action_taken=done)
