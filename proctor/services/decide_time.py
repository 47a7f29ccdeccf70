"""The proctor confirms a proposed row of the time ledger, or takes one back."""

from __future__ import annotations

from typing import Literal

from proctor.room_work import enter_room
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.core.errors import Forbidden, NotFound
from server.delivery.models import TimeEntry
from server.delivery.services import decide_time as delivery
from server.storage.unit_of_work import UnitOfWork


def decide_time(
    uow: UnitOfWork,
    sitting_id: str,
    room_id: str,
    time_entry_id: str,
    decision: Literal["confirm", "reverse"],
    reason: str,
    actor: Actor,
) -> CommandDone:
    """Decide about a row of this room.

    Raises:
        NotFound: room or row out of reach. Forbidden: `DECISION_NEEDS_OFFICE`, `SECOND_PERSON_NEEDED`.
        Conflict: `ALREADY_DECIDED`, `STILL_OPEN`, `AWAITING_DECISION`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        entry = work.session.get(TimeEntry, time_entry_id)
        if entry is None or all(shown.id != entry.id for shown in facts.time_entries):
            raise NotFound(
                "TIME_ENTRY_NOT_FOUND", "本考场没有这条时间记录。", "There is no such time row in this room."
            )
        if entry.room_id is None and entry.attempt_id is None:
            raise Forbidden(
                "DECISION_NEEDS_OFFICE",
                "全场次的时间由考务办决定。",
                "Time for the whole sitting is decided by the exam office.",
            )
        delivery.decide_time(work, entry_id=time_entry_id, decision=decision, reason=reason, actor=actor)
    if decision == "confirm":
        return CommandDone(done=1, words_zh="已确认生效。", words_en="Confirmed and in effect.")
    return CommandDone(done=1, words_zh="已撤回。", words_en="Taken back.")
