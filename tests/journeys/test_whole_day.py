"""`mingyuan demo --auto` on a laptop: one process, SQLite, and the plug pulled in mid-exam."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.day_checks import assert_nothing_was_lost, assert_records_tell_the_day, assert_the_commands_agree
from tests.support.commands import mingyuan

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
CANDIDATES = 12
#: a node proves twice a second that it can write; the rest is the start of a process on a busy machine
SHORTEST_OUTAGE_S = 2


def test_a_day_with_a_killed_server_loses_nothing_and_gives_the_time_back(tmp_path: Path) -> None:
    day = mingyuan("demo", "--auto", "--candidates", str(CANDIDATES), "--speed", "190", "--data", tmp_path, seconds=360)
    assert day.status == 0, day.words
    assert_nothing_was_lost(day.facts, CANDIDATES)
    assert day.facts["outage_s"] > SHORTEST_OUTAGE_S
    assert day.facts["given_back_s_min"] == pytest.approx(day.facts["outage_s"], abs=1)
    assert day.facts["given_back_s_max"] == pytest.approx(day.facts["outage_s"], abs=1)
    assert day.facts["answers_made_while_away"] > 0, "candidates went on answering while the server was away"
    assert_records_tell_the_day(day.facts, 2, CANDIDATES)
    assert_the_commands_agree(tmp_path, CANDIDATES)


def test_the_demonstration_can_be_set_up_alone(tmp_path: Path) -> None:
    ready = mingyuan("demo", "--prepare-only", "--candidates", "4", "--data", tmp_path, seconds=120)
    assert ready.status == 0, ready.words
    assert ready.facts["items"] >= 1_200
    assert ready.facts["points"] >= 150
    assert ready.facts["candidates"] == 4
    assert ready.facts["spec"] == "demo"
    paper = mingyuan(
        "paper", "assemble", "--spec", "demo", "--forms", "2", "--backups", "0", "--seed", "7", "--data", tmp_path,
        seconds=120,
    )  # fmt: skip
    assert paper.status == 0, paper.words
    assert len(paper.facts["forms"]) == 2
    assert paper.facts["violations"] in ([], 0)
