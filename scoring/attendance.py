"""How a candidate was present, read from how the attempt ended."""

from __future__ import annotations

from datetime import datetime

from scoring.domain.states import Attendance
from server.delivery.domain.states import AttemptState

#: States an attempt can be scored or settled in.
ENDED_STATES = tuple(state.value for state in AttemptState if state.is_final)


def attendance_at_end(state: str, started_at: datetime | None) -> Attendance | None:
    """How the candidate was present; None while the attempt has not ended.

    Who signed in but never began is absent: he never held the paper, so there is nothing to mark. Who began and
    answered nothing took the exam and has zero points.
    """
    if state == AttemptState.VOIDED:
        return Attendance.VOID
    if state == AttemptState.ABSENT:
        return Attendance.ABSENT
    if state in (AttemptState.SUBMITTED, AttemptState.COLLECTED):
        return Attendance.TAKEN if started_at is not None else Attendance.ABSENT
    return None
