"""Every gate of the day opens at its moment and not a second earlier (domain.md 5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.domain.timeline import (
    RoomDay,
    gate_absent,
    gate_admission,
    gate_end,
    gate_fetch,
    gate_notes,
    gate_open,
    gate_sign,
    make_timeline,
    wall_time,
)
from server.delivery.domain.time_rules import ExamClock, Interval, read_exam_clock
from server.scheduling.domain.rule_profile import load_profile
from tests.moments import DURATION, END, LIMIT_30, MINUTE, SECOND, START

PROFILE = load_profile("suzhou-2021")
DAY = RoomDay(expected=30, present=28, checked=0, not_come=2)
FETCHED = replace(DAY, fetched_at=START - 29 * MINUTE, admission_opened_at=START - 15 * MINUTE)


def clock_at(now: datetime, *interruptions: Interval) -> ExamClock:
    return read_exam_clock(
        policy=PROFILE, starts_at=START, duration=DURATION, room_interruptions=interruptions, now=now
    )


GATES = [
    (gate_fetch, DAY, START - 30 * MINUTE),
    (gate_admission, DAY, START - 15 * MINUTE),
    (gate_notes, FETCHED, START - 10 * MINUTE),
    (gate_open, FETCHED, START - 5 * MINUTE),
]


@pytest.mark.parametrize(("gate", "day", "opens_at"), GATES, ids=["fetch", "admission", "notes", "open"])
def test_a_gate_is_closed_one_second_before_its_time_and_says_when(gate, day, opens_at) -> None:
    just_before = opens_at - SECOND

    closed = gate(PROFILE, clock_at(just_before), day, just_before)

    assert (closed.code, closed.opens_at) == ("TOO_EARLY", opens_at)
    assert wall_time(opens_at) in closed.words_zh


@pytest.mark.parametrize(("gate", "day", "opens_at"), GATES, ids=["fetch", "admission", "notes", "open"])
def test_a_gate_opens_exactly_at_its_time(gate, day, opens_at) -> None:
    assert gate(PROFILE, clock_at(opens_at), day, opens_at).is_open


def test_the_last_moment_of_late_entry_still_belongs_to_the_candidate() -> None:
    assert gate_absent(PROFILE, clock_at(LIMIT_30), DAY, LIMIT_30).code == "TOO_EARLY"
    after = LIMIT_30 + timedelta(microseconds=1)
    assert gate_absent(PROFILE, clock_at(after), DAY, after).is_open


def test_a_room_outage_moves_the_end_of_late_entry() -> None:
    outage = Interval(START + 10 * MINUTE, START + 17 * MINUTE)
    now = LIMIT_30 + SECOND

    gate = gate_absent(PROFILE, clock_at(now, outage), DAY, now)

    assert gate.opens_at == LIMIT_30 + 7 * MINUTE


def test_the_paper_stays_sealed_until_it_was_fetched() -> None:
    now = START - 2 * MINUTE
    assert gate_open(PROFILE, clock_at(now), DAY, now).code == "NOT_FETCHED"


def test_a_room_without_a_package_says_so() -> None:
    now = START - 2 * MINUTE
    without = replace(FETCHED, has_package=False, fetched_at=None)
    assert gate_fetch(PROFILE, clock_at(now), without, now).code == "NO_PACKAGE"


def test_ending_early_needs_a_reason_until_the_last_candidates_own_end() -> None:
    with_extra_time = replace(DAY, present=28, ended=27, not_come=0, last_end_at=END + 20 * MINUTE)

    assert gate_end(clock_at(END), with_extra_time, END).code == "REASON_REQUIRED"
    late = END + 20 * MINUTE
    assert gate_end(clock_at(late), with_extra_time, late).is_open


def test_everybody_done_ends_the_room_without_a_reason() -> None:
    now = START + 50 * MINUTE
    done = replace(DAY, present=28, ended=28, absent_listed_at=LIMIT_30)
    assert gate_end(clock_at(now), done, now).is_open


def test_nothing_ends_by_itself_while_the_clock_stands_still() -> None:
    now = END + 5 * MINUTE
    standing = Interval(START + 80 * MINUTE)
    assert gate_end(clock_at(now, standing), replace(DAY, ended=3), now).code == "REASON_REQUIRED"


def test_the_record_is_signed_after_the_end_only() -> None:
    assert gate_sign(DAY).code == "ROOM_NOT_ENDED"
    assert gate_sign(replace(DAY, ended_at=END)).is_open


def test_the_button_that_is_due_comes_with_the_reason_why_not() -> None:
    now = START - 4 * MINUTE
    steps = {step.key: step for step in make_timeline(PROFILE, clock_at(now), DAY, now)}

    assert steps["open"].state == "now"
    assert steps["open"].action == "open-paper"
    assert steps["open"].blocked_zh == "两名监考员须先共同领卷。"
    assert steps["fetch"].state == "overdue"
    assert steps["fetch"].blocked_zh is None
    assert steps["late_cutoff"].action is None


def test_every_step_names_its_rule_and_clause() -> None:
    for step in make_timeline(PROFILE, clock_at(START), DAY, START):
        assert step.rule_zh
        assert step.rule_source


def test_a_first_confirmation_is_shown_with_the_time_the_second_has() -> None:
    now = START - 20 * MINUTE
    waiting = replace(DAY, waiting_fetch=("周敏", START - 12 * MINUTE))
    fetch = make_timeline(PROFILE, clock_at(now), waiting, now)[1]
    assert fetch.detail_zh == "周敏 已确认，08:48 前请另一名监考员确认"


@given(minutes=st.integers(-60, 140), seconds=st.integers(0, 59))
def test_steps_are_in_order_and_at_most_the_due_ones_have_a_button(minutes: int, seconds: int) -> None:
    now = START + minutes * MINUTE + seconds * SECOND
    steps = make_timeline(PROFILE, clock_at(now), DAY, now)

    due = [step.due_at_ms for step in steps]
    assert due == sorted(due)
    for step in steps:
        assert (step.action is None) or step.state in {"now", "overdue"}
        assert (step.blocked_zh is None) == (step.blocked_en is None)
