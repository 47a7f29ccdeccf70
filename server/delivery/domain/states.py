"""States of an attempt 应试记录 and how one leads to the next; no other file lists them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class AttemptState(StrEnum):
    """Where a candidate's run of the paper stands."""

    #: Has a ticket and a seat; nobody has signed in yet.
    EXPECTED = "expected"
    #: Signed in on a workstation, waiting for the start or reading the rules.
    ADMITTED = "admitted"
    #: Holds the paper and may answer.
    ANSWERING = "answering"
    #: Stopped by a person or by a dead workstation; this candidate's clock stands still.
    SUSPENDED = "suspended"
    #: Handed in by the candidate, or by the end of time, which counts as handing in.
    SUBMITTED = "submitted"
    #: Taken away by a proctor, or by the closing of the sitting.
    COLLECTED = "collected"
    #: Never came in while entry was open.
    ABSENT = "absent"
    #: Declared worthless by a person: a violation, or the sitting was cancelled or rescheduled.
    VOIDED = "voided"

    @property
    def is_open(self) -> bool:
        """Something may still happen in the room."""
        return self in _OPEN

    @property
    def is_final(self) -> bool:
        """No answer is taken any more; only `void` may follow."""
        return self not in _OPEN

    @property
    def holds_paper(self) -> bool:
        """Begun and not ended: entries of the journal may count."""
        return self in {AttemptState.ANSWERING, AttemptState.SUSPENDED}


class AttemptAction(StrEnum):
    """What can be done to an attempt."""

    ADMIT = "admit"
    BEGIN = "begin"
    SUSPEND = "suspend"
    RESUME = "resume"
    SUBMIT = "submit"
    COLLECT = "collect"
    MARK_ABSENT = "mark_absent"
    VOID = "void"


_OPEN = frozenset({AttemptState.EXPECTED, AttemptState.ADMITTED, AttemptState.ANSWERING, AttemptState.SUSPENDED})

#: For `server.core.state_machine.advance`. `admitted ─collect→` is for whoever signed in and never began;
#: voiding an open attempt is the cancelled or rescheduled sitting.
ATTEMPT_TRANSITIONS: Mapping[tuple[AttemptState, AttemptAction], AttemptState] = {
    (AttemptState.EXPECTED, AttemptAction.ADMIT): AttemptState.ADMITTED,
    (AttemptState.EXPECTED, AttemptAction.MARK_ABSENT): AttemptState.ABSENT,
    (AttemptState.ADMITTED, AttemptAction.BEGIN): AttemptState.ANSWERING,
    (AttemptState.ADMITTED, AttemptAction.COLLECT): AttemptState.COLLECTED,
    (AttemptState.ANSWERING, AttemptAction.SUSPEND): AttemptState.SUSPENDED,
    (AttemptState.SUSPENDED, AttemptAction.RESUME): AttemptState.ANSWERING,
    (AttemptState.ANSWERING, AttemptAction.SUBMIT): AttemptState.SUBMITTED,
    (AttemptState.ANSWERING, AttemptAction.COLLECT): AttemptState.COLLECTED,
    (AttemptState.SUSPENDED, AttemptAction.COLLECT): AttemptState.COLLECTED,
    **{
        (state, AttemptAction.VOID): AttemptState.VOIDED
        for state in (*_OPEN, AttemptState.SUBMITTED, AttemptState.COLLECTED)
    },
}
