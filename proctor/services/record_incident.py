"""An entry for the room record: violation, fault, illness, late arrival (SZ-7.3(5), SZ-14, SZ-16)."""

from __future__ import annotations

from proctor.domain.states import IncidentKind
from proctor.incidents import raise_incident
from proctor.room_work import enter_room, require_candidate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.core.errors import InvalidInput
from server.storage.unit_of_work import UnitOfWork


def record_incident(
    uow: UnitOfWork,
    sitting_id: str,
    room_id: str,
    kind: IncidentKind,
    words: str,
    actor: Actor,
    *,
    attempt_id: str | None = None,
    tier: int | None = None,
    action_taken: str = "",
) -> CommandDone:
    """Write it down; closed at once when it says what was done.

    Raises:
        NotFound: room or candidate out of reach.
        InvalidInput: `TIER_REQUIRED`: a violation names its tier and its candidate; nothing else has a tier.
    """
    is_violation = kind is IncidentKind.VIOLATION
    if is_violation != (tier is not None) or (is_violation and attempt_id is None):
        raise InvalidInput(
            "TIER_REQUIRED",
            "违纪须选考生和档次（一、二、三档）；其他情况不选档次。",
            "A violation names the candidate and a tier from 1 to 3; other incidents have no tier.",
        )
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        if attempt_id is not None:
            require_candidate(facts, attempt_id)
        before = sum(one.kind == kind and one.attempt_id == attempt_id and one.tier == 1 for one in facts.incidents)
        raise_incident(work, facts, kind, actor, words, attempt_id=attempt_id, tier=tier, action_taken=action_taken)
    if is_violation and tier == 1 and before + 1 >= facts.profile.warnings_to_void:
        return CommandDone(
            done=1,
            words_zh=f"已记录。这是第 {before + 1} 次一档违纪，按规定试卷作废，请报告巡考决定。",
            words_en=f"Recorded. Warning {before + 1} of tier 1: the paper is to be voided; report to the inspector.",
        )
    return CommandDone(done=1, words_zh="已记录。", words_en="Recorded.")
