"""A person stands for a ledger row, takes it back, or corrects its length. The row itself stays as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Forbidden, InvalidInput
from server.core.permissions import Permission, may
from server.delivery.domain.time_ledger import RowKind, RowStatus, find_reversed
from server.delivery.ledger import append_row, lock_entry
from server.delivery.models import TimeEntry
from server.delivery.queries import ledger_rows
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import Work

Decision = Literal["confirm", "reverse", "amend"]


def decide_time(
    work: Work, *, entry_id: str, decision: Decision, reason: str, actor: Actor, amended: timedelta | None = None
) -> TimeEntry:
    """Decide in the caller's transaction and return the row that now counts (or, reversed, the reversal).

    Args:
        decision: confirm a proposed or provisional row; reverse any row that is not reversed; amend an interruption:
            reverse it and add another of the length `amended` from the same beginning.

    Raises:
        NotFound: no such row. The caller has checked that it is within the actor's reach.
        Conflict: `ALREADY_DECIDED`; `STILL_OPEN`: end the interruption first; `AWAITING_DECISION`: see `decide_outage`.
        Forbidden: `SECOND_PERSON_NEEDED`: a large grant is confirmed by somebody else; `DECISION_NEEDS_OFFICE`: more
            than the profile's limit is decided by the responsible person.
        InvalidInput: `AMENDMENT_INVALID`.
    """
    session, now = work.session, work.clock.now()
    entry = lock_entry(session, entry_id)
    _require_decidable(work, entry)
    if decision == "confirm":
        _require_confirmable(work, entry, actor)
        entry.status, entry.approved_by, entry.approved_at = RowStatus.CONFIRMED.value, actor.id, now
        result, action = entry, _CONFIRMED_ACTIONS[RowKind(entry.kind)]
    else:
        result = _reverse(work, entry, reason, actor)
        action = AuditAction.DELIVERY_TIME_REVERSED
        if decision == "amend":
            if entry.kind != RowKind.INTERRUPTION or entry.from_at is None or amended is None or amended < timedelta(0):
                raise InvalidInput(
                    "AMENDMENT_INVALID",
                    "只能更正中断的时长，且不得为负。",
                    "Only an interruption's length can be amended.",
                )
            _require_within_limit(work, entry, amended, actor)
            result = append_row(
                work,
                kind=RowKind.INTERRUPTION,
                status=RowStatus.CONFIRMED,
                sitting_id=entry.sitting_id,
                room_id=entry.room_id,
                attempt_id=entry.attempt_id,
                from_at=entry.from_at,
                to_at=entry.from_at + amended,
                cause=entry.cause,
                reason=reason,
                actor=actor,
            )
            action = AuditAction.DELIVERY_TIME_AMENDED
    refresh_deadlines(
        work, entry.sitting_id, entry.room_id, [entry.attempt_id] if entry.attempt_id else None, reason=entry.cause
    )
    subject = f"attempt:{entry.attempt_id}" if entry.attempt_id else f"room:{entry.room_id}"
    detail = {"sitting": entry.sitting_id, "time_entry": entry.id, "result": result.id, "decision": decision}
    record(work, actor, action, subject, detail, reason)
    return result


def _require_decidable(work: Work, entry: TimeEntry) -> None:
    if entry.id in find_reversed(ledger_rows(work.session, entry.sitting_id)):
        raise Conflict("ALREADY_DECIDED", "这条补时已被撤回，请刷新。", "This row was taken back already; refresh.")
    if entry.status == RowStatus.AWAITING_DECISION:
        raise Conflict(
            "AWAITING_DECISION",
            "中断已超过规定时限，须由考试负责人决定继续、改期或取消。",
            "Over the limit: the responsible person decides whether to go on, reschedule or cancel.",
        )
    if entry.kind == RowKind.INTERRUPTION and entry.to_at is None:
        raise Conflict("STILL_OPEN", "中断还没有结束，请先恢复考试。", "The interruption still lasts; resume first.")


def _require_confirmable(work: Work, entry: TimeEntry, actor: Actor) -> None:
    if entry.status == RowStatus.CONFIRMED:
        raise Conflict("ALREADY_DECIDED", "这条补时已确认。", "This row is confirmed already.")
    if entry.kind == RowKind.GRANT and entry.made_by == actor.id:
        raise Forbidden(
            "SECOND_PERSON_NEEDED",
            "较长的补时须由另一位工作人员确认。",
            "A grant of this length is confirmed by a second person.",
        )
    if entry.from_at and entry.to_at:
        _require_within_limit(work, entry, entry.to_at - entry.from_at, actor)


def _require_within_limit(work: Work, entry: TimeEntry, length: timedelta, actor: Actor) -> None:
    limit = sitting_profile(work.session, entry.sitting_id).outage_limit
    if length > limit and not may(actor.role, Permission.SCHEDULING_TIME_CONFIRM):
        raise Forbidden(
            "DECISION_NEEDS_OFFICE",
            "中断超过规定时限，须由考试负责人确认。",
            "An interruption over the limit is confirmed by the responsible person.",
        )


def _reverse(work: Work, entry: TimeEntry, reason: str, actor: Actor) -> TimeEntry:
    return append_row(
        work,
        kind=RowKind.REVERSAL,
        status=RowStatus.CONFIRMED,
        sitting_id=entry.sitting_id,
        room_id=entry.room_id,
        attempt_id=entry.attempt_id,
        reverses_id=entry.id,
        cause="correction",
        reason=reason,
        actor=actor,
    )


_CONFIRMED_ACTIONS = {
    RowKind.INTERRUPTION: AuditAction.DELIVERY_INTERRUPTION_CONFIRMED,
    RowKind.GRANT: AuditAction.DELIVERY_TIME_CONFIRMED,
    RowKind.REVERSAL: AuditAction.DELIVERY_TIME_REVERSED,
}
