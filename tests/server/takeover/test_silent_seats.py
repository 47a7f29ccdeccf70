"""A single PC that fails is found from its silence, ended by its return, and given back when a proctor says so."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from server.audit.log import verify
from server.core.actor import Actor
from server.core.clock import ManualClock
from server.core.errors import Conflict
from server.core.events import AlarmRaised, Event
from server.core.permissions import Role
from server.delivery.domain.time_rules import ClockPhase
from server.delivery.models import Attempt, TimeEntry
from server.delivery.services.close_overdue import close_overdue
from server.delivery.services.decide_time import decide_time
from server.delivery.services.open_interruption import open_interruption
from server.delivery.time_keeping import read_clock
from server.storage.unit_of_work import UnitOfWork
from server.takeover.models import Node
from server.takeover.services.record_life_signs import record_life_signs
from server.takeover.services.register_node import register_node
from server.takeover.services.report_client_gap import GapReport, report_client_gaps
from server.takeover.services.sweep_room_cuts import sweep_room_cuts
from server.takeover.services.sweep_silent_seats import sweep_silent_seats
from tests.factories.delivery import running_rooms
from tests.moments import END, MINUTE, SECOND, START

PROCTOR = Actor("proctor", Role.PROCTOR, "监考")
#: `presence.red_after` of the default profile
RED = 60


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 10 * MINUTE)


class Hall:
    """Two rooms of four, a node that beats, and pages that are heard every five seconds unless they are silent."""

    def __init__(self, uow: UnitOfWork, clock: ManualClock) -> None:
        self.uow, self.clock = uow, clock
        self.here, self.there = running_rooms(uow, rooms=2, candidates=4)
        self.node_id = register_node(uow, name="node-1", address="").node_id
        self.run(5)

    def run(self, seconds: int, silent: list[str] | None = None, unsent: int = 0) -> None:
        """Steps of five seconds; the node beats all along."""
        for _ in range(seconds // 5):
            self.clock.advance(5)
            heard = [each for each in self.here.attempt_ids + self.there.attempt_ids if each not in (silent or [])]
            self.hear(heard, unsent)
            sweep_room_cuts(self.uow)
            sweep_silent_seats(self.uow)
            close_overdue(self.uow)

    def hear(self, attempt_ids: list[str], unsent: int = 0) -> None:
        now = self.clock.now()
        with self.uow() as work:
            work.session.execute(update(Node).values(beat_at=now))
            record_life_signs(work, dict.fromkeys(attempt_ids, now))
            seen = update(Attempt).where(Attempt.id.in_(attempt_ids))
            work.session.execute(seen.values(last_seen_at=now, unsent=unsent))

    def rows(self) -> list[TimeEntry]:
        with self.uow.read() as session:
            return list(session.scalars(select(TimeEntry).order_by(TimeEntry.made_at, TimeEntry.id)))

    def attempt(self, attempt_id: str) -> Attempt:
        with self.uow.read() as session:
            return session.get_one(Attempt, attempt_id)

    def go_to(self, moment: datetime) -> None:
        """All is well until then."""
        self.clock.advance(moment - self.clock.now())
        self.hear(self.here.attempt_ids + self.there.attempt_ids)


@pytest.fixture
def hall(uow: UnitOfWork, clock: ManualClock) -> Hall:
    return Hall(uow, clock)


def test_a_silent_seat_is_put_on_record_from_its_last_life_sign_and_ends_with_the_first_new_one(
    hall: Hall, uow: UnitOfWork, clock: ManualClock, published: list[Event]
) -> None:
    dead, last_heard = hall.here.attempt_ids[0], clock.now()
    hall.run(RED, silent=[dead])
    assert hall.rows() == []
    hall.run(30, silent=[dead])
    [row] = hall.rows()
    assert (row.attempt_id, row.cause, row.status, row.from_at, row.to_at) == (
        dead, "pc_failure", "proposed", last_heard, None,
    )  # fmt: skip
    assert hall.attempt(dead).state == "answering", "nobody is sure yet: whoever comes back goes on at once"
    assert hall.attempt(dead).deadline_at == END

    hall.run(5)
    [row] = hall.rows()
    assert row.to_at == last_heard + (RED + 30 + 5) * SECOND
    assert hall.attempt(dead).deadline_at == END, "proposed is not given"
    assert AlarmRaised(
        sitting_id=hall.here.sitting_id, room_id=hall.here.room_id, kind="time_proposal", attempt_id=dead
    ) in published  # fmt: skip

    with uow() as work:
        decide_time(work, entry_id=row.id, decision="confirm", reason="电源", actor=PROCTOR)
    ends = {each: hall.attempt(each).deadline_at for each in hall.here.attempt_ids + hall.there.attempt_ids}
    assert ends.pop(dead) == END + (RED + 35) * SECOND
    assert set(ends.values()) == {END}, "a seat's time is its own"
    with uow.read() as session:
        assert verify(session).ok


def test_a_room_that_is_cut_off_as_a_whole_has_no_failed_seats(hall: Hall) -> None:
    hall.run(RED + 40, silent=hall.here.attempt_ids)
    assert [(row.room_id, row.attempt_id, row.status) for row in hall.rows()] == [
        (hall.here.room_id, None, "provisional")
    ]
    hall.run(10)
    assert len(hall.rows()) == 1


def test_a_proctor_takes_the_found_failure_over_and_the_clock_stands_still_from_the_last_life_sign(
    hall: Hall, uow: UnitOfWork, clock: ManualClock
) -> None:
    dead, last_heard = hall.here.attempt_ids[0], clock.now()
    hall.run(RED + 20, silent=[dead])
    whom = {"sitting_id": hall.here.sitting_id, "room_id": hall.here.room_id, "attempt_id": dead}
    with uow() as work:
        open_interruption(work, **whom, cause="pc_failure", reason="蓝屏", actor=PROCTOR, since=last_heard)
    with uow.read() as session:
        reading = read_clock(session, session.get_one(Attempt, dead), clock.now())
    assert reading.phase is ClockPhase.SUSPENDED
    assert reading.remaining == END - last_heard
    assert len(hall.rows()) == 1
    hall.run(10)
    assert hall.rows()[0].to_at is None, "back, but the proctor resumes"
    with uow() as work, pytest.raises(Conflict, match="ALREADY_SUSPENDED"):
        open_interruption(work, **whom, cause="pc_failure", reason="", actor=PROCTOR)


def test_the_page_s_own_gap_stands_beside_and_does_not_become_a_second_row(hall: Hall, uow: UnitOfWork) -> None:
    dead = hall.here.attempt_ids[0]
    hall.run(RED + 30, silent=[dead])
    hall.run(5)
    gap = GapReport((RED + 33) * SECOND, False, uow.clock.now())
    assert report_client_gaps(uow, {dead: gap}) == {}
    [row] = hall.rows()
    assert row.client_gap_ms == (RED + 33) * 1000


def test_who_went_on_answering_behind_a_broken_cable_is_proposed_nothing(hall: Hall, uow: UnitOfWork) -> None:
    alone = hall.here.attempt_ids[0]
    hall.run(RED + 30, silent=[alone])
    hall.run(5)
    report = {alone: GapReport((RED + 34) * SECOND, True, uow.clock.now())}
    proposed = report_client_gaps(uow, report)
    assert list(proposed) == [alone]
    assert report_client_gaps(uow, report) == {}, "once"
    [row, nothing] = hall.rows()
    assert (nothing.kind, nothing.reverses_id, nothing.status) == ("reversal", row.id, "proposed")
    assert "继续作答" in nothing.reason


# --- At the end -------------------------------------------------------------------------------------------------------


def test_a_candidate_whose_pc_failed_is_not_timed_out_before_a_proctor_decides(hall: Hall, clock: ManualClock) -> None:
    hall.go_to(END - 2 * MINUTE)
    dead = hall.here.attempt_ids[0]
    hall.run(2 * 60 + 40, silent=[dead])
    states = {each: hall.attempt(each).state for each in hall.here.attempt_ids}
    assert states.pop(dead) == "answering"
    assert set(states.values()) == {"submitted"}
    [row] = hall.rows()
    hall.run(5)
    with hall.uow() as work:
        decide_time(work, entry_id=row.id, decision="confirm", reason="", actor=PROCTOR)
    deadline = hall.attempt(dead).deadline_at
    assert deadline is not None
    assert deadline - clock.now() > 110 * SECOND


def test_nobody_waits_longer_than_what_could_be_given(hall: Hall, clock: ManualClock) -> None:
    hall.go_to(END - 2 * MINUTE)
    dead = hall.here.attempt_ids[0]
    hall.run(2 * 60 - 10, silent=[dead])
    hall.run(5)  # back just before the end, and nobody decides
    [row] = hall.rows()
    assert row.from_at is not None
    assert row.to_at is not None
    last_moment = END + (row.to_at - row.from_at)
    hall.run(int((last_moment - clock.now()).total_seconds()) - 5)
    assert hall.attempt(dead).state == "answering"
    hall.run(20)
    assert hall.attempt(dead).state == "submitted"


def test_a_silent_pc_that_holds_answers_is_waited_for_until_its_silence_is_on_record(
    hall: Hall, clock: ManualClock
) -> None:
    hall.go_to(END - 20 * SECOND)
    holds = hall.here.attempt_ids[0]
    hall.run(5, unsent=3)
    with hall.uow() as work:
        work.session.execute(update(Attempt).where(Attempt.id != holds).values(unsent=0))
    hall.run(15 + 30, silent=[holds])
    assert hall.rows() == []
    states = {each: hall.attempt(each).state for each in hall.here.attempt_ids}
    assert states.pop(holds) == "answering"
    assert set(states.values()) == {"submitted"}
    hall.run(RED, silent=[holds])
    assert [(row.attempt_id, row.to_at) for row in hall.rows()] == [(holds, None)]
    assert hall.attempt(holds).state == "answering"


def test_a_whole_room_s_reports_are_judged_in_one_transaction(hall: Hall, uow: UnitOfWork) -> None:
    hall.run(RED, silent=hall.here.attempt_ids)
    hall.run(5)
    commits = 0

    def count(_session: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(Session, "after_commit", count)
    try:
        reports = {each: GapReport(timedelta(seconds=200), False, uow.clock.now()) for each in hall.here.attempt_ids}
        made = report_client_gaps(uow, reports)
    finally:
        event.remove(Session, "after_commit", count)
    assert sorted(made) == sorted(hall.here.attempt_ids)
    assert commits == 1
