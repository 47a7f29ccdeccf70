"""What every command of the board does first and last: reach, lock, gates, the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from proctor.board_parts import room_day
from proctor.domain.timeline import Gate, RoomDay
from proctor.models import TwoPersonAct
from proctor.room_facts import RoomFacts, SeatedAttempt, read_room
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Forbidden, NotFound
from server.core.events import RoomChanged
from server.core.state_machine import advance
from server.delivery.domain.time_ledger import RowKind, RowStatus
from server.delivery.models import TimeEntry
from server.delivery.time_keeping import to_ms
from server.scheduling.domain.states import SITTING_TRANSITIONS, SittingAction, SittingState
from server.scheduling.models import Sitting, SittingRoom
from server.scheduling.queries import require_room
from server.storage.unit_of_work import Work


def enter_room(work: Work, actor: Actor, sitting_id: str, room_id: str) -> RoomFacts:
    """The room as it is now, its row locked: commands to one room come one after the other.

    Raises:
        NotFound: `ROOM_NOT_FOUND`, also for a room out of reach.
    """
    require_room(work.session, actor, sitting_id, room_id)
    work.session.get_one(SittingRoom, (sitting_id, room_id), with_for_update=True, populate_existing=True)
    return read_room(work.session, sitting_id, room_id, work.clock.now())


def require_candidate(facts: RoomFacts, attempt_id: str) -> SeatedAttempt:
    """The candidate with this attempt, when he sits in this room.

    Raises:
        NotFound: `ATTEMPT_NOT_FOUND`, also for another room's candidate.
    """
    found = next((one for one in facts.seated if one.attempt.id == attempt_id), None)
    if found is None:
        raise NotFound("ATTEMPT_NOT_FOUND", "本考场没有这名考生。", "There is no such candidate in this room.")
    return found


def require_candidates(facts: RoomFacts, attempt_ids: Iterable[str]) -> list[SeatedAttempt]:
    """Likewise for several; each once, in the order given."""
    return [require_candidate(facts, attempt_id) for attempt_id in dict.fromkeys(attempt_ids)]


def require_assigned(facts: RoomFacts, actor: Actor) -> None:
    """The actor is one of the room's own proctors.

    Raises:
        Forbidden: `NOT_ASSIGNED`.
    """
    if actor.id not in {duty.account_id for duty in facts.duties}:
        raise Forbidden("NOT_ASSIGNED", "只有本考场的监考员才能执行。", "Only this room's own proctors may do this.")


def require_gate(gate: Gate) -> None:
    """Pass, or say why not and when.

    Raises:
        Conflict: the gate's code, e.g. `TOO_EARLY` with `opens_at_ms`.
    """
    if not gate.is_open:
        data = {} if gate.opens_at is None else {"opens_at_ms": to_ms(gate.opens_at)}
        raise Conflict(gate.code, gate.words_zh, gate.words_en, **data)


def day_of(facts: RoomFacts) -> RoomDay:
    """What the gates look at."""
    return room_day(facts)


def note_gate(
    work: Work, actor: Actor, facts: RoomFacts, gate: str, detail: dict[str, Any] | None = None, reason: str = ""
) -> None:
    """Put a passed gate on record and tell the screens."""
    sitting_id, room_id = facts.sitting.id, facts.room.id
    told = {"gate": gate, "sitting": sitting_id, **(detail or {})}
    record(work, actor, AuditAction.PROCTOR_ROOM_GATE_PASSED, f"room:{room_id}", told, reason)
    work.publish(RoomChanged(sitting_id=sitting_id, room_id=room_id, what=gate))


def close_act(work: Work, act: TwoPersonAct) -> None:
    """Nobody can join any more; the secret kept for the second person is gone."""
    act.closed_at = work.clock.now()
    act.first_secret_cipher = None


def end_open_interruptions(
    work: Work, sitting_id: str, room_id: str, attempt_ids: Iterable[str], *, of_room: bool
) -> None:
    """An interruption does not outlast the exam it interrupts; one that waits for a decision stays as it is."""
    ids = list(attempt_ids)
    rows = work.session.scalars(
        select(TimeEntry)
        .where(
            TimeEntry.sitting_id == sitting_id,
            TimeEntry.room_id == room_id,
            TimeEntry.kind == RowKind.INTERRUPTION.value,
            TimeEntry.to_at.is_(None),
            TimeEntry.status != RowStatus.AWAITING_DECISION.value,
        )
        .order_by(TimeEntry.id)
        .with_for_update()
    )
    for row in rows:
        if row.attempt_id in ids or (of_room and row.attempt_id is None):
            row.to_at = work.clock.now()


def advance_sitting(work: Work, actor: Actor, sitting_id: str) -> SittingState:
    """Take the sitting as far as its rooms allow: running at the start, closed when all ended, sealed when all signed."""
    sitting = work.session.get_one(Sitting, sitting_id, with_for_update={"key_share": True}, populate_existing=True)
    work.session.flush()
    rooms = list(work.session.scalars(select(SittingRoom).where(SittingRoom.sitting_id == sitting_id)))
    state = before = SittingState(sitting.state)
    if state is SittingState.PUBLISHED and any(room.admission_opened_at for room in rooms):
        state = advance(SITTING_TRANSITIONS, state, SittingAction.OPEN_ADMISSION)
    is_begun = work.clock.now() >= sitting.starts_at and any(room.paper_opened_at for room in rooms)
    all_ended = all(room.ended_at for room in rooms)
    if state is SittingState.ADMITTING and (is_begun or all_ended):
        state = advance(SITTING_TRANSITIONS, state, SittingAction.START)
    if state is SittingState.RUNNING and all_ended:
        state = advance(SITTING_TRANSITIONS, state, SittingAction.CLOSE)
    if state is SittingState.CLOSED and all(room.record_signed_at for room in rooms):
        state = advance(SITTING_TRANSITIONS, state, SittingAction.SEAL)
    if state is not before:
        sitting.state = state.value
        detail = {"from": before.value, "to": state.value}
        record(work, actor, AuditAction.PROCTOR_SITTING_ADVANCED, f"sitting:{sitting_id}", detail)
        for room in rooms:
            work.publish(RoomChanged(sitting_id=sitting_id, room_id=room.room_id, what=f"sitting_{state.value}"))
    return state
