"""Attempts, journal lines and ledger rows for tests: rows made directly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from server.core.ids import new_id
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus
from server.delivery.models import Attempt, JournalEntry, TimeEntry
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.domain.states import SittingState
from server.scheduling.models import AdmissionTicket
from server.storage.unit_of_work import UnitOfWork
from tests.factories.scheduling import FurnishedSitting, a_furnished_sitting, a_vault
from tests.moments import DURATION, START

_numbers = itertools.count(1)
BEGUN = frozenset(AttemptState) - {AttemptState.EXPECTED, AttemptState.ADMITTED, AttemptState.ABSENT}


def an_attempt(
    session: Session, ticket: AdmissionTicket, state: AttemptState = AttemptState.ANSWERING, **changes: Any
) -> Attempt:
    """An attempt at the ticket's seat; whoever has begun began on time. Deadlines: `refresh_deadlines`."""
    known: dict[str, Any] = {"id": new_id(), "preferences": {}, "epoch": 0 if state is AttemptState.EXPECTED else 1}
    if state in BEGUN:
        known["started_at"] = START
    attempt = Attempt(
        ticket_id=ticket.id,
        sitting_id=ticket.sitting_id,
        room_id=ticket.room_id,
        seat_id=ticket.seat_id,
        state=state.value,
        **(known | changes),
    )
    session.add(attempt)
    session.flush()
    return attempt


def a_time_entry(session: Session, attempt: Attempt | None = None, **changes: Any) -> TimeEntry:
    """A ledger row; of the attempt when one is given, else name `sitting_id` (and `room_id`)."""
    known: dict[str, Any] = {
        "id": new_id(), "kind": RowKind.INTERRUPTION.value, "status": RowStatus.CONFIRMED.value,
        "cause": "lan_outage", "made_by": "somebody", "made_at": START,
    }  # fmt: skip
    if attempt is not None:
        known |= {"sitting_id": attempt.sitting_id, "room_id": attempt.room_id, "attempt_id": attempt.id}
    known |= changes
    known.setdefault("scope", "attempt" if known.get("attempt_id") else "room" if known.get("room_id") else "sitting")
    entry = TimeEntry(**known)
    session.add(entry)
    session.flush()
    return entry


def a_journal_entry(
    session: Session, attempt: Attempt, item_ref: str = "q1", value: Sequence[str] = ("a",), **changes: Any
) -> JournalEntry:
    """A counted answer with the next free number."""
    known: dict[str, Any] = {
        "attempt_id": attempt.id, "page_id": "0" * 16, "client_seq": next(_numbers), "epoch": attempt.epoch,
        "kind": "answer", "item_ref": item_ref, "value": list(value), "client_time_ms": 0, "client_monotonic_ms": 0,
        "received_at": START, "standing": "counted", "node_id": "node",
    }  # fmt: skip
    entry = JournalEntry(**(known | changes))
    session.add(entry)
    session.flush()
    return entry


@dataclass(frozen=True)
class RunningRoom:
    """One room of a running sitting and its attempts, by id."""

    sitting_id: str
    room_id: str
    attempt_ids: list[str]
    chief_id: str
    deputy_id: str


def running_rooms(
    uow: UnitOfWork,
    rooms: int = 1,
    candidates: int = 3,
    profile: RuleProfile | None = None,
    starts_at: datetime = START,
    duration: timedelta = DURATION,
    state: AttemptState = AttemptState.ANSWERING,
) -> list[RunningRoom]:
    """A running sitting of `rooms` rooms, everybody in `state`, deadlines stored."""
    with uow() as work:
        sitting: FurnishedSitting = a_furnished_sitting(
            work.session, a_vault(), rooms=rooms, candidates_per_room=candidates, profile=profile,
            state=SittingState.RUNNING, starts_at=starts_at, duration=duration,
        )  # fmt: skip
        made = [
            RunningRoom(
                sitting.id,
                room.id,
                [an_attempt(work.session, ticket, state).id for ticket in room.tickets],
                room.chief_id,
                room.deputy_id,
            )
            for room in sitting.rooms
        ]
        refresh_deadlines(work, sitting.id)
    return made
