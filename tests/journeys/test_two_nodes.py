"""The same day on PostgreSQL and Redis with two nodes, one of which dies in mid-exam and never comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.day_checks import assert_nothing_was_lost, assert_records_tell_the_day, assert_the_commands_agree
from tests.support.commands import mingyuan

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
CANDIDATES = 12


def test_everybody_goes_on_at_the_other_node(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    environment = {"MINGYUAN_DATABASE_URL": postgres_url, "MINGYUAN_REDIS_URL": redis_url}
    day = mingyuan(
        "demo", "--auto", "--candidates", str(CANDIDATES), "--speed", "190", "--nodes", "2", "--data", tmp_path,
        environment=environment, seconds=360,
    )  # fmt: skip
    assert day.status == 0, day.words
    assert_nothing_was_lost(day.facts, CANDIDATES)
    assert day.facts["nodes"] == 2
    assert day.facts["moved"] >= CANDIDATES / 2, "those who sat at the dead node went to the other one"
    assert day.facts["given_back_s_max"] == 0, "a node that took answers was there all the time: nothing was lost"
    assert day.facts["board_deltas_after_loss"] > 0, "the board of the other node goes on living"
    assert_records_tell_the_day(day.facts, 2, CANDIDATES)
    assert_the_commands_agree(tmp_path, CANDIDATES, environment)


def test_several_nodes_on_sqlite_are_refused_with_words(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="PostgreSQL"):
        mingyuan("demo", "--auto", "--nodes", "2", "--data", tmp_path)
