"""The background duties find by themselves what is to be done, and only on the node that holds the right."""

from __future__ import annotations

import pytest

from scoring.outbox import outbox_counts
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.worker import ScoringWorker
from server.settings import Settings
from server.webkit.platform import Platform
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting


@pytest.fixture
def platform(uow, vault, tmp_path):
    settings = Settings(data=tmp_path, certification_folder=tmp_path / "certification")
    return Platform(settings, uow.clock, uow.database, uow.bus, vault)


def test_from_the_last_answer_to_the_watched_folder_with_two_human_acts(
    platform, uow, vault, tmp_path, clerk, office_head
):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, {}, None])
    worker = ScoringWorker(platform, lambda: True)
    worker.sweep()
    worker.deliver()
    assert not (tmp_path / "certification").exists()
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)
    worker.deliver()
    assert len(list((tmp_path / "certification").glob("*.json"))) == 3


def test_a_node_without_the_lease_does_nothing(platform, uow, vault, clerk, office_head):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
    idle = ScoringWorker(platform, lambda: False)
    idle.sweep()
    with pytest.raises(Exception, match="RESULTS_INCOMPLETE"):
        confirm_results(uow, sat.id, clerk)
    ScoringWorker(platform, lambda: True).sweep()
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)
    idle.deliver()
    with uow.read() as session:
        assert outbox_counts(session) == {"waiting": 1, "delivered": 0, "dead": 0}


def test_a_stuck_attempt_is_reported_once_and_not_at_every_sweep(platform, uow, vault, caplog):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
        work.session.merge(sat.attempts[0]).answers_digest = "0" * 64
    worker = ScoringWorker(platform, lambda: True)
    worker.sweep()
    worker.sweep()
    assert caplog.text.count("ANSWERS_CHANGED") == 1
