"""No jump of a wall clock moves a deadline: the clock of a process, at its start and while it runs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from server.audit.actions import AuditAction
from server.audit.models import AuditEntry
from server.core.bus import InProcessBus
from server.core.clock import Machine, SteadyClock
from server.core.errors import Unavailable
from server.core.events import AlarmRaised, Event
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.takeover import clock_watch
from server.takeover.clock_watch import ClockWatch, settle_clock
from server.takeover.domain.clock_rules import CLOCK_TOLERANCE, ClockEvidence, ClockProblem, choose_start
from server.takeover.models import Node
from server.takeover.services.beat import beat
from server.takeover.services.register_node import register_node
from tests.factories.delivery import RunningRoom, running_rooms
from tests.moments import MINUTE, SECOND, START

NOW = START + 72 * MINUTE
JUMPS = pytest.mark.parametrize("jump", [10 * MINUTE, -10 * MINUTE, timedelta(days=1)], ids=["+10min", "-10min", "+1d"])


class FakeMachine(Machine):
    """A machine whose wall clock somebody can set."""

    def __init__(self, wall: datetime, boot: str = "boot-1") -> None:
        self._wall, self._s, self.boot = wall, 1000.0, boot

    def wall(self) -> datetime:
        return self._wall

    def running_s(self) -> float:
        return self._s

    def boot_id(self) -> str | None:
        return self.boot

    def pass_time(self, by: timedelta) -> None:
        self._wall += by
        self._s += by.total_seconds()

    def set_wall(self, by: timedelta) -> None:
        self._wall += by

    def start_anew(self) -> None:
        self.boot, self._s = "boot-2", 5.0


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine(NOW)


@pytest.fixture
def steady(machine: FakeMachine) -> SteadyClock:
    return SteadyClock(machine)


@pytest.fixture
def uow(database: Database, steady: SteadyClock, published: list[Event]) -> UnitOfWork:
    bus = InProcessBus()
    bus.subscribe(published.append)
    return UnitOfWork(database, bus, steady)


@pytest.fixture
def room(uow: UnitOfWork) -> RunningRoom:
    return running_rooms(uow)[0]


@pytest.fixture
def told_by_database(monkeypatch: pytest.MonkeyPatch) -> list[datetime | None]:
    """What the database's clock says; a file has none."""
    says: list[datetime | None] = [None]
    monkeypatch.setattr(clock_watch, "database_now", lambda session, clock: says[0])
    return says


@JUMPS
def test_the_clock_goes_on_evenly_whatever_happens_to_the_wall(
    machine: FakeMachine, steady: SteadyClock, jump: timedelta
) -> None:
    machine.pass_time(MINUTE)
    machine.set_wall(jump)
    machine.pass_time(MINUTE)
    assert steady.now() == NOW + 2 * MINUTE
    assert steady.wall_ahead() == jump


@JUMPS
def test_a_jump_while_an_exam_runs_is_told_and_moves_no_deadline(
    uow: UnitOfWork,
    machine: FakeMachine,
    steady: SteadyClock,
    room: RunningRoom,
    published: list[Event],
    told_by_database: list[datetime | None],
    jump: timedelta,
) -> None:
    watch = ClockWatch(uow, steady, "node-1")
    assert watch.look() is False
    machine.set_wall(jump)
    machine.pass_time(SECOND)
    assert watch.look() is True
    assert steady.now() == NOW + SECOND
    alarm = AlarmRaised(sitting_id=room.sitting_id, room_id=room.room_id, kind="clock")
    assert published.count(alarm) == 1
    machine.pass_time(5 * SECOND)
    watch.look()
    assert published.count(alarm) == 1, "not every second"
    machine.pass_time(16 * SECOND)
    watch.look()
    assert published.count(alarm) == 2, "a board shows it for a minute: it is told again while it stands"
    with uow.read() as session:
        actions = list(session.scalars(select(AuditEntry.action)))
    assert actions.count(AuditAction.TAKEOVER_CLOCK_DIFFERED) == 1

    machine.set_wall(-jump)
    assert watch.look() is False


@JUMPS
def test_without_an_exam_the_clock_follows(
    uow: UnitOfWork, machine: FakeMachine, steady: SteadyClock, told_by_database: list[datetime | None], jump: timedelta
) -> None:
    machine.set_wall(jump)
    assert ClockWatch(uow, steady, "node-1").look() is False
    assert steady.now() == NOW + jump


def test_a_database_whose_clock_steps_in_mid_exam_is_told_and_not_followed(
    uow: UnitOfWork,
    steady: SteadyClock,
    room: RunningRoom,
    published: list[Event],
    told_by_database: list[datetime | None],
) -> None:
    told_by_database[0] = NOW + 3 * SECOND
    assert ClockWatch(uow, steady, "node-1").look() is True
    assert steady.now() == NOW
    assert any(isinstance(event, AlarmRaised) and event.kind == "clock" for event in published)


def test_the_database_s_clock_is_read_with_half_the_round_trip(uow: UnitOfWork, database: Database) -> None:
    real = SteadyClock()
    with uow.read() as session:
        read = clock_watch.database_now(session, real)
    if database.is_sqlite:
        assert read is None
    else:
        assert read is not None
        assert abs(read - real.now()) < CLOCK_TOLERANCE


# --- A start ----------------------------------------------------------------------------------------------------------


@JUMPS
def test_a_restart_on_the_same_machine_loses_no_second_although_the_wall_was_set_meanwhile(
    uow: UnitOfWork,
    machine: FakeMachine,
    steady: SteadyClock,
    room: RunningRoom,
    told_by_database: list[datetime | None],
    jump: timedelta,
) -> None:
    node = register_node(uow, name="node-1", address="").node_id
    machine.pass_time(SECOND)
    beat(uow, node)
    machine.pass_time(40 * SECOND)
    machine.set_wall(jump)

    started = SteadyClock(machine)
    chosen = settle_clock(uow, started)
    again = UnitOfWork(uow.database, uow.bus, started)
    outage = register_node(again, name="node-1", address="").outage

    assert started.now() == NOW + 41 * SECOND
    assert chosen.is_apart
    assert outage is not None
    assert outage.to_at - outage.from_at == 40 * SECOND


def test_a_machine_that_was_started_anew_never_goes_back_behind_what_was_written(
    uow: UnitOfWork, machine: FakeMachine, room: RunningRoom, told_by_database: list[datetime | None]
) -> None:
    register_node(uow, name="node-1", address="")
    machine.pass_time(MINUTE)
    machine.start_anew()
    machine.set_wall(-10 * MINUTE)
    started = SteadyClock(machine)
    assert settle_clock(uow, started).is_apart
    assert started.now() == NOW


def test_with_no_exam_open_a_start_takes_the_database_s_clock(
    uow: UnitOfWork, machine: FakeMachine, told_by_database: list[datetime | None]
) -> None:
    register_node(uow, name="node-1", address="")
    told_by_database[0] = NOW + 1.5 * SECOND
    started = SteadyClock(machine)
    settle_clock(uow, started)
    assert started.now() == NOW + 1.5 * SECOND


def test_a_machine_that_disagrees_with_the_database_does_not_start(
    uow: UnitOfWork, machine: FakeMachine, told_by_database: list[datetime | None]
) -> None:
    told_by_database[0] = NOW + 2.5 * SECOND
    with pytest.raises(Unavailable) as refusal:
        settle_clock(uow, SteadyClock(machine))
    assert refusal.value.code == "CLOCK_DIFFERS"
    assert refusal.value.data["seconds"] == 2.5


@pytest.mark.parametrize(("apart_s", "starts"), [(0.8, True), (600, False), (-600, False)])
def test_a_machine_that_disagrees_with_another_living_node_does_not_start(
    uow: UnitOfWork,
    machine: FakeMachine,
    room: RunningRoom,
    told_by_database: list[datetime | None],
    apart_s: float,
    starts: bool,
) -> None:
    other = register_node(uow, name="node-2", address="").node_id
    told_by_database[0] = NOW

    def beats() -> None:
        beat_at = machine.wall() - timedelta(seconds=apart_s)
        with uow() as work:
            work.session.execute(
                update(Node).where(Node.id == other).values(boot_id="elsewhere", boot_ms=1, beat_at=beat_at)
            )

    def wait(seconds: float) -> None:
        machine.pass_time(timedelta(seconds=seconds))
        beats()

    beats()
    started = SteadyClock(machine)
    if starts:
        settle_clock(uow, started, wait)
        return
    with pytest.raises(Unavailable) as refusal:
        settle_clock(uow, started, wait)
    assert refusal.value.code == "CLOCK_DIFFERS"


MOMENTS = st.integers(-5000, 5000).map(lambda s: NOW + s * SECOND)


@given(MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.booleans())
def test_a_start_is_on_time_or_refused_or_told(
    wall: datetime,
    database: datetime | None,
    continued: datetime | None,
    last_beat_at: datetime | None,
    living: datetime | None,
    is_exam_open: bool,
) -> None:
    seen = ClockEvidence(wall, database, continued, last_beat_at, living, is_exam_open)
    chosen = choose_start(seen)
    if is_exam_open and continued is not None:
        assert chosen.moment == continued, "in mid-exam nothing but the machine's own running clock counts"
    elif is_exam_open and last_beat_at is not None and living is None:
        assert chosen.moment >= last_beat_at
    if living is not None and abs(living - chosen.moment) > CLOCK_TOLERANCE:
        assert chosen.problem is ClockProblem.NODE_DIFFERS
    if abs(wall - chosen.moment) > CLOCK_TOLERANCE:
        assert chosen.is_apart
