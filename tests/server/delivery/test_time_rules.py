"""Rules of time: every boundary by example, then what must hold whatever happens."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.delivery.domain.time_rules import (
    ClockPhase,
    ExamClock,
    Interval,
    is_in_time,
    lost_between,
    may_begin,
    may_enter,
    may_submit,
    merge_intervals,
    read_exam_clock,
)
from server.scheduling.domain.rule_profile import load_profile
from tests import moments
from tests.moments import DURATION, END, LIMIT_30, MINUTE, SECOND, START

POLICY = load_profile("default")


def read(now: datetime, **changes: object) -> ExamClock:
    settings: dict[str, object] = {"policy": POLICY, "starts_at": START, "duration": DURATION, "now": now}
    return read_exam_clock(**(settings | changes))  # type: ignore[arg-type]


def span(from_minute: float, to_minute: float | None) -> Interval:
    return Interval(
        START + from_minute * MINUTE,
        None if to_minute is None else START + to_minute * MINUTE,
    )


# --- Phases and boundaries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        (moments.before_admission, ClockPhase.BEFORE_ADMISSION),
        (moments.doors_open, ClockPhase.ADMISSION),
        (moments.just_before_the_start, ClockPhase.ADMISSION),
        (START, ClockPhase.RUNNING),
        (moments.in_mid_exam, ClockPhase.RUNNING),
        (moments.the_last_second, ClockPhase.RUNNING),
        (END, ClockPhase.OVER),
        (moments.after_the_end, ClockPhase.OVER),
        (END + timedelta(hours=24), ClockPhase.OVER),
    ],
)
def test_the_day_has_phases_and_each_begins_at_its_boundary(now: datetime, phase: ClockPhase) -> None:
    assert read(now).phase is phase


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        (moments.before_admission, False),
        (moments.doors_open, True),
        (START, True),
        (moments.late_but_allowed, True),
        (moments.late_but_allowed + timedelta(microseconds=1), False),
        (moments.too_late, False),
    ],
)
def test_entry_is_possible_at_thirty_minutes_and_refused_one_second_later(now: datetime, allowed: bool) -> None:
    assert may_enter(read(now), now) is allowed


def test_an_exclusive_profile_refuses_entry_at_thirty_minutes_sharp() -> None:
    policy = replace(POLICY, late_entry_inclusive=False)
    assert not may_enter(read(LIMIT_30, policy=policy), LIMIT_30)
    assert may_enter(read(LIMIT_30 - SECOND, policy=policy), LIMIT_30 - SECOND)


@pytest.mark.parametrize(
    ("now", "allowed"), [(moments.too_early_to_leave, False), (moments.early_but_allowed, True), (END, True)]
)
def test_submission_opens_at_thirty_minutes_and_not_one_second_earlier(now: datetime, allowed: bool) -> None:
    assert may_submit(read(now), now) is allowed


def test_a_short_exam_may_be_submitted_when_it_ends() -> None:
    clock = read(START, duration=20 * MINUTE)
    assert clock.earliest_submit_at == START + 20 * MINUTE == clock.ends_at


@pytest.mark.parametrize(("now", "allowed"), [(moments.just_before_the_start, False), (START, True), (END, False)])
def test_the_paper_is_handed_out_from_the_start_until_the_end(now: datetime, allowed: bool) -> None:
    assert may_begin(read(now), now) is allowed


def test_the_warning_comes_fifteen_minutes_before_the_end() -> None:
    assert read(START).warning_at == moments.at_the_warning


def test_remaining_is_the_full_time_until_the_start_and_never_negative() -> None:
    assert read(moments.before_admission).remaining == DURATION
    assert read(moments.the_last_second).remaining == SECOND
    assert read(END + timedelta(days=1)).remaining == timedelta(0)


# --- Late candidates --------------------------------------------------------------------------------------------------


def test_a_late_candidate_ends_with_everybody_else() -> None:
    assert read(START + 40 * MINUTE, began_at=LIMIT_30).ends_at == END


def test_a_profile_may_give_late_candidates_the_full_time_but_not_an_earlier_submission() -> None:
    policy = replace(POLICY, late_candidate_ends_with_others=False)
    clock = read(START + 40 * MINUTE, policy=policy, began_at=START + 20 * MINUTE)
    assert clock.ends_at == END + 20 * MINUTE
    assert clock.earliest_submit_at == LIMIT_30


# --- Allowances -------------------------------------------------------------------------------------------------------


def test_approved_extra_time_and_grants_add_up() -> None:
    clock = read(START, extra=DURATION * 25 / 100, grants=(5 * MINUTE, 2 * MINUTE, -MINUTE))
    assert clock.ends_at == END + 22.5 * MINUTE + 6 * MINUTE
    assert clock.granted == 6 * MINUTE
    assert clock.warning_at == clock.ends_at - 15 * MINUTE


# --- Interruptions ----------------------------------------------------------------------------------------------------


def test_a_room_interruption_moves_late_entry_earliest_submission_warning_and_end() -> None:
    clock = read(START + 20 * MINUTE, room_interruptions=(Interval(*moments.early_room_outage),))
    assert clock.late_entry_ends_at == LIMIT_30 + 7 * MINUTE
    assert clock.earliest_submit_at == LIMIT_30 + 7 * MINUTE
    assert clock.warning_at == moments.at_the_warning + 7 * MINUTE
    assert clock.ends_at == END + 7 * MINUTE
    assert clock.lost == 7 * MINUTE


def test_a_seat_interruption_moves_its_own_submission_and_end_but_not_late_entry() -> None:
    clock = read(START + 20 * MINUTE, seat_interruptions=(Interval(*moments.early_room_outage),))
    assert clock.late_entry_ends_at == LIMIT_30
    assert clock.earliest_submit_at == LIMIT_30 + 7 * MINUTE
    assert clock.ends_at == END + 7 * MINUTE


def test_an_interruption_in_mid_exam_leaves_the_first_thirty_minutes_alone() -> None:
    clock = read(START + 80 * MINUTE, room_interruptions=(Interval(*moments.room_outage),))
    assert clock.late_entry_ends_at == clock.earliest_submit_at == LIMIT_30
    assert clock.ends_at == END + 7 * MINUTE


def test_an_interruption_beginning_at_thirty_minutes_comes_too_late_to_move_entry() -> None:
    assert read(START + 40 * MINUTE, room_interruptions=(span(30, 37),)).late_entry_ends_at == LIMIT_30


def test_overlapping_interruptions_count_once() -> None:
    clock = read(
        START + 60 * MINUTE, room_interruptions=(span(40, 47), span(44, 50)), seat_interruptions=(span(45, 52),)
    )
    assert clock.lost == 12 * MINUTE
    assert clock.ends_at == END + 12 * MINUTE


def test_only_the_part_after_the_start_is_lost() -> None:
    clock = read(START + 10 * MINUTE, room_interruptions=(span(-20, 5),))
    assert clock.lost == 5 * MINUTE
    assert clock.ends_at == END + 5 * MINUTE


@pytest.mark.parametrize("begins", [90, 91])
def test_an_interruption_that_begins_at_or_after_the_end_changes_nothing(begins: int) -> None:
    over = read(END + 20 * MINUTE, room_interruptions=(span(begins, 100),))
    assert (over.ends_at, over.lost, over.phase) == (END, timedelta(0), ClockPhase.OVER)
    still_running = read(END + 20 * MINUTE, room_interruptions=(span(begins, None),))
    assert (still_running.ends_at, still_running.phase) == (END, ClockPhase.OVER)


def test_an_interruption_beginning_in_the_last_second_is_given_back_whole() -> None:
    assert read(END + 20 * MINUTE, room_interruptions=(Interval(END - SECOND, END + 7 * MINUTE),)).ends_at == (
        END + 7 * MINUTE + SECOND
    )


def test_after_the_warning_an_interruption_does_not_bring_the_warning_back() -> None:
    assert read(END, room_interruptions=(span(80, 87),)).warning_at == moments.at_the_warning


def test_while_an_interruption_lasts_the_clock_stands_still() -> None:
    outage = Interval(moments.room_outage[0])
    first = read(moments.room_outage[0] + SECOND, room_interruptions=(outage,))
    later = read(END + 60 * MINUTE, room_interruptions=(outage,))
    assert first.phase is later.phase is ClockPhase.SUSPENDED
    assert first.remaining == later.remaining == 18 * MINUTE
    assert later.stands_still
    assert not may_submit(later, END + 60 * MINUTE)
    assert not may_begin(later, END + 60 * MINUTE)
    assert later.ends_at == END + 60 * MINUTE + 18 * MINUTE


def test_entry_stays_open_while_the_room_stands_still() -> None:
    now = START + 50 * MINUTE
    assert may_enter(read(now, room_interruptions=(span(20, None),)), now)
    assert not may_enter(read(now, seat_interruptions=(span(20, None),)), now)


def test_at_the_moment_an_interruption_ends_the_clock_runs() -> None:
    assert read(START + 50 * MINUTE, room_interruptions=(span(40, 50),)).phase is ClockPhase.RUNNING


def test_an_outage_over_the_limit_waits_for_a_person() -> None:
    clock = read(START + 90 * MINUTE, room_interruptions=(span(40, None),), awaiting_decision=True)
    assert clock.phase is ClockPhase.AWAITING_DECISION
    assert clock.remaining == 50 * MINUTE


# --- Answers that arrive late -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after_end", "covered", "counts"),
    [
        (timedelta(0), False, True),
        (10 * SECOND, False, True),
        (10 * SECOND + timedelta(milliseconds=1), False, False),
        (5 * MINUTE, True, True),
    ],
)
def test_an_answer_may_be_as_late_as_the_grace_or_as_a_recorded_interruption(
    after_end: timedelta, covered: bool, counts: bool
) -> None:
    clock = read(END + after_end)
    assert is_in_time(clock, END + after_end, POLICY, covered=covered) == (counts, after_end)


def test_while_the_clock_stands_still_no_answer_is_late() -> None:
    now = END + 5 * MINUTE
    assert is_in_time(read(now, seat_interruptions=(span(80, None),)), now, POLICY) == (True, timedelta(0))


# --- Whatever happens -------------------------------------------------------------------------------------------------

moments_of_the_day = st.integers(-1800, 4 * 3600).map(lambda s: START + s * SECOND)
closed_interruptions = st.tuples(moments_of_the_day, st.integers(0, 3600)).map(
    lambda pair: Interval(pair[0], pair[0] + pair[1] * SECOND)
)
interruptions = st.lists(closed_interruptions, max_size=6)
open_interruptions = st.lists(moments_of_the_day.map(Interval), max_size=2)
grants = st.lists(st.integers(-600, 1800).map(lambda s: s * SECOND), max_size=4)
extras = st.integers(0, 50).map(lambda percent: DURATION * percent / 100)


@given(interruptions, interruptions, open_interruptions, grants, extras, st.lists(moments_of_the_day, min_size=2))
def test_the_exam_clock_never_runs_backwards(
    room: list[Interval],
    seat: list[Interval],
    still: list[Interval],
    given_time: list[timedelta],
    extra: timedelta,
    nows: list[datetime],
) -> None:
    readings = [
        read(now, room_interruptions=room, seat_interruptions=seat + still, grants=given_time, extra=extra)
        for now in sorted(nows)
    ]
    for earlier, later in itertools.pairwise(readings):
        assert later.remaining <= earlier.remaining
        assert later.exam_time >= earlier.exam_time
        assert later.exam_time - earlier.exam_time <= later.now - earlier.now
        assert timedelta(0) <= later.remaining <= later.allotted
        if not still:
            assert later.ends_at == earlier.ends_at


@given(interruptions, interruptions, grants, extras)
def test_whoever_reaches_the_end_had_the_full_time(
    room: list[Interval], seat: list[Interval], given_time: list[timedelta], extra: timedelta
) -> None:
    end = read(START, room_interruptions=room, seat_interruptions=seat, grants=given_time, extra=extra).ends_at
    clock = read(end, room_interruptions=room, seat_interruptions=seat, grants=given_time, extra=extra)
    assert clock.phase is ClockPhase.OVER
    full = max(timedelta(0), DURATION + extra + sum(given_time, timedelta(0)))
    lost = lost_between(START, end, merge_intervals([*room, *seat], end))
    assert (end - START) - lost == full
    assert clock.lost == lost
    just_before = end - timedelta(microseconds=1)
    if full:
        before = read(just_before, room_interruptions=room, seat_interruptions=seat, grants=given_time, extra=extra)
        assert before.phase is not ClockPhase.OVER


@given(interruptions, interruptions, open_interruptions, moments_of_the_day, st.randoms())
def test_the_reading_does_not_depend_on_the_order_of_interruptions(
    room: list[Interval], seat: list[Interval], still: list[Interval], now: datetime, random: object
) -> None:
    before = read(now, room_interruptions=room + still, seat_interruptions=seat)
    random.shuffle(room)  # type: ignore[attr-defined]
    random.shuffle(seat)  # type: ignore[attr-defined]
    assert read(now, room_interruptions=[*still, *room, *room], seat_interruptions=seat) == before


@given(interruptions, closed_interruptions, moments_of_the_day)
def test_another_interruption_never_takes_time_away(room: list[Interval], another: Interval, now: datetime) -> None:
    without, with_it = read(now, room_interruptions=room), read(now, room_interruptions=[*room, another])
    assert with_it.ends_at >= without.ends_at
    assert with_it.remaining >= without.remaining
    assert with_it.earliest_submit_at >= without.earliest_submit_at


@given(interruptions, interruptions, moments_of_the_day)
def test_a_seat_never_moves_its_rooms_late_entry(room: list[Interval], seat: list[Interval], now: datetime) -> None:
    assert (
        read(now, room_interruptions=room, seat_interruptions=seat).late_entry_ends_at
        == read(now, room_interruptions=room).late_entry_ends_at
    )
