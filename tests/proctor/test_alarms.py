"""Many machines lost together are one alarm; a single one is its own."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from proctor.domain.alarms import SeatSign, group_losses
from proctor.domain.presence import judge_presence
from tests.moments import START

AMBER, RED = timedelta(seconds=15), timedelta(seconds=30)


def signs(count: int, lost: dict[int, float]) -> list[SeatSign]:
    return [SeatSign(f"s{n}", n, n in lost, START + timedelta(seconds=lost.get(n, 300))) for n in range(1, count + 1)]


def test_half_of_the_room_lost_within_seconds_is_one_alarm() -> None:
    losses = group_losses(signs(20, {n: n / 10 for n in range(1, 11)}))

    assert [(loss.is_room, len(loss.seat_ids)) for loss in losses] == [(True, 10)]
    assert losses[0].since == START + timedelta(seconds=0.1)


def test_fewer_than_half_are_alarms_of_their_own() -> None:
    losses = group_losses(signs(20, {1: 0, 2: 1, 3: 2}))
    assert [loss.is_room for loss in losses] == [False] * 3


def test_two_machines_of_a_small_room_are_not_a_room() -> None:
    assert not any(loss.is_room for loss in group_losses(signs(2, {1: 0, 2: 0})))


def test_machines_that_fall_silent_one_after_the_other_are_not_one_event() -> None:
    losses = group_losses(signs(4, {n: n * 60.0 for n in range(1, 5)}))
    assert len(losses) == 4


def test_a_machine_lost_before_the_switch_failed_keeps_its_own_alarm() -> None:
    losses = group_losses(signs(6, {1: -600, 2: 0, 3: 1, 4: 2, 5: 3}))
    assert [(loss.is_room, loss.numbers) for loss in losses] == [(True, (2, 3, 4, 5)), (False, (1,))]


@given(st.dictionaries(st.integers(1, 30), st.floats(0, 1000), max_size=30))
def test_every_lost_machine_is_in_exactly_one_alarm(lost: dict[int, float]) -> None:
    losses = group_losses(signs(30, lost))
    named = [number for loss in losses for number in loss.numbers]
    assert sorted(named) == sorted(lost)


def test_silence_turns_amber_and_red_at_the_profiles_moments() -> None:
    def after(seconds: float) -> str:
        return judge_presence("answering", START, START + timedelta(seconds=seconds), AMBER, RED)

    assert [after(14.9), after(15), after(29.9), after(30)] == ["online", "late", "late", "lost"]


def test_nobody_is_missed_where_nobody_is_expected() -> None:
    for state in ("not_arrived", "submitted", "collected", "absent", "empty", "spare", "suspended"):
        assert judge_presence(state, START, START + timedelta(hours=1), AMBER, RED) == "none"
