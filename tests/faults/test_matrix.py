"""The short form of the fault matrix: the faults that fit into CI, each with its negative control. The rest: `make faults`."""

from __future__ import annotations

import pytest

from tests.faults.registry import Fault, load_matrix
from tests.faults.runner import Asked, choose_for_ci, run_fault

SECONDS = 150.0
SEED = 20261121
#: a busy machine must not fail what is right: goals in seconds are stretched, goals in answers are not
PATIENCE = 4.0

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.mark.parametrize("fault", list(choose_for_ci(load_matrix(), SECONDS).values()), ids=lambda one: one.id)
def test_the_promise_holds_and_the_control_finds_damage(fault: Fault) -> None:
    record = run_fault(fault, Asked(SEED, fault.repetitions.short, "short", PATIENCE))
    if record.result == "not run":
        pytest.skip(record.remark)
    assert record.result == "pass", f"{record.worst}; {record.control}; {record.remark}; seed {record.seed}"
