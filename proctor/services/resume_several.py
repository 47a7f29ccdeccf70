"""Everybody who is back at a machine goes on together, after a room was moved or a switch was mended."""

from __future__ import annotations

from collections.abc import Sequence

from proctor.room_work import enter_room, require_candidates
from proctor.wire_commands import CommandDone
from server.core.actor import Actor
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowStatus
from server.delivery.services.close_interruption import close_interruption
from server.storage.unit_of_work import UnitOfWork


def resume_several(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_ids: Sequence[str], reason: str, actor: Actor
) -> CommandDone:
    """Resume those of them who are paused and have signed in at their machine; the others stay as they are.

    Raises:
        NotFound: room or candidate out of reach. Conflict: `AWAITING_DECISION`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        ready = [
            one.attempt.id
            for one in require_candidates(facts, attempt_ids)
            if one.state is AttemptState.SUSPENDED and one.attempt.released_at is None
        ]
        entries = [
            close_interruption(work, sitting_id=sitting_id, room_id=room_id, attempt_id=one, reason=reason, actor=actor)
            for one in sorted(ready)
        ]
    left = len(set(attempt_ids)) - len(ready)
    over = sum(entry.status != RowStatus.CONFIRMED for entry in entries)
    zh = f"已恢复 {len(ready)} 人" + (f"，其中 {over} 人耽误的时间须由考务办确认" if over else "，耽误的时间已补回")
    en = f"{len(ready)} resumed" + (f"; the office confirms the time of {over}" if over else "; lost time given back")
    if left:
        zh += f"；{left} 人尚未在新座位登录或没有暂停，未动"
        en += f"; {left} not signed in yet or not paused, left as they were"
    return CommandDone(done=len(ready), words_zh=f"{zh}。", words_en=f"{en}.")
