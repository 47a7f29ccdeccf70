"""States of an incident, and its kinds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class IncidentState(StrEnum):
    """Where an incident stands."""

    #: Somebody still has to do something about it.
    OPEN = "open"
    #: What was done is written down.
    CLOSED = "closed"


class IncidentAction(StrEnum):
    """What can be done with an incident."""

    RESOLVE = "resolve"


INCIDENT_TRANSITIONS: Mapping[tuple[IncidentState, IncidentAction], IncidentState] = {
    (IncidentState.OPEN, IncidentAction.RESOLVE): IncidentState.CLOSED,
}


class IncidentKind(StrEnum):
    """What an entry of the room record is about. The last three are written by the system itself."""

    VIOLATION = "violation"
    MACHINE_FAULT = "machine_fault"
    ILLNESS = "illness"
    LATE_ARRIVAL = "late_arrival"
    OTHER = "other"
    #: Somebody tried to sign in to an exam that is open on another device.
    SECOND_LOGIN = "second_login"
    #: A page that had lost its turn sent answers; they are kept and not counted.
    SUPERSEDED_ANSWERS = "superseded_answers"
    #: ID card or face did not fit (SZ-7.3(1)): suspected impersonation.
    IDENTITY_MISMATCH = "identity_mismatch"
