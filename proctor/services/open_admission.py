"""Open the doors (SZ-7.2(4))."""

from __future__ import annotations

from proctor.domain.timeline import gate_admission
from proctor.room_work import advance_sitting, day_of, enter_room, note_gate, require_gate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork


def open_admission(uow: UnitOfWork, sitting_id: str, room_id: str, actor: Actor) -> CommandDone:
    """Candidates of this room may sign in from now on; the first room takes the sitting to `admitting`.

    Raises:
        NotFound: out of reach. Conflict: `TOO_EARLY`, `ALREADY_DONE`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_gate(gate_admission(facts.profile, facts.clock, day_of(facts), facts.now))
        facts.gates.admission_opened_at = facts.now
        advance_sitting(work, actor, sitting_id)
        note_gate(work, actor, facts, "admission_opened")
    return CommandDone(words_zh="已开门，考生可以登录。", words_en="Doors are open; candidates may sign in.")
