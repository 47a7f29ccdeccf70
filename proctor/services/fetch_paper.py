"""Both proctors fetch the paper together (SZ-7.2(3)), each from an own log-in."""

from __future__ import annotations

from proctor.domain.timeline import gate_fetch
from proctor.room_work import day_of, enter_room, note_gate, require_assigned, require_gate
from proctor.two_person import complete_act, join_act
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.scheduling.models import ProctorAssignment
from server.storage.unit_of_work import UnitOfWork

ACT = "fetch_paper"


def fetch_paper(uow: UnitOfWork, sitting_id: str, room_id: str, actor: Actor) -> CommandDone:
    """First call: wait for the second person. Second call: the paper is fetched.

    Raises:
        NotFound: out of reach. Conflict: `TOO_EARLY`, `ALREADY_DONE`, `NO_PACKAGE`.
        Forbidden: `NOT_ASSIGNED`, `SECOND_PERSON_REQUIRED`. Gone: `REQUEST_EXPIRED`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_assigned(facts, actor)
        require_gate(gate_fetch(facts.profile, facts.clock, day_of(facts), facts.now))
        joined = join_act(work, facts, ACT, actor)
        if joined.refusal is None:
            assignment = work.session.get_one(ProctorAssignment, (sitting_id, room_id, actor.id))
            assignment.reported_at = assignment.reported_at or facts.now
        if joined.is_second:
            complete_act(work, joined.act, actor)
            facts.gates.fetched_at = facts.now
            detail = {"first": joined.act.first_by, "second": actor.id, "package": facts.gates.package_id}
            note_gate(work, actor, facts, "fetched", detail)
    if joined.refusal is not None:
        raise joined.refusal
    if not joined.is_second:
        return joined.waiting()
    return CommandDone(words_zh="试卷已由两名监考员共同领取。", words_en="Both proctors have fetched the paper.")
