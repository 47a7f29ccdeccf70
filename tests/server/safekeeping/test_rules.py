"""Rules of disks, keeping, the freeze and readiness, by example and by Hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.safekeeping.domain.disk_rules import Room, judge_room
from server.safekeeping.domain.freeze_rules import Build, SittingTimes, Standing, find_changes, judge_sitting
from server.safekeeping.domain.keeping import KeepingScheme, choose_kept
from server.safekeeping.domain.readiness import (
    Certificate,
    Line,
    State,
    exit_status,
    judge_backup,
    judge_certificate,
    judge_clock,
    judge_drill,
)

NOW = datetime(2026, 5, 16, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCHEME = KeepingScheme(every=2 * HOUR, hourly=2 * DAY, daily=60 * DAY)


@pytest.mark.parametrize(
    ("free", "room"),
    [(1000, Room.OK), (150, Room.OK), (149, Room.LOW), (50, Room.LOW), (49, Room.FULL), (0, Room.FULL)],
)
def test_fifteen_and_five_percent_are_the_lines(free: int, room: Room) -> None:
    assert judge_room(free, 1000, warn_percent=15, stop_percent=5) is room


def test_a_volume_without_size_is_gone() -> None:
    assert judge_room(0, 0, warn_percent=15, stop_percent=5) is Room.GONE


@given(st.lists(st.integers(0, 100 * 24 * 60), max_size=200))
def test_the_newest_stays_and_everything_young_and_one_of_each_hour_and_day(ages: list[int]) -> None:
    moments = {NOW - age * MINUTE for age in ages}
    kept = choose_kept(moments, NOW, SCHEME)
    assert kept <= moments
    if moments:
        assert max(moments) in kept
    assert {moment for moment in moments if NOW - moment <= SCHEME.every} <= kept
    for moment in moments:
        if NOW - moment <= SCHEME.daily:
            assert any(one.date() == moment.date() for one in kept), "every day within the scheme keeps one"
    old = [moment for moment in kept if NOW - moment > SCHEME.hourly and moment != max(moments)]
    assert len(old) == len({moment.date() for moment in old}), "no day has two old ones"


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=80), st.integers(0, 600))
def test_keeping_again_later_never_brings_anything_back(ages: list[int], later: int) -> None:
    first = choose_kept([NOW - age * MINUTE for age in ages], NOW, SCHEME)
    assert choose_kept(first, NOW + later * MINUTE, SCHEME) <= first


def test_a_year_of_minutes_costs_few_backups() -> None:
    kept: set[datetime] = set()
    for step in range(70 * 24 * 6):  # every ten minutes for seventy days
        kept.add(NOW + step * 10 * MINUTE)
        if step % 36 == 0:
            kept = choose_kept(kept, NOW + step * 10 * MINUTE, SCHEME)
    assert len(choose_kept(kept, max(kept), SCHEME)) < 130


def times(state: str, *, begun: bool = False, ended: bool = False, ago: timedelta = HOUR) -> SittingTimes:
    return SittingTimes("s", "场次", state, NOW - ago, 90 * MINUTE, begun, ended)


@pytest.mark.parametrize(
    ("sitting", "standing"),
    [
        (times("planned"), Standing.CLOSED),
        (times("published"), Standing.CLOSED),
        (times("published", begun=True), Standing.OPEN),
        (times("admitting", begun=True), Standing.OPEN),
        (times("running", begun=True), Standing.OPEN),
        (times("running", begun=True, ended=True), Standing.CLOSED),
        (times("closed", begun=True), Standing.CLOSED),
        (times("running", begun=True, ago=25 * HOUR), Standing.OPEN),
        (times("running", begun=True, ago=26 * HOUR), Standing.FORGOTTEN),
    ],
)
def test_when_a_sitting_freezes_the_system(sitting: SittingTimes, standing: Standing) -> None:
    assert judge_sitting(sitting, NOW) is standing


def test_another_version_anywhere_and_other_settings_here_are_changes() -> None:
    mine = Build("1.0", "0003", "a")
    assert find_changes(mine, [("node-1", mine), ("node-2", Build("1.0", "0003", "b"))], "node-1") == []
    assert find_changes(mine, [("node-2", Build("1.1", "0004", "a"))], "node-1") == ["revision", "version"]
    assert find_changes(mine, [("node-1", Build("1.0", "0003", "b"))], "node-1") == ["settings"]


def a_certificate(days: float, *names: str, begins: float = -300) -> Certificate:
    return Certificate(NOW + begins * DAY, NOW + days * DAY, frozenset(names or {"exam.lan"}))


@pytest.mark.parametrize(
    ("certificate", "state", "why"),
    [
        (a_certificate(31), State.OK, "valid"),
        (a_certificate(30), State.WARNING, "expires_soon"),
        (a_certificate(7.1), State.WARNING, "expires_soon"),
        (a_certificate(7), State.BLOCKING, "expires_now"),
        (a_certificate(-0.1), State.BLOCKING, "expired"),
        (a_certificate(300, begins=1), State.BLOCKING, "not_yet_valid"),
        (a_certificate(300, "other.lan"), State.BLOCKING, "wrong_name"),
        (a_certificate(300, "*.lan"), State.OK, "valid"),
        (a_certificate(300, "*.exam.lan"), State.BLOCKING, "wrong_name"),
    ],
)
def test_a_certificate_warns_thirty_days_before_and_blocks_seven(
    certificate: Certificate, state: State, why: str
) -> None:
    assert judge_certificate(certificate, ["exam.lan"], NOW) == (state, why)


def test_lines_become_an_exit_status() -> None:
    def line(state: State) -> Line:
        return Line("X", state, "", "")

    assert exit_status([]) == exit_status([line(State.OK), line(State.NOTE)]) == 0
    assert exit_status([line(State.OK), line(State.WARNING)]) == 1
    assert exit_status([line(State.BLOCKING), line(State.WARNING)]) == 2


def test_ages_and_differences_have_their_lines() -> None:
    assert [judge_clock(timedelta(seconds=s)) for s in (0.4, -0.6, 2.1)] == [State.OK, State.WARNING, State.BLOCKING]
    assert [judge_backup(age, HOUR) for age in (HOUR, 3 * HOUR, 5 * HOUR, None)] == [
        State.OK, State.WARNING, State.BLOCKING, State.BLOCKING,
    ]  # fmt: skip
    assert judge_backup(MINUTE, timedelta(0)) is State.WARNING
    assert judge_drill(NOW - DAY, MINUTE, True, NOW) is State.OK
    for at, took, ok in (
        (None, None, False),
        (NOW, 16 * MINUTE, True),
        (NOW - 91 * DAY, MINUTE, True),
        (NOW, MINUTE, False),
    ):
        assert judge_drill(at, took, ok, NOW) is State.WARNING
