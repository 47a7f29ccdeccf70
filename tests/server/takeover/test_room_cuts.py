"""A room cut off from living servers: opened and ended by its candidates' life signs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.core.clock import ManualClock
from server.core.events import AlarmRaised, Event
from server.delivery.models import Attempt, LifeSign
from server.delivery.queries import ledger_rows
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.outage_rules import THRESHOLDS, find_room_cut, find_room_return
from server.takeover.services.beat import beat
from server.takeover.services.record_life_signs import record_life_signs
from server.takeover.services.register_node import register_node
from server.takeover.services.sweep_room_cuts import sweep_room_cuts
from tests.factories.delivery import RunningRoom, running_rooms
from tests.moments import END, MINUTE, SECOND, START


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 10 * MINUTE)


class Hall:
    """Two rooms of five, a node that beats every second, and pages that are heard every second unless cut off."""

    def __init__(self, uow: UnitOfWork, clock: ManualClock) -> None:
        self.uow, self.clock = uow, clock
        self.here, self.there = running_rooms(uow, rooms=2, candidates=5)
        self.node_id = register_node(uow, name="node-1", address="").node_id

    def run(self, seconds: int, silent: list[str] | None = None) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            beat(self.uow, self.node_id)
            everybody = self.here.attempt_ids + self.there.attempt_ids
            with self.uow() as work:
                record_life_signs(work, {each: self.clock.now() for each in everybody if each not in (silent or [])})
            sweep_room_cuts(self.uow)

    def deadline(self, room: RunningRoom) -> datetime | None:
        with self.uow.read() as session:
            return session.scalar(select(Attempt.deadline_at).where(Attempt.id == room.attempt_ids[0]))

    def statuses(self) -> list[tuple[str | None, str, bool]]:
        with self.uow.read() as session:
            return [(r.room_id, r.status.value, r.to_at is None) for r in ledger_rows(session, self.here.sitting_id)]


@pytest.fixture
def hall(uow: UnitOfWork, clock: ManualClock) -> Hall:
    return Hall(uow, clock)


def test_a_cut_room_gets_its_time_back_to_the_second_and_the_other_room_nothing(
    hall: Hall, published: list[Event]
) -> None:
    hall.run(20)
    hall.run(60, silent=hall.here.attempt_ids)
    assert hall.statuses() == [(hall.here.room_id, "provisional", True)]
    assert hall.deadline(hall.here) is None  # nobody is timed out behind a dead switch
    assert any(isinstance(event, AlarmRaised) and event.kind == "room_lost" for event in published)
    hall.run(3)
    assert hall.statuses() == [(hall.here.room_id, "provisional", False)]
    error = hall.deadline(hall.here) - END - MINUTE  # type: ignore[operator]
    assert abs(error) <= SECOND
    assert hall.deadline(hall.there) == END


def test_one_silent_seat_is_not_a_cut_room(hall: Hall) -> None:
    hall.run(40, silent=hall.here.attempt_ids[:3])
    assert hall.statuses() == []


def test_a_room_of_which_one_page_was_never_cut_off_still_gets_its_time_back(hall: Hall) -> None:
    hall.run(20)
    hall.run(40, silent=hall.here.attempt_ids[:4])
    assert hall.statuses() == [(hall.here.room_id, "provisional", True)]
    hall.run(3)
    assert abs(hall.deadline(hall.here) - END - 40 * SECOND) <= SECOND  # type: ignore[operator]


def test_silence_before_the_servers_were_back_is_the_servers_outage(hall: Hall) -> None:
    hall.run(5)
    hall.clock.advance(60)
    hall.run(10, silent=hall.here.attempt_ids)  # slow to return
    assert [status for _, status, _ in hall.statuses()] == ["provisional", "provisional"]  # a server row for each room
    assert {room_id for room_id, _, _ in hall.statuses()} == {hall.here.room_id, hall.there.room_id}


def test_a_cut_over_the_limit_awaits_a_decision(hall: Hall) -> None:
    hall.run(5)
    with hall.uow() as work:
        from tests.factories.delivery import a_time_entry

        a_time_entry(
            work.session, sitting_id=hall.here.sitting_id, room_id=hall.here.room_id, status="provisional",
            made_by="system", from_at=hall.clock.now() - 31 * MINUTE,
        )  # fmt: skip
        signs = work.session.scalars(select(LifeSign).where(LifeSign.attempt_id.in_(hall.here.attempt_ids)))
        for sign in signs:
            sign.until = sign.since = hall.clock.now() - 32 * MINUTE
    hall.run(1)
    assert hall.statuses() == [(hall.here.room_id, "awaiting_decision", True)]
    assert hall.deadline(hall.here) is None


def test_after_the_end_a_silent_room_is_a_room_that_went_home(uow: UnitOfWork, clock: ManualClock) -> None:
    clock.advance(79 * MINUTE)
    hall = Hall(uow, clock)
    hall.run(61)  # the end passes
    hall.run(40, silent=hall.here.attempt_ids + hall.there.attempt_ids)
    assert hall.statuses() == []


# --- Life signs -------------------------------------------------------------------------------------------------------


def test_presence_grows_and_a_gap_begins_a_new_row(uow: UnitOfWork, clock: ManualClock) -> None:
    attempt_id = running_rooms(uow)[0].attempt_ids[0]
    for seconds in (0, 5, 10, 8, 25, 41, 42):
        with uow() as work:
            record_life_signs(work, {attempt_id: START + seconds * SECOND})
    with uow() as work:
        record_life_signs(work, {})
    with uow.read() as session:
        rows = session.execute(select(LifeSign.since, LifeSign.until).order_by(LifeSign.since)).all()
    assert [tuple(row) for row in rows] == [
        (START, START + 25 * SECOND),
        (START + 41 * SECOND, START + 42 * SECOND),
    ]


# --- Rules ------------------------------------------------------------------------------------------------------------

ages = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 120), max_size=10)


@given(ages, st.integers(0, 120))
def test_a_room_is_cut_off_only_when_nearly_everybody_is_silent_for_long(heard: dict[str, int], since: int) -> None:
    now = START
    last_heard = {key: now - age * SECOND for key, age in heard.items()}
    cut = find_room_cut(last_heard, listening_since=now - since * SECOND, now=now)
    silent = [key for key, age in heard.items() if age > 15]
    expected = len(heard) >= 3 and since > 15 and len(silent) >= 0.8 * len(heard)
    assert (cut is not None) == expected
    if cut is not None:
        assert now - cut <= since * SECOND
        assert all(cut >= last_heard[key] for key in silent)
        assert now - cut > THRESHOLDS.presence_gap


@given(st.lists(st.one_of(st.none(), st.integers(0, 60)), min_size=1, max_size=10))
def test_a_room_is_back_with_its_first_page_once_enough_are(seconds: list[int | None]) -> None:
    presences = {str(n): None if s is None else START + timedelta(seconds=s) for n, s in enumerate(seconds)}
    back = [moment for moment in presences.values() if moment is not None]
    returned = find_room_return(presences)
    if returned is None:
        assert len(back) <= 0.2 * len(seconds) or not back
    else:
        assert returned == min(back)
