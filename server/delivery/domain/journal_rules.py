"""What becomes of one journal entry: the single place of the acceptance rule.

The caller looks for the repeat first: an entry already stored is acknowledged with what is stored, whatever has happened
since. Then, in this order, because each question only makes sense after the one before:

1. Is it about this candidate's paper at all?                    refused   UNKNOWN_ITEM, UNKNOWN_OPTION, TOO_MANY_OPTIONS
2. Does the page still hold the pen (fencing by epoch)?          superseded SESSION_MOVED
3. Has the candidate begun?                                      refused   NOT_STARTED
4. Has the attempt ended?                                        closed    SUBMITTED
5. Does the clock stand still?                                   counted: made before it stopped, arrived after
6. Is it in time, or forgivably late?                            counted, else late TIME_OVER

Refused entries are not stored; all others are, as evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_rules import judge_lateness

NOT_BEGUN = frozenset({AttemptState.EXPECTED, AttemptState.ADMITTED, AttemptState.ABSENT})


class Standing(StrEnum):
    """What a journal entry is worth."""

    #: Part of the candidate's answers.
    COUNTED = "counted"
    #: Came after the deadline and its grace; evidence.
    LATE = "late"
    #: From a page that had lost the pen to another; evidence, shown to the proctor.
    SUPERSEDED = "superseded"
    #: Came after the attempt had ended; evidence.
    CLOSED = "closed"
    #: Makes no sense for this candidate; not stored.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` is None when counted. `late_by_ms`: milliseconds after the deadline, 0 when in time."""

    standing: Standing
    code: str | None = None
    late_by_ms: int = 0


def judge_entry(
    *,
    attempt_state: AttemptState,
    epoch_of_attempt: int,
    entry_epoch: int,
    received_at: datetime,
    deadline_at: datetime | None,
    grace: timedelta,
    covered_by_interruption: bool = False,
    malformed: str | None = None,
) -> Verdict:
    """The standing of a new entry (architecture 4.7, 6).

    Args:
        received_at: when the server had it, before the wait for the batch.
        deadline_at: the attempt's stored deadline; None while the clock stands still.
        covered_by_interruption: see `time_ledger.covers_gap`.
        malformed: what `find_malformed` said.
    """
    if malformed is not None:
        return Verdict(Standing.REFUSED, malformed)
    if entry_epoch != epoch_of_attempt:
        return Verdict(Standing.SUPERSEDED, "SESSION_MOVED")
    if attempt_state in NOT_BEGUN:
        return Verdict(Standing.REFUSED, "NOT_STARTED")
    if attempt_state.is_final:
        return Verdict(Standing.CLOSED, "SUBMITTED")
    if attempt_state is AttemptState.SUSPENDED:
        return Verdict(Standing.COUNTED)
    counts, late_by = judge_lateness(deadline_at, received_at, grace, covered=covered_by_interruption)
    late_by_ms = -(-late_by // timedelta(milliseconds=1))  # rounded up: a late entry never reads as 0 ms late
    if counts:
        return Verdict(Standing.COUNTED, late_by_ms=late_by_ms)
    return Verdict(Standing.LATE, "TIME_OVER", late_by_ms)


def find_malformed(
    *, kind: str, value: Sequence[str], options: Collection[str] | None, takes_several: bool
) -> str | None:
    """The code of what is wrong with an entry against the candidate's own script, or None.

    Args:
        kind: answer | flag; a flag's value is ["1"] or [].
        options: opaque references the item offers; None: this script has no such item.
        takes_several: the item is multiple choice; every other kind takes one option at most.
    """
    if options is None:
        return "UNKNOWN_ITEM"
    if kind == "flag":
        return None if list(value) in ([], ["1"]) else "UNKNOWN_OPTION"
    if any(ref not in options for ref in value):
        return "UNKNOWN_OPTION"
    if len(set(value)) != len(value) or (len(value) > 1 and not takes_several):
        return "TOO_MANY_OPTIONS"
    return None
