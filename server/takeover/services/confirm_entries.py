"""The exam office stands for many rows at once: measured time, or the proposals to give none to who went on answering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.core.actor import Actor
from server.core.errors import Forbidden, MingyuanError
from server.core.permissions import Permission, may
from server.delivery.services.decide_time import decide_time
from server.storage.unit_of_work import UnitOfWork
from server.takeover.queries import undecided_time


@dataclass(frozen=True, slots=True)
class Confirmed:
    """`left`: rows that could not be confirmed (meanwhile decided, still open, another's to confirm)."""

    confirmed: int
    left: int


def confirm_entries(
    uow: UnitOfWork, *, sitting_id: str, entry_ids: Sequence[str], reason: str, actor: Actor
) -> Confirmed:
    """Confirm the named rows of one sitting in one transaction, each on the record for itself.

    A row that cannot be confirmed is left as it is and does not stop the others.

    Raises:
        Forbidden: `DECISION_NEEDS_OFFICE`: the actor may not confirm time.
    """
    if not may(actor.role, Permission.SCHEDULING_TIME_CONFIRM):
        raise Forbidden(
            "DECISION_NEEDS_OFFICE",
            "须由考试负责人决定。",
            "This is decided by the responsible person of the exam office.",
        )
    confirmed = 0
    with uow() as work:
        known = {entry.id for entry in undecided_time(work.session, sitting_id)}
        wanted = sorted(set(entry_ids))
        for entry_id in (each for each in wanted if each in known):
            try:  # `decide_time` refuses before it writes anything
                decide_time(work, entry_id=entry_id, decision="confirm", reason=reason, actor=actor)
            except MingyuanError:
                continue
            confirmed += 1
    return Confirmed(confirmed, len(wanted) - confirmed)
