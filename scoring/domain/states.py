"""States of a result 成绩, how it gets from one to the next, and how a candidate was present."""

from __future__ import annotations

from enum import StrEnum


class ResultState(StrEnum):
    """One result's way; the table below is the only list of steps."""

    #: The attempt has not ended, or nobody has marked it yet.
    PENDING = "pending"
    #: Marked (or settled without a score: absent, void); secret.
    SCORED = "scored"
    #: The exam clerk checked that it is complete; still secret.
    CONFIRMED = "confirmed"
    #: Published by a second person and handed to the certification workflow.
    RELEASED = "released"
    #: Changed after the release by a corrected key; handed over again.
    AMENDED = "amended"

    @property
    def is_published(self) -> bool:
        """Published results may leave the house."""
        return self in (ResultState.RELEASED, ResultState.AMENDED)


class ResultAction(StrEnum):
    """What can be done to a result."""

    SCORE = "score"
    CONFIRM = "confirm"
    RELEASE = "release"
    AMEND = "amend"


RESULT_TRANSITIONS: dict[tuple[ResultState, ResultAction], ResultState] = {
    (ResultState.PENDING, ResultAction.SCORE): ResultState.SCORED,
    (ResultState.SCORED, ResultAction.SCORE): ResultState.SCORED,
    # A corrected key before the release: whoever confirmed did not confirm this score.
    (ResultState.CONFIRMED, ResultAction.SCORE): ResultState.SCORED,
    (ResultState.SCORED, ResultAction.CONFIRM): ResultState.CONFIRMED,
    (ResultState.CONFIRMED, ResultAction.RELEASE): ResultState.RELEASED,
    (ResultState.RELEASED, ResultAction.AMEND): ResultState.AMENDED,
    (ResultState.AMENDED, ResultAction.AMEND): ResultState.AMENDED,
}


class Attendance(StrEnum):
    """Only `taken` has a score. Absent and void have none, which is not the same as zero."""

    TAKEN = "taken"
    ABSENT = "absent"
    VOID = "void"


ATTENDANCE_TEXTS: dict[Attendance, tuple[str, str]] = {
    Attendance.TAKEN: ("参加", "Taken"),
    Attendance.ABSENT: ("缺考", "Absent"),
    Attendance.VOID: ("作废", "Void"),
}
