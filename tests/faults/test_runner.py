"""A run that proves nothing is a failed run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.registry import (
    Control,
    ControlMeasured,
    Fault,
    FaultCase,
    Measured,
    NotRunHere,
    Repetitions,
    load_matrix,
)
from tests.faults.runner import Asked, expected_s, run_fault, share_budget

ASKED = Asked(seed=3, repetitions=2, form="short")


def a_fault(run: Any = None, control: Control | None = None, **more: Any) -> Fault:
    return Fault(
        "F99", "假故障", "A made-up fault", ("P1",), "nothing", Repetitions(short=1, full=10),
        run or (lambda case: Measured(True, case.repetitions, "0 lost")), control=control,
        **{"control_text": "it must be seen" if control else "", **more},
    )  # fmt: skip


def finding(found: bool) -> Control:
    return lambda case: ControlMeasured(found, "looked")


def test_a_kept_promise_with_a_control_that_finds_damage_passes() -> None:
    record = run_fault(a_fault(control=finding(True)), ASKED)
    assert (record.result, record.n, record.seed, record.worst) == ("pass", 2, 3, "0 lost")


def test_a_control_that_finds_nothing_makes_the_run_a_failure() -> None:
    record = run_fault(a_fault(control=finding(False)), ASKED)
    assert record.result == "fail"
    assert "proves nothing" in record.remark


def test_a_promised_control_that_is_missing_makes_the_run_a_failure() -> None:
    assert run_fault(a_fault(control_text="it must be seen"), ASKED).result == "fail"


def test_a_broken_promise_fails_whatever_the_control_says() -> None:
    record = run_fault(a_fault(lambda case: Measured(False, 1, "1 lost"), finding(True)), ASKED)
    assert (record.result, record.worst) == ("fail", "1 lost")


def test_a_run_that_breaks_is_a_failure_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(case: FaultCase) -> Measured:
        raise ValueError("the server never came")

    record = run_fault(a_fault(breaks), ASKED)
    assert record.result == "fail"
    assert "the server never came" in record.remark
    assert "ValueError" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["run", "control"])
def test_a_machine_that_cannot_make_the_fault_leaves_it_not_run(where: str) -> None:
    def cannot(case: FaultCase) -> Any:
        raise NotRunHere("needs root")

    made = a_fault(cannot) if where == "run" else a_fault(control=cannot)
    record = run_fault(made, ASKED)
    assert (record.result, record.remark) == ("not run", "needs root")


def test_a_control_of_chance_is_tried_again_with_other_seeds() -> None:
    seeds: list[int] = []

    def sometimes(case: FaultCase) -> ControlMeasured:
        seeds.append(case.seed)
        return ControlMeasured(len(seeds) == 3, "luck")

    record = run_fault(a_fault(control=sometimes, control_tries=5), ASKED)
    assert record.result == "pass"
    assert record.control is not None
    assert record.control.tries == 3
    assert len(set(seeds)) == 3


def test_the_same_seed_makes_the_same_moments(tmp_path: Any) -> None:
    moments = [FaultCase(tmp_path, 7, 1).random("x").random() for _ in range(2)]
    assert moments[0] == moments[1] != FaultCase(tmp_path, 8, 1).random("x").random()


def test_the_folder_of_a_run_is_gone_afterwards() -> None:
    folders = []

    def look(case: FaultCase) -> Measured:
        folders.append(case.folder)
        (case.folder / "file").write_text("x")
        return Measured(True, 1, "")

    run_fault(a_fault(look), ASKED)
    assert not folders[0].exists()


def test_a_budget_shares_the_time_and_leaves_nobody_out() -> None:
    faults = {"F1": a_fault(), "F2": a_fault()}
    whole = sum(expected_s(one, 10, None) for one in faults.values())
    assert share_budget(faults, whole / 60, {}) == {"F1": 10, "F2": 10}
    counts = share_budget(faults, whole / 60 * 0.8, {})
    assert all(1 <= count < 10 for count in counts.values())
    assert sum(expected_s(faults[row], count, None) for row, count in counts.items()) <= whole * 0.8
    assert share_budget(faults, 0.01, {}) == {"F1": 1, "F2": 1}


def test_every_registered_fault_says_what_its_control_must_see() -> None:
    for one in load_matrix().values():
        assert (one.control is None) == (one.control_text == ""), one.id
        assert one.goal, one.id
        assert one.repetitions.full >= one.repetitions.short, one.id
