"""The acceptance rule of journal entries, question by question."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.delivery.domain.journal_rules import Standing, Verdict, find_malformed, judge_entry
from server.delivery.domain.states import AttemptState
from tests.moments import END, MINUTE, SECOND


def judge(**changes: Any) -> Verdict:
    settings: dict[str, Any] = {
        "attempt_state": AttemptState.ANSWERING,
        "epoch_of_attempt": 2,
        "entry_epoch": 2,
        "received_at": END - MINUTE,
        "deadline_at": END,
        "grace": 10 * SECOND,
    }
    return judge_entry(**(settings | changes))


def test_an_entry_in_time_counts() -> None:
    assert judge() == Verdict(Standing.COUNTED)


def test_an_entry_within_the_grace_counts_and_says_how_late_it_was() -> None:
    assert judge(received_at=END + 10 * SECOND) == Verdict(Standing.COUNTED, None, 10_000)


def test_an_entry_after_the_grace_is_kept_as_evidence() -> None:
    assert judge(received_at=END + 10 * SECOND + timedelta(microseconds=1)) == Verdict(
        Standing.LATE, "TIME_OVER", 10_001
    )


def test_a_recorded_interruption_excuses_a_longer_delay() -> None:
    assert judge(received_at=END + 5 * MINUTE, covered_by_interruption=True) == Verdict(Standing.COUNTED, None, 300_000)


def test_an_older_page_has_lost_the_pen_whatever_else_is_true() -> None:
    for state in AttemptState:
        assert judge(entry_epoch=1, attempt_state=state) == Verdict(Standing.SUPERSEDED, "SESSION_MOVED")


@pytest.mark.parametrize("state", [AttemptState.EXPECTED, AttemptState.ADMITTED, AttemptState.ABSENT])
def test_nothing_is_taken_before_the_candidate_began(state: AttemptState) -> None:
    assert judge(attempt_state=state) == Verdict(Standing.REFUSED, "NOT_STARTED")


@pytest.mark.parametrize("state", [AttemptState.SUBMITTED, AttemptState.COLLECTED, AttemptState.VOIDED])
def test_after_the_end_of_the_attempt_an_entry_is_evidence(state: AttemptState) -> None:
    assert judge(attempt_state=state) == Verdict(Standing.CLOSED, "SUBMITTED")


def test_an_entry_made_before_a_suspension_counts_when_it_arrives_during_it() -> None:
    assert judge(attempt_state=AttemptState.SUSPENDED, received_at=END + 20 * MINUTE) == Verdict(Standing.COUNTED)


def test_while_the_clock_stands_still_there_is_no_deadline() -> None:
    assert judge(deadline_at=None, received_at=END + 20 * MINUTE) == Verdict(Standing.COUNTED)


def test_an_entry_that_makes_no_sense_is_refused_before_anything_else() -> None:
    assert judge(malformed="UNKNOWN_ITEM", entry_epoch=1) == Verdict(Standing.REFUSED, "UNKNOWN_ITEM")


@pytest.mark.parametrize(
    ("kind", "value", "options", "takes_several", "code"),
    [
        ("answer", ["a"], {"a", "b"}, False, None),
        ("answer", [], {"a", "b"}, False, None),
        ("answer", ["a", "b"], {"a", "b"}, True, None),
        ("answer", ["a"], None, False, "UNKNOWN_ITEM"),
        ("flag", ["1"], None, False, "UNKNOWN_ITEM"),
        ("answer", ["c"], {"a", "b"}, False, "UNKNOWN_OPTION"),
        ("answer", ["a", "b"], {"a", "b"}, False, "TOO_MANY_OPTIONS"),
        ("answer", ["a", "a"], {"a", "b"}, True, "TOO_MANY_OPTIONS"),
        ("flag", ["1"], {"a"}, False, None),
        ("flag", [], {"a"}, False, None),
        ("flag", ["a"], {"a"}, False, "UNKNOWN_OPTION"),
    ],
)
def test_an_entry_is_checked_against_the_candidates_own_script(
    kind: str, value: list[str], options: set[str] | None, takes_several: bool, code: str | None
) -> None:
    assert find_malformed(kind=kind, value=value, options=options, takes_several=takes_several) == code


@given(st.sampled_from(AttemptState), st.integers(0, 3), st.integers(-7200_000, 7200_000), st.booleans())
def test_nothing_counts_after_deadline_and_grace_and_nothing_before_is_late(
    state: AttemptState, epoch: int, offset_ms: int, covered: bool
) -> None:
    received_at = END + timedelta(milliseconds=offset_ms)
    verdict = judge(attempt_state=state, entry_epoch=epoch, received_at=received_at, covered_by_interruption=covered)
    if verdict.standing is Standing.COUNTED:
        assert epoch == 2
        assert state.holds_paper
        assert state is AttemptState.SUSPENDED or covered or offset_ms <= 10_000
    if verdict.standing is Standing.LATE:
        assert offset_ms > 10_000
        assert not covered
