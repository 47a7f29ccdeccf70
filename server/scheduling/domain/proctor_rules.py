"""How many proctors a room needs, and who may be one of them (SZ-7.1; national standards 1:15)."""

from __future__ import annotations

from server.core.errors import Conflict
from server.scheduling.domain.rule_profile import RuleProfile


def proctors_needed(profile: RuleProfile, candidates: int) -> int:
    """At least the profile's number for a room, and one for every so many candidates."""
    by_ratio = -(-candidates // profile.candidates_per_proctor)
    return max(profile.proctors_per_room, by_ratio)


def check_proctors(profile: RuleProfile, candidates: int, proctors: int, room_name: str) -> None:
    """Refuse too few or too many proctors for a room, naming the clause.

    Raises:
        Conflict: `PROCTORS_TOO_FEW`, `PROCTORS_TOO_MANY`, `ROOM_TOO_FULL` when no allowed number would be enough.
    """
    needed = proctors_needed(profile, candidates)
    ratio_clause = profile.source_of("candidates_per_proctor")
    if needed > profile.proctors_per_room_max:
        clause = profile.source_of("proctors_per_room_max")
        raise Conflict(
            "ROOM_TOO_FULL",
            f"{room_name}有考生 {candidates} 人，按比例需 {needed} 名监考（{ratio_clause}），但每场最多 {profile.proctors_per_room_max} 名（{clause}）；请减少该考场人数。",
            f"{room_name}: {candidates} candidates need {needed} proctors ({ratio_clause}), at most {profile.proctors_per_room_max} are allowed ({clause}).",
            needed=needed,
            clause=clause,
        )
    if proctors < needed:
        by_room = needed == profile.proctors_per_room
        clause = profile.source_of("proctors_per_room") if by_room else ratio_clause
        raise Conflict(
            "PROCTORS_TOO_FEW",
            f"{room_name}有考生 {candidates} 人，需要 {needed} 名监考，现为 {proctors} 名（依据：{clause}）；请补足。",
            f"{room_name}: {candidates} candidates need {needed} proctors, there are {proctors} ({clause}).",
            needed=needed,
            clause=clause,
        )
    if proctors > profile.proctors_per_room_max:
        clause = profile.source_of("proctors_per_room_max")
        raise Conflict(
            "PROCTORS_TOO_MANY",
            f"{room_name}最多 {profile.proctors_per_room_max} 名监考，现为 {proctors} 名（依据：{clause}）。",
            f"{room_name}: at most {profile.proctors_per_room_max} proctors, there are {proctors} ({clause}).",
            clause=clause,
        )
