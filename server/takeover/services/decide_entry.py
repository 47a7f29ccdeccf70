"""The exam office stands for a row of the time ledger, takes it back, or corrects its length."""

from __future__ import annotations

from datetime import timedelta

from server.core.actor import Actor
from server.core.errors import Forbidden, InvalidInput, NotFound
from server.core.permissions import Permission, may
from server.delivery.models import TimeEntry
from server.delivery.services import decide_time as delivery
from server.storage.unit_of_work import UnitOfWork


def decide_entry(
    uow: UnitOfWork,
    *,
    entry_id: str,
    decision: delivery.Decision,
    reason: str,
    actor: Actor,
    amended: timedelta | None = None,
) -> TimeEntry:
    """Decide about one row, of whatever room (architecture 4.5); returns the row that now counts.

    Raises:
        Forbidden: `DECISION_NEEDS_OFFICE`: the actor may not confirm time; `SECOND_PERSON_NEEDED`.
        NotFound: `TIME_ENTRY_NOT_FOUND`.
        Conflict: `ALREADY_DECIDED`, `STILL_OPEN`; `AWAITING_DECISION`: see `decide_outage`.
        InvalidInput: `AMENDMENT_INVALID`, `AMENDMENT_ENDS_LATER`.
    """
    if not may(actor.role, Permission.SCHEDULING_TIME_CONFIRM):
        raise Forbidden(
            "DECISION_NEEDS_OFFICE",
            "须由考试负责人决定。",
            "This is decided by the responsible person of the exam office.",
        )
    with uow() as work:
        entry = work.session.get(TimeEntry, entry_id)
        if entry is None:
            raise NotFound(
                "TIME_ENTRY_NOT_FOUND", "没有这条时间记录，请刷新。", "There is no such time row; refresh the page."
            )
        if amended is not None and entry.from_at is not None and entry.from_at + amended > work.clock.now():
            # Clocks would stand still until then, with nobody to set them going again.
            raise InvalidInput(
                "AMENDMENT_ENDS_LATER",
                "更正后的中断会在现在之后才结束，请填写已经过去的时长。",
                "The interruption would end after now; enter a length that has passed.",
            )
        return delivery.decide_time(
            work, entry_id=entry_id, decision=decision, reason=reason, actor=actor, amended=amended
        )
