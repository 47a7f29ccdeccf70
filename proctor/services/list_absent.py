"""Whoever has not come when late entry ends is absent (SZ-7.3(3))."""

from __future__ import annotations

from proctor.domain.timeline import gate_absent
from proctor.room_work import advance_sitting, day_of, enter_room, note_gate, require_gate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.delivery.services.mark_absent import mark_absent
from server.storage.unit_of_work import UnitOfWork


def list_absent(uow: UnitOfWork, sitting_id: str, room_id: str, actor: Actor) -> CommandDone:
    """Freeze the list of the absent.

    Raises:
        NotFound: out of reach. Conflict: `TOO_EARLY`, `ALREADY_DONE`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_gate(gate_absent(facts.profile, facts.clock, day_of(facts), facts.now))
        done = mark_absent(work, sitting_id, room_id, actor)
        facts.gates.absent_listed_at = facts.now
        advance_sitting(work, actor, sitting_id)
        note_gate(work, actor, facts, "absent_listed", {"count": done})
    return CommandDone(done=done, words_zh=f"已登记缺考 {done} 人。", words_en=f"{done} absent listed.")
