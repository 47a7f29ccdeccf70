"""What is still missing before the day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.scheduling.domain.preparation import PreparationStep, Progress, may_publish, preparation
from server.scheduling.domain.states import SittingState

READY = Progress(registered=30, seated=30, tickets=30, rooms_used=2, rooms_staffed=2, rooms_bagged=2)
counts = st.integers(0, 40)


def next_step(progress: Progress, state: SittingState = SittingState.PLANNED) -> PreparationStep | None:
    return next((reading.step for reading in preparation(progress, state) if reading.is_next), None)


def test_the_steps_follow_one_another() -> None:
    assert next_step(Progress()) is PreparationStep.ROSTER
    assert next_step(Progress(registered=30)) is PreparationStep.SEATS
    assert next_step(Progress(30, 30, rooms_used=2)) is PreparationStep.TICKETS
    assert next_step(Progress(30, 30, 30, rooms_used=2, rooms_staffed=1)) is PreparationStep.PROCTORS
    assert next_step(Progress(30, 30, 30, rooms_used=2, rooms_staffed=2, rooms_bagged=1)) is PreparationStep.BAGS
    assert next_step(READY) is PreparationStep.PUBLISH
    assert next_step(READY, SittingState.PUBLISHED) is None


def test_a_sitting_without_people_has_done_nothing() -> None:
    assert not any(reading.is_done for reading in preparation(Progress(), SittingState.PLANNED))


def test_bags_may_follow_publication_and_nothing_else_may() -> None:
    assert may_publish(Progress(30, 30, 30, rooms_used=2, rooms_staffed=2), SittingState.PLANNED)
    assert not may_publish(Progress(30, 30, 29, rooms_used=2, rooms_staffed=2), SittingState.PLANNED)
    assert not may_publish(Progress(30, 30, 30, rooms_used=2, rooms_staffed=1), SittingState.PLANNED)
    assert not may_publish(READY, SittingState.PUBLISHED)


@given(st.builds(Progress, *[counts] * 6), st.sampled_from(SittingState))
def test_at_most_one_step_is_next_and_everything_before_it_is_done(progress: Progress, state: SittingState) -> None:
    readings = preparation(progress, state)
    assert [reading.step for reading in readings] == list(PreparationStep)
    undone = [reading for reading in readings if not reading.is_done]
    assert [reading for reading in readings if reading.is_next] == undone[:1]
