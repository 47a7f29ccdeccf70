"""The responsible person decides about an interruption over the limit: go on, another day, or not at all (INC-5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Forbidden
from server.core.events import AttemptChanged
from server.core.ids import new_id
from server.core.permissions import Permission, may
from server.core.state_machine import advance
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.domain.time_ledger import RowStatus
from server.delivery.ledger import lock_entry
from server.delivery.models import Attempt, TimeEntry
from server.delivery.services.send_message import send_message
from server.delivery.time_keeping import OPEN_STATES, lock_open_attempts, refresh_deadlines
from server.storage.unit_of_work import UnitOfWork, Work
from server.takeover.models import OutageDecision, OutageReport
from server.takeover.queries import awaiting_decision


class Decision(StrEnum):
    """What becomes of the sitting."""

    #: 继续考试: everybody goes on now, with all the time that was lost until this moment.
    EXTEND = "extend"
    #: 改期: open attempts are void, the candidates sit another day.
    RESCHEDULE = "reschedule"
    #: 取消: open attempts are void.
    CANCEL = "cancel"


def decide_outage(
    uow: UnitOfWork,
    *,
    sitting_id: str,
    decision: Decision,
    reason: str,
    actor: Actor,
    fee_waiver: bool = False,
    room_ids: Collection[str] | None = None,
) -> OutageDecision:
    """Decide for the rooms that wait (None: all of the sitting that do), on the record, upon another person's report.

    The decision need not be what the report proposed.

    Attempts that had ended before are not touched; what was answered stays in the journal.

    Raises:
        Forbidden: `DECISION_NEEDS_OFFICE`: the actor may not confirm time.
            `SECOND_PERSON_NEEDED`: the actor reported it and so cannot decide.
        Conflict: `NOTHING_TO_DECIDE`: nothing waits (any more); `REPORT_NEEDED`: nobody has reported it yet.
    """
    if not may(actor.role, Permission.SCHEDULING_TIME_CONFIRM):
        raise Forbidden(
            "DECISION_NEEDS_OFFICE",
            "须由考试负责人决定。",
            "This is decided by the responsible person of the exam office.",
        )
    with uow() as work:
        session, now = work.session, work.clock.now()
        waiting = [lock_entry(session, entry.id) for entry in awaiting_decision(session, sitting_id)]
        waiting = [
            entry
            for entry in waiting
            if entry.status == RowStatus.AWAITING_DECISION and (room_ids is None or entry.room_id in room_ids)
        ]
        if not waiting:
            raise Conflict("NOTHING_TO_DECIDE", "没有待决定的中断，请刷新。", "Nothing waits for a decision; refresh.")
        report = _require_report(work, waiting, actor)
        for entry in waiting:
            entry.to_at, entry.status = now, RowStatus.CONFIRMED.value
            entry.approved_by, entry.approved_at = actor.id, now
        rooms = sorted({entry.room_id for entry in waiting if entry.room_id})
        voided: list[str] = []
        lock_open_attempts(session, [sitting_id])
        for room_id in rooms:
            if decision is not Decision.EXTEND:
                voided += _void_room(work, sitting_id, room_id)
            refresh_deadlines(work, sitting_id, room_id, reason=waiting[0].cause)
            send_message(work, sitting_id, room_id, None, words_for(decision, fee_waiver=fee_waiver), actor)
        made = OutageDecision(
            id=new_id(),
            sitting_id=sitting_id,
            report_id=report.id,
            room_ids=rooms,
            decision=decision.value,
            fee_waiver=fee_waiver,
            reason=reason,
            decided_by=actor.id,
            decided_at=now,
        )
        session.add(made)
        session.flush()
        for attempt_id in voided:
            record(
                work, actor, AuditAction.DELIVERY_ATTEMPT_VOIDED, f"attempt:{attempt_id}", {"decision": made.id}, reason
            )
        detail = {
            "decision": decision.value,
            "report": report.id,
            "rooms": rooms,
            "fee_waiver": fee_waiver,
            "time_entries": [entry.id for entry in waiting],
        }
        record(work, actor, AuditAction.TAKEOVER_OUTAGE_DECIDED, f"sitting:{sitting_id}", detail, reason)
        return made


def words_for(decision: Decision, *, fee_waiver: bool) -> str:
    """What the candidates of the room read; it stays on their screens until they have seen it."""
    if decision is Decision.EXTEND:
        return "考试继续。中断期间损失的时间已全部补回，请看剩余时间。 The exam goes on; all time lost was given back."
    free = "下次报名免费。 " if fee_waiver else ""
    free_en = " The next registration is free." if fee_waiver else ""
    if decision is Decision.RESCHEDULE:
        return (
            f"本场考试改期，新的时间由考试机构另行通知。{free}您本次的作答已封存，不计成绩。"
            f" The exam is rescheduled; you will be told the new date.{free_en}"
        )
    return f"本场考试取消。{free}您本次的作答已封存，不计成绩。 The exam is cancelled.{free_en}"


def _require_report(work: Work, waiting: Sequence[TimeEntry], actor: Actor) -> OutageReport:
    """The newest report of another person; every room concerned must have been reported since it waits."""
    query = (
        select(OutageReport)
        .where(OutageReport.sitting_id == waiting[0].sitting_id)
        .order_by(OutageReport.reported_at.desc(), OutageReport.id)
    )
    reports = work.session.scalars(query).all()
    found: list[OutageReport] = []
    for entry in waiting:
        mine = [each for each in reports if entry.room_id in each.room_ids and each.reported_at >= entry.made_at]
        others = [each for each in mine if each.reported_by != actor.id]
        if not mine:
            raise Conflict(
                "REPORT_NEEDED",
                "须先由另一位工作人员报告这次中断，再由您决定。",
                "Somebody else reports this interruption first; then you decide.",
            )
        if not others:
            raise Forbidden(
                "SECOND_PERSON_NEEDED",
                "这次中断由您报告，须由另一位负责人决定。",
                "You reported this interruption; another responsible person decides.",
            )
        found.append(others[0])
    return max(found, key=lambda each: (each.reported_at, each.id))


def _void_room(work: Work, sitting_id: str, room_id: str) -> list[str]:
    voided = work.session.scalars(
        select(Attempt)
        .where(Attempt.sitting_id == sitting_id, Attempt.room_id == room_id, Attempt.state.in_(OPEN_STATES))
        .order_by(Attempt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for attempt in voided:
        attempt.state = advance(ATTEMPT_TRANSITIONS, AttemptState(attempt.state), AttemptAction.VOID).value
        attempt.ended_at = work.clock.now()
        work.publish(AttemptChanged(sitting_id=sitting_id, room_id=room_id, attempt_id=attempt.id, what="voided"))
    return [attempt.id for attempt in voided]
