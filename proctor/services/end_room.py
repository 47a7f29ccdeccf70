"""End the room and collect everything (SZ-7.4)."""

from __future__ import annotations

from proctor.domain.timeline import gate_end
from proctor.room_work import (
    advance_sitting,
    close_act,
    day_of,
    end_open_interruptions,
    enter_room,
    note_gate,
    require_assigned,
    require_gate,
)
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.core.errors import Conflict
from server.delivery.domain.states import AttemptState
from server.delivery.services.collect_attempts import collect_attempts
from server.delivery.services.mark_absent import mark_absent
from server.storage.unit_of_work import UnitOfWork


def end_room(uow: UnitOfWork, sitting_id: str, room_id: str, actor: Actor, reason: str = "") -> CommandDone:
    """Collect what is open, list who never came, close the room; the last room closes the sitting.

    Raises:
        NotFound: out of reach. Forbidden: `NOT_ASSIGNED`.
        Conflict: `ALREADY_DONE`; `NOT_STARTED`; `REASON_REQUIRED`: somebody's time is not over, with when it will be.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_assigned(facts, actor)
        if facts.now < facts.clock.starts_at:
            raise Conflict(
                "NOT_STARTED", "考试尚未开始，不能结束本场。", "The exam has not started; the room cannot be ended."
            )
        gate = gate_end(facts.clock, day_of(facts), facts.now)
        if not (gate.code == "REASON_REQUIRED" and reason.strip()):
            require_gate(gate)
        still_open = [
            one.attempt.id for one in facts.seated if one.state.is_open and one.state is not AttemptState.EXPECTED
        ]
        end_open_interruptions(work, sitting_id, room_id, still_open, of_room=True)
        collected = collect_attempts(work, sitting_id, room_id, None, actor, reason or "结束本场")
        absent = mark_absent(work, sitting_id, room_id, actor)
        for act in facts.acts:
            if act.closed_at is None:
                close_act(work, act)
        facts.gates.absent_listed_at = facts.gates.absent_listed_at or facts.now
        facts.gates.ended_at = facts.now
        advance_sitting(work, actor, sitting_id)
        detail = {"collected": collected, "absent": absent, "early": not gate.is_open}
        note_gate(work, actor, facts, "ended", detail, reason)
    return CommandDone(
        done=collected,
        words_zh=f"本场已结束，收卷 {collected} 份，请核对情况记录表并签名。",
        words_en=f"The room has ended, {collected} collected. Check and sign the record.",
    )
