"""All rules of time, in exam time, in one place (architecture 4).

Exam time is the time since the scheduled start minus what was lost. One pure function, `read_exam_clock`, turns
(policy, start, duration, allowances, interruptions, now) into the whole reading; the `may_…` functions read it.

| rule | in exam time | the boundary belongs to |
|---|---|---|
| admission opens | start − `admission_opens_before` (wall time) | the candidate |
| late entry ends (SZ-4.3, AH-R3.2) | `late_entry_within` | the candidate: 30:00 enters, 30:01 does not |
| earliest submission (SZ-7.3(3), AH-R18.4) | `earliest_submission_after` | the candidate: 30:00 may, 29:59 may not |
| warning (SZ-7.3(4)) | allotted − `warning_before_end` | - |
| end (SZ-7.4) | allotted = duration + extra + grants | the rule: at 0 it is over |

Late entry and earliest submission run from the scheduled start, not from a late candidate's own (domain.md 5).
A room's or sitting's interruption moves everything after it; a seat's moves only its own earliest submission and end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

ZERO = timedelta(0)


class TimePolicy(Protocol):
    """What the rules of time need to know of a rule profile (`RuleProfile` is one)."""

    @property
    def admission_opens_before(self) -> timedelta: ...
    @property
    def late_entry_within(self) -> timedelta: ...
    @property
    def late_entry_inclusive(self) -> bool: ...
    @property
    def earliest_submission_after(self) -> timedelta: ...
    @property
    def warning_before_end(self) -> timedelta: ...
    @property
    def network_grace(self) -> timedelta: ...
    @property
    def late_candidate_ends_with_others(self) -> bool: ...


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A span in which nobody concerned could work: `from_at` counts, `to_at` does not. `to_at` None: it still lasts."""

    from_at: datetime
    to_at: datetime | None = None


class ClockPhase(StrEnum):
    """What a candidate's clock is doing."""

    #: Doors are closed.
    BEFORE_ADMISSION = "before_admission"
    #: Doors are open, the start is still to come.
    ADMISSION = "admission"
    #: The clock runs.
    RUNNING = "running"
    #: The clock stands still because of an interruption.
    SUSPENDED = "suspended"
    #: The clock stands still until the responsible person decides (outage over the limit).
    AWAITING_DECISION = "awaiting_decision"
    #: The time is used up.
    OVER = "over"


@dataclass(frozen=True, slots=True)
class ExamClock:
    """One candidate's (or one room's) clock, read at `now`.

    While the clock stands still, every moment still to come is what it would be if work went on at `now`.
    """

    phase: ClockPhase
    now: datetime
    admission_opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    remaining: timedelta
    earliest_submit_at: datetime
    late_entry_ends_at: datetime
    warning_at: datetime
    #: time lost up to now that was given back; overlaps counted once
    lost: timedelta
    granted: timedelta
    #: duration + extra + grants
    allotted: timedelta
    late_entry_inclusive: bool = True

    @property
    def exam_time(self) -> timedelta:
        """How much of the allotted time is used."""
        return self.allotted - self.remaining

    @property
    def stands_still(self) -> bool:
        """No deadline at present: nothing may end by itself."""
        return self.phase in {ClockPhase.SUSPENDED, ClockPhase.AWAITING_DECISION}


def read_exam_clock(
    *,
    policy: TimePolicy,
    starts_at: datetime,
    duration: timedelta,
    extra: timedelta = ZERO,
    room_interruptions: Iterable[Interval] = (),
    seat_interruptions: Iterable[Interval] = (),
    grants: Iterable[timedelta] = (),
    now: datetime,
    awaiting_decision: bool = False,
    began_at: datetime | None = None,
) -> ExamClock:
    """The whole clock reading at `now`.

    Args:
        starts_at: the scheduled start T.
        extra: the candidate's approved extra time (合理便利).
        room_interruptions: those of the room and of the whole sitting.
        seat_interruptions: this candidate's own.
        grants: ledger grants in effect; a negative one corrects another.
        awaiting_decision: an interruption over the limit waits for a person (INC-5).
        began_at: the candidate's own start; matters only if the profile gives late candidates the full time.
    """
    granted = sum(grants, ZERO)
    allotted = max(ZERO, duration + extra + granted)
    room, seat = tuple(room_interruptions), tuple(seat_interruptions)
    room_spans = merge_intervals(room, now)
    all_spans = merge_intervals((*room, *seat), now)
    origin = starts_at
    if began_at is not None and not policy.late_candidate_ends_with_others:
        origin = max(starts_at, began_at)

    ends_at = reach(origin, allotted, all_spans)
    remaining = allotted - min(allotted, exam_time_at(origin, now, all_spans))
    return ExamClock(
        phase=_phase(
            policy,
            starts_at,
            now,
            over=remaining <= ZERO,
            held=any(_holds(interval, now) for interval in (*room, *seat)),
            awaiting_decision=awaiting_decision,
        ),
        now=now,
        admission_opens_at=starts_at - policy.admission_opens_before,
        starts_at=starts_at,
        ends_at=ends_at,
        remaining=remaining,
        earliest_submit_at=min(ends_at, reach(starts_at, policy.earliest_submission_after, all_spans)),
        late_entry_ends_at=reach(starts_at, policy.late_entry_within, room_spans),
        warning_at=reach(origin, max(ZERO, allotted - policy.warning_before_end), all_spans),
        lost=lost_between(origin, min(now, ends_at), all_spans),
        granted=granted,
        allotted=allotted,
        late_entry_inclusive=policy.late_entry_inclusive,
    )


def _phase(
    policy: TimePolicy, starts_at: datetime, now: datetime, *, over: bool, held: bool, awaiting_decision: bool
) -> ClockPhase:
    if now < starts_at - policy.admission_opens_before:
        return ClockPhase.BEFORE_ADMISSION
    if now < starts_at:
        return ClockPhase.ADMISSION
    if over:  # an interruption that begins after the end changes nothing
        return ClockPhase.OVER
    if awaiting_decision:
        return ClockPhase.AWAITING_DECISION
    return ClockPhase.SUSPENDED if held else ClockPhase.RUNNING


# --- What a person may do ---------------------------------------------------------------------------------------------


def may_enter(clock: ExamClock, now: datetime) -> bool:
    """Doors are open and late entry has not ended: at T+30:00 still, at T+30:01 no more (SZ-4.3, AH-R19.1)."""
    if now < clock.admission_opens_at or clock.phase is ClockPhase.OVER:
        return False
    return now < clock.late_entry_ends_at or (clock.late_entry_inclusive and now == clock.late_entry_ends_at)


def may_begin(clock: ExamClock, now: datetime) -> bool:
    """The paper may be handed out: the start has come, the clock runs. Whoever was let in late begins late."""
    return now >= clock.starts_at and clock.phase is ClockPhase.RUNNING


def may_submit(clock: ExamClock, now: datetime) -> bool:
    """Handing in is open: at 30:00 yes, at 29:59 no (SZ-7.3(3)); never while the clock stands still.

    After the end it stays open: a submission under way at the last second meets the same finalising as the time-out.
    """
    return now >= clock.earliest_submit_at and not clock.stands_still


def is_in_time(
    clock: ExamClock, received_at: datetime, policy: TimePolicy, *, covered: bool = False
) -> tuple[bool, timedelta]:
    """Whether an answer received then still counts, and how late it was (zero when before the end)."""
    if clock.stands_still:
        return True, ZERO
    return judge_lateness(clock.ends_at, received_at, policy.network_grace, covered=covered)


def judge_lateness(
    deadline_at: datetime | None, received_at: datetime, grace: timedelta, *, covered: bool
) -> tuple[bool, timedelta]:
    """The acceptance rule (architecture 4.7): (counts, late by).

    Args:
        deadline_at: None while the clock stands still.
        grace: how long the network may have held up an answer made in time.
        covered: a recorded interruption of this candidate covers the gap between the end and the receipt.
    """
    if deadline_at is None:
        return True, ZERO
    late_by = max(ZERO, received_at - deadline_at)
    return late_by <= grace or covered, late_by


# --- Arithmetic of spans ----------------------------------------------------------------------------------------------


def merge_intervals(intervals: Iterable[Interval], now: datetime) -> list[tuple[datetime, datetime]]:
    """The union as disjoint spans in order; an interval that still lasts ends `now`. Empty ones vanish."""
    spans: list[tuple[datetime, datetime]] = []
    closed = ((each.from_at, now if each.to_at is None else each.to_at) for each in intervals)
    for from_at, to_at in sorted(span for span in closed if span[0] < span[1]):
        if spans and from_at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], to_at))
        else:
            spans.append((from_at, to_at))
    return spans


def lost_between(from_at: datetime, to_at: datetime, spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How much of `from_at`…`to_at` lies in the (disjoint) spans."""
    return sum((max(ZERO, min(b, to_at) - max(a, from_at)) for a, b in spans), ZERO)


def exam_time_at(starts_at: datetime, now: datetime, spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Wall time to exam time: elapsed − lost, zero before the start."""
    return max(ZERO, now - starts_at) - lost_between(starts_at, now, spans)


def reach(starts_at: datetime, exam_time: timedelta, spans: Iterable[tuple[datetime, datetime]]) -> datetime:
    """Exam time to wall time: the first moment at which `exam_time` has passed.

    Args:
        spans: disjoint and in order. One that begins at or after the moment reached does not move it.
    """
    moment = starts_at + exam_time
    for from_at, to_at in spans:
        if from_at >= moment:
            break
        moment += max(ZERO, to_at - max(from_at, starts_at))
    return moment


def _holds(interval: Interval, now: datetime) -> bool:
    return interval.from_at <= now and (interval.to_at is None or now < interval.to_at)
