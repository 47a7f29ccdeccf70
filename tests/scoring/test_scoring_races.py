"""Two at the same time give one effect (C4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import func, select

from scoring.models import AttemptScore, MarkScheme, OutboxMessage, Result
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.services.score_attempt import score_attempt
from scoring.services.score_sitting import score_sitting
from server.core.actor import SYSTEM
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting


def at_once(times, act):
    barrier = Barrier(times)

    def one(_):
        barrier.wait()
        return act()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def count(uow, table):
    with uow.read() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def test_many_sweepers_give_one_score_one_result_and_one_mark_scheme(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
    results = at_once(6, lambda: score_attempt(uow, vault, sat.attempts[0].id, SYSTEM).id)
    assert len(set(results)) == 1
    assert [count(uow, table) for table in (AttemptScore, Result, MarkScheme)] == [1, 1, 1]


def test_sweepers_of_different_attempts_agree_on_one_mark_scheme(uow, vault):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT] * 4)
    sweeps = at_once(4, lambda: score_sitting(uow, vault, sat.id))
    assert all(sweep.refused == [] for sweep in sweeps)
    assert [count(uow, table) for table in (AttemptScore, Result, MarkScheme)] == [4, 4, 1]


def test_many_clicks_on_release_queue_every_result_once(uow, vault, clerk, office_head):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, {}, None])
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, clerk)
    released = at_once(6, lambda: release_results(uow, sat.id, office_head).released)
    assert sorted(released) == [0, 0, 0, 0, 0, 3]
    assert count(uow, OutboxMessage) == 3
