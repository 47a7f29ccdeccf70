"""The clock of this process: set at its start, watched every second, never moved while somebody sits an exam.

Every process carries one clock (`SteadyClock`), set from the database's when it starts. Each second the machine's wall
clock and the database's are read beside it. A difference above the tolerance is told: to every board of a running room,
in the log, and once an episode in the audit log. With no exam open the difference is adopted instead, so that a machine
whose clock is set right in the morning needs no restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.clock import Clock, SteadyClock
from server.core.errors import Unavailable
from server.core.events import AlarmRaised
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.clock_rules import CLOCK_TOLERANCE, ClockEvidence, ClockProblem, StartClock, choose_start
from server.takeover.models import Node
from server.takeover.queries import last_beat_at

log = logging.getLogger(__name__)
#: a standing difference is told again after this, because a board shows a node's own trouble for a minute (board_feed.py)
TELL_AGAIN = 20.0
SITTING_STATES = [AttemptState.ADMITTED.value, AttemptState.ANSWERING.value, AttemptState.SUSPENDED.value]
#: how long another machine's node is given to show that it lives
HEARD_WITHIN_S = 1.3
#: rows of nodes that died long ago need no waiting
LONG_DEAD = timedelta(days=2)


def settle_clock(uow: UnitOfWork, clock: SteadyClock, wait: Callable[[float], object] | None = None) -> StartClock:
    """Set the clock of a process that starts; call it before anything reads it.

    Args:
        wait: `wait(seconds)`, e.g. of the event that says the process stops; used only when other machines have nodes.

    Raises:
        Unavailable: `CLOCK_DIFFERS`: this machine and the database, or another machine's node, differ by more than 2 s.
    """
    evidence = _read_evidence(uow, clock, wait)
    chosen = choose_start(evidence)
    if chosen.problem is not None:
        raise _refusal(chosen, evidence)
    clock.set_to(chosen.moment)
    return chosen


class ClockWatch:
    """Compares this process's clock with the machine's and the database's."""

    def __init__(self, uow: UnitOfWork, clock: SteadyClock, node_id: str) -> None:
        self._uow = uow
        self._clock = clock
        self._node_id = node_id
        self._told_at: float | None = None
        #: newest difference seen, for the node's own page; positive: the other clock is ahead
        self.wall_ahead = timedelta(0)
        self.database_ahead = timedelta(0)

    @property
    def is_apart(self) -> bool:
        """Somebody must look at a clock."""
        return max(abs(self.wall_ahead), abs(self.database_ahead)) > CLOCK_TOLERANCE

    def look(self) -> bool:
        """One comparison; True when a difference stands. Costs one small query on PostgreSQL and none on SQLite."""
        self.wall_ahead = self._clock.wall_ahead()
        with self._uow.read() as session:
            database = database_now(session, self._clock)
        self.database_ahead = timedelta(0) if database is None else database - self._clock.now()
        if not self.is_apart:
            self._told_at = None
            return False
        if self._adopt(database):
            return False
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= TELL_AGAIN:
            self._tell(is_new=self._told_at is None)
            self._told_at = now
        return True

    def _adopt(self, database: datetime | None) -> bool:
        """Nobody sits an exam: follow the authority, the database's clock or, with a file, the machine's."""
        with self._uow.read() as session:
            if is_exam_open(session):
                return False
        ahead = self.wall_ahead if database is None else self.database_ahead
        if abs(ahead) <= CLOCK_TOLERANCE:
            return False
        log.warning("no exam is open: the clock follows a step of %.1f s", ahead.total_seconds())
        self._clock.set_to(self._clock.now() + ahead)
        self.wall_ahead = self._clock.wall_ahead()
        self.database_ahead = timedelta(0)
        return not self.is_apart

    def _tell(self, *, is_new: bool) -> None:
        log.error(
            "clocks differ: the machine's is %.1f s ahead of the exam's, the database's %.1f s; deadlines stay",
            self.wall_ahead.total_seconds(),
            self.database_ahead.total_seconds(),
        )
        with self._uow() as work:
            rooms = work.session.execute(
                select(Attempt.sitting_id, Attempt.room_id).where(Attempt.state.in_(SITTING_STATES)).distinct()
            ).all()
            for sitting_id, room_id in rooms:
                work.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="clock"))
            if is_new:
                detail = {
                    "wall_ahead_ms": self.wall_ahead // timedelta(milliseconds=1),
                    "database_ahead_ms": self.database_ahead // timedelta(milliseconds=1),
                }
                record(work, SYSTEM, AuditAction.TAKEOVER_CLOCK_DIFFERED, f"node:{self._node_id}", detail)


def boot_id(clock: Clock) -> str | None:
    """Which start of its machine the clock runs on; None for a clock moved by hand."""
    return clock.machine.boot_id() if isinstance(clock, SteadyClock) else None


def running_ms(clock: Clock) -> int | None:
    """The machine's running clock in ms; None for a clock moved by hand."""
    return round(clock.machine.running_s() * 1000) if isinstance(clock, SteadyClock) else None


def is_exam_open(session: Session) -> bool:
    """Somebody has signed in and not ended."""
    return session.scalar(select(Attempt.id).where(Attempt.state.in_(SITTING_STATES)).limit(1)) is not None


def database_now(session: Session, clock: SteadyClock) -> datetime | None:
    """The database server's own clock at this moment, half the round trip added; None with a file."""
    if session.get_bind().dialect.name != "postgresql":
        return None
    session.connection()  # waiting for a connection is not part of the round trip
    asked = clock.monotonic()
    told: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return told + timedelta(seconds=(clock.monotonic() - asked) / 2)


def _read_evidence(uow: UnitOfWork, clock: SteadyClock, wait: Callable[[float], object] | None) -> ClockEvidence:
    machine = clock.machine
    this_boot, running_s = machine.boot_id(), machine.running_s()
    with uow.read() as session:
        beat = func.coalesce(Node.stopped_at, Node.beat_at)
        own = session.execute(
            select(Node.beat_at, Node.boot_ms)
            .where(Node.boot_id == this_boot, Node.boot_ms.is_not(None), Node.boot_ms <= running_s * 1000)
            .order_by(Node.boot_ms.desc())
            .limit(1)
        ).one_or_none()
        continued = None
        if this_boot is not None and own is not None:
            continued = own.beat_at + timedelta(seconds=running_s, milliseconds=-own.boot_ms)
        newest, is_open = last_beat_at(session), is_exam_open(session)
        database = database_now(session, clock)
        others = {}
        if database is not None:
            query = select(Node.id, Node.beat_at).where(
                Node.stopped_at.is_(None),
                Node.boot_id.is_not(None),
                Node.boot_id != this_boot,
                beat > database - LONG_DEAD,
            )
            others = dict(session.execute(query).all())
    waited = clock.monotonic()
    living = _living_clock(uow, others, wait) if others else None
    late = timedelta(seconds=clock.monotonic() - waited)
    return ClockEvidence(
        wall=machine.wall(),
        database=None if database is None else database + late,
        continued=None if continued is None else continued + timedelta(seconds=machine.running_s() - running_s),
        last_beat_at=newest,
        living=living,
        is_exam_open=is_open,
    )


def _living_clock(
    uow: UnitOfWork, before: dict[str, datetime], wait: Callable[[float], object] | None
) -> datetime | None:
    """What a node that beats on another machine calls now (at most one beat ago); None: none of them lives."""
    if wait is not None:
        wait(HEARD_WITHIN_S)
    with uow.read() as session:
        after = session.execute(select(Node.id, Node.beat_at).where(Node.id.in_(before))).all()
    moved = [beat_at for node_id, beat_at in after if beat_at != before[node_id]]
    return max(moved, default=None)


def _refusal(chosen: StartClock, seen: ClockEvidence) -> Unavailable:
    if chosen.problem is ClockProblem.NODE_DIFFERS and seen.living is not None:
        other, zh, en = seen.living, "另一台服务器", "another server"
        ahead = seen.living - chosen.moment
    else:
        other, zh, en = seen.database or seen.wall, "数据库", "the database"
        ahead = other - seen.wall
    seconds = abs(ahead.total_seconds())
    return Unavailable(
        "CLOCK_DIFFERS",
        f"本机时钟与{zh}相差 {seconds:.1f} 秒（{'慢' if ahead > timedelta(0) else '快'}），为保护考试时间不能启动。"
        "请先校准本机时间（如 chronyc makestep），再启动。",
        f"This machine's clock and that of {en} differ by {seconds:.1f} s; it does not start, so that no exam time is wrong. "
        "Set the clock (e.g. chronyc makestep) and start again.",
        seconds=seconds,
        other=other.isoformat(),
    )
