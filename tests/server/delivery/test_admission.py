"""Who may sign in, and when the pen passes on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from server.core.errors import Conflict
from server.delivery.domain.admission import Admission, AdmissionKind, judge_sign_in
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_rules import read_exam_clock
from server.scheduling.domain.rule_profile import load_profile
from tests import moments
from tests.moments import DURATION, START


def sign_in(now: datetime = START, **changes: Any) -> Admission:
    clock = read_exam_clock(policy=load_profile("default"), starts_at=START, duration=DURATION, now=now)
    settings: dict[str, Any] = {
        "attempt_state": AttemptState.EXPECTED,
        "clock": clock,
        "now": now,
        "doors_open": True,
        "epoch": 0,
        "known_device": None,
        "device": "pc-1",
        "is_released": False,
        "planned_seat": 7,
        "seat": 7,
    }
    return judge_sign_in(**(settings | changes))


def returning(**changes: Any) -> dict[str, Any]:
    return {"attempt_state": AttemptState.ANSWERING, "epoch": 1, "known_device": "pc-1"} | changes


def test_the_first_sign_in_gives_the_pen() -> None:
    assert sign_in() == Admission(AdmissionKind.FIRST, 1)


@pytest.mark.parametrize("now", [moments.doors_open, moments.late_but_allowed])
def test_entry_is_possible_while_doors_are_open(now: datetime) -> None:
    assert sign_in(now).kind is AdmissionKind.FIRST


@pytest.mark.parametrize(
    ("now", "changes", "code"),
    [
        (moments.before_admission, {}, "ADMISSION_NOT_OPEN"),
        (START, {"doors_open": False}, "ADMISSION_NOT_OPEN"),
        (moments.too_late, {}, "LATE_ENTRY_REFUSED"),
        (moments.too_late, {"doors_open": False}, "LATE_ENTRY_REFUSED"),
        (moments.late_but_allowed, {"attempt_state": AttemptState.ABSENT}, "LATE_ENTRY_REFUSED"),
        (START, {"seat": 8}, "WRONG_SEAT"),
        (START, {"attempt_state": AttemptState.VOIDED}, "ATTEMPT_VOIDED"),
        (START, returning(device="pc-2"), "SEAT_IN_USE"),
    ],
)
def test_each_refusal_has_its_code(now: datetime, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Conflict) as refusal:
        sign_in(now, **changes)
    assert refusal.value.code == code


def test_whoever_was_let_in_may_come_back_after_late_entry_has_ended() -> None:
    assert sign_in(moments.in_mid_exam, **returning()) == Admission(AdmissionKind.SAME_DEVICE, 1)


def test_a_released_candidate_moves_and_the_old_device_loses_the_pen() -> None:
    assert sign_in(moments.in_mid_exam, **returning(device="pc-2", is_released=True)) == Admission(
        AdmissionKind.MOVED, 2
    )


def test_a_workstation_without_a_number_is_taken_as_it_is() -> None:
    assert sign_in(seat=None).kind is AdmissionKind.FIRST


@pytest.mark.parametrize("state", [AttemptState.SUBMITTED, AttemptState.COLLECTED])
def test_after_the_end_only_the_receipt_is_shown(state: AttemptState) -> None:
    assert sign_in(moments.after_the_end, **returning(attempt_state=state)) == Admission(AdmissionKind.ENDED, 1)
