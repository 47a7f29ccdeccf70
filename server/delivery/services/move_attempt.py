"""One candidate goes on in another room: seat, room and time follow; script, answers and number stay."""

from __future__ import annotations

from datetime import datetime

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope, TimeRow, read_ledger
from server.delivery.ledger import append_row, lock_attempts, open_interruptions
from server.delivery.models import Attempt
from server.delivery.queries import ledger_rows
from server.delivery.services.open_interruption import open_interruption
from server.storage.unit_of_work import Work

CAUSE = "pc_swap"


def move_attempt(
    work: Work,
    attempt: Attempt,
    to_room_id: str,
    to_seat_id: str,
    actor: Actor,
    reason: str,
    *,
    since: datetime | None = None,
) -> None:
    """Take the attempt to a free seat of another room and release its device.

    What the old room was given belongs to the candidate: its rows are copied to him, because the other room's ledger does
    not know them. Whoever was answering is suspended there until a proctor resumes him.

    Args:
        since: from when the old room stood still; None: from the candidate's last life sign.

    Raises:
        Conflict: `ALREADY_ENDED`; `AWAITING_DECISION`: the room waits for a decision that must come first.
    """
    session, sitting_id, old_room = work.session, attempt.sitting_id, attempt.room_id
    attempt = lock_attempts(session, sitting_id, old_room, [attempt.id])[0]
    state = AttemptState(attempt.state)
    if state.is_final:
        raise Conflict("ALREADY_ENDED", "该考生已结束考试，不需要转移。", "This candidate's exam has ended.")
    _carry_time(work, attempt, actor, reason)
    since = _take_over(work, attempt, actor, reason) or since or attempt.last_seen_at
    old_seat = attempt.seat_id
    attempt.room_id, attempt.seat_id = to_room_id, to_seat_id
    attempt.released_at = work.clock.now()
    session.flush()
    detail = {
        "from_seat": old_seat,
        "to_seat": to_seat_id,
        "from_room": old_room,
        "to_room": to_room_id,
        "epoch": attempt.epoch,
    }
    record(work, actor, AuditAction.DELIVERY_ATTEMPT_MOVED, f"attempt:{attempt.id}", detail, reason)
    if state in {AttemptState.ANSWERING, AttemptState.SUSPENDED}:
        open_interruption(
            work,
            sitting_id=sitting_id,
            room_id=to_room_id,
            attempt_id=attempt.id,
            cause=CAUSE,
            reason=reason,
            actor=actor,
            since=since,
            suspend=state is AttemptState.ANSWERING,
        )
    for room_id in (old_room, to_room_id):
        work.publish(AttemptChanged(sitting_id=sitting_id, room_id=room_id, attempt_id=attempt.id, what="moved_room"))


def _take_over(work: Work, attempt: Attempt, actor: Actor, reason: str) -> datetime | None:
    """The candidate stood still already: the move's own row takes that over from its beginning, so one decision settles both."""
    entries = open_interruptions(work.session, attempt.sitting_id, attempt.room_id, attempt.id)
    for entry in entries:
        entry.to_at = work.clock.now()
        append_row(
            work,
            kind=RowKind.REVERSAL,
            status=RowStatus.CONFIRMED,
            sitting_id=attempt.sitting_id,
            room_id=attempt.room_id,
            attempt_id=attempt.id,
            reverses_id=entry.id,
            cause=entry.cause,
            reason=f"并入转移考场：{reason}",
            actor=actor,
        )
    return min((entry.from_at for entry in entries if entry.from_at is not None), default=None)


def _carry_time(work: Work, attempt: Attempt, actor: Actor, reason: str) -> None:
    rows = ledger_rows(work.session, attempt.sitting_id)
    reading = read_ledger(rows, room_id=attempt.room_id, attempt_id=attempt.id)
    if reading.awaiting_decision:
        raise Conflict(
            "AWAITING_DECISION",
            "本考场的中断已超过规定时限，须先由考试负责人决定，再转移。",
            "The interruption here is over the limit: the responsible person decides first.",
        )
    for row in rows:
        if row.id in reading.counted_ids and row.scope is Scope.ROOM:
            _copy(work, attempt, row, actor, reason)


def _copy(work: Work, attempt: Attempt, row: TimeRow, actor: Actor, reason: str) -> None:
    append_row(
        work,
        kind=RowKind(row.kind),
        status=RowStatus(row.status),
        sitting_id=attempt.sitting_id,
        room_id=attempt.room_id,
        attempt_id=attempt.id,
        from_at=row.from_at,
        # One that still lasts ends here for this candidate; his own move begins where it ends.
        to_at=(row.to_at or work.clock.now()) if row.kind is RowKind.INTERRUPTION else None,
        grant=row.grant,
        cause=row.cause,
        reason=f"随考生转移：{reason}",
        actor=actor,
    )
