"""Each fault once against real servers: nothing acknowledged is lost, nothing is stored twice. Minutes: only when asked for.

MINGYUAN_FAULT_TESTS=1 .venv/bin/python -m pytest tests/server/rehearsal/test_every_fault.py
"""

from __future__ import annotations

import os

import pytest

from server.rehearsal.load_plan import LoadPlan
from server.rehearsal.nemesis.catalogue import FAULTS
from server.rehearsal.own_services import why_no_postgres, why_no_redis
from server.rehearsal.rehearse import Wish, rehearse

ASKED_FOR = bool(os.environ.get("MINGYUAN_FAULT_TESTS"))
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not ASKED_FOR, reason="takes minutes: MINGYUAN_FAULT_TESTS=1"),
]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_costs_no_acknowledged_answer(name: str) -> None:
    wish = Wish(LoadPlan(20, 20, 20, submit=FAULTS[name].submits), [FAULTS[name]])
    if (wish.needs.database != "sqlite" and why_no_postgres()) or (wish.needs.redis and why_no_redis()):
        pytest.skip("PostgreSQL or Redis is not installed (make test-tools)")
    report = rehearse(wish)
    assert (report.lost, report.duplicated, report.foreign, report.wrong_final) == (0, 0, 0, 0)
    assert report.acked >= 0.9 * 400
    assert report.proctors_failed == []
    assert report.turned_away == {}
    if name == "last-second":
        assert report.submitted == report.candidates
    else:
        assert report.nemesis_log, "something was broken"
    if name != "pc-swap":
        assert report.unacked == 0
