"""Somebody reports an interruption over the limit and proposes what to do; another person decides (`decide_outage`)."""

from __future__ import annotations

from collections.abc import Collection

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Forbidden
from server.core.ids import new_id
from server.core.permissions import Permission, may
from server.storage.unit_of_work import UnitOfWork
from server.takeover.models import OutageReport
from server.takeover.queries import awaiting_decision
from server.takeover.services.decide_outage import Decision


def report_outage(
    uow: UnitOfWork,
    *,
    sitting_id: str,
    proposal: Decision,
    reason: str,
    actor: Actor,
    fee_waiver: bool = False,
    room_ids: Collection[str] | None = None,
) -> OutageReport:
    """Put a proposal for the rooms that wait (None: all of the sitting that do) on record; clocks stay where they are.

    Another report of the same rooms, by anybody, is another row; the decision names the newest of another person.

    Raises:
        Forbidden: `REPORT_NEEDS_OFFICE`: the actor has nothing to do with sittings.
        Conflict: `NOTHING_TO_DECIDE`: nothing waits (any more).
    """
    if not may(actor.role, Permission.SCHEDULING_SITTING_READ):
        raise Forbidden(
            "REPORT_NEEDS_OFFICE", "须由考务人员报告。", "An interruption is reported by the exam office's staff."
        )
    with uow() as work:
        waiting = {entry.room_id for entry in awaiting_decision(work.session, sitting_id) if entry.room_id}
        rooms = sorted(waiting if room_ids is None else waiting & set(room_ids))
        if not rooms:
            raise Conflict("NOTHING_TO_DECIDE", "没有待决定的中断，请刷新。", "Nothing waits for a decision; refresh.")
        report = OutageReport(
            id=new_id(),
            sitting_id=sitting_id,
            room_ids=rooms,
            proposal=proposal.value,
            fee_waiver=fee_waiver,
            reason=reason,
            reported_by=actor.id,
            reported_at=work.clock.now(),
        )
        work.session.add(report)
        work.session.flush()
        detail = {"report": report.id, "proposal": proposal.value, "rooms": rooms, "fee_waiver": fee_waiver}
        record(work, actor, AuditAction.TAKEOVER_OUTAGE_REPORTED, f"sitting:{sitting_id}", detail, reason)
        return report
