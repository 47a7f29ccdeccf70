"""The notes were read aloud (SZ-7.2(5))."""

from __future__ import annotations

from proctor.domain.timeline import gate_notes
from proctor.room_work import day_of, enter_room, note_gate, require_gate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork


def read_notes(uow: UnitOfWork, sitting_id: str, room_id: str, actor: Actor) -> CommandDone:
    """Write down that the notes were read.

    Raises:
        NotFound: out of reach. Conflict: `TOO_EARLY`, `DOORS_CLOSED`, `ALREADY_DONE`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_gate(gate_notes(facts.profile, facts.clock, day_of(facts), facts.now))
        facts.gates.notes_read_at = facts.now
        note_gate(work, actor, facts, "notes_read")
    return CommandDone(words_zh="已记录：须知宣读完毕。", words_en="On record: the notes were read.")
