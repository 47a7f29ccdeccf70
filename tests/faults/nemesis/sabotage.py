"""Start the real server with one protection taken away, or with a machine part that fails. Tests only.

    python -m tests.faults.nemesis.sabotage NAME[=ARGUMENT][@SWITCH],… serve --data …

patches the product in memory, then runs `server.entry`'s command line. With `@SWITCH` the sabotage works only while the
file SWITCH exists, so that a run can turn it on and off. The product itself has no failpoints and knows nothing of this.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import dataclasses  # noqa: E402
import sqlite3  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import timedelta  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

real_sleep = monkey.get_original("time", "sleep")
#: how late the commit of `ack_before_commit` is, unless told otherwise: several people have answered meanwhile
LATE_COMMIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """One sabotage as asked for on the command line."""

    name: str
    argument: str = ""
    switch: Path | None = None

    @property
    def is_on(self) -> bool:
        return self.switch is None or self.switch.exists()

    def number(self, otherwise: float) -> float:
        return float(self.argument) if self.argument else otherwise


SABOTAGES: dict[str, Callable[[Order], None]] = {}


def sabotage(apply: Callable[[Order], None]) -> Callable[[Order], None]:
    """Register one under its function's name."""
    SABOTAGES[apply.__name__] = apply
    return apply


def parse(text: str) -> list[Order]:
    """`a=1@/switch,b` → orders.

    Raises:
        SystemExit: an unknown name; the known ones are listed.
    """
    orders = []
    for part in text.split(","):
        rest, _, switch = part.partition("@")
        name, _, argument = rest.partition("=")
        if name not in SABOTAGES:
            raise SystemExit(f"unknown sabotage {name!r}; there are: {', '.join(sorted(SABOTAGES))}")
        orders.append(Order(name, argument, Path(switch) if switch else None))
    return orders


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@sabotage
def ack_before_commit(order: Order) -> None:
    """Acknowledge at once, commit [0.5] seconds later: a kill between the two loses what was promised."""
    import gevent

    from server.delivery import writer
    from server.delivery.journal import Outcome

    original = writer.AnswerWriter._commit_once

    def commit_later(self: Any, lines: Sequence[Any]) -> Any:
        gevent.sleep(order.number(LATE_COMMIT_S))
        return original(self, lines)

    def record(self: Any, lines: Sequence[Any]) -> list[Any]:
        batch = self._gathering
        batch.waiters.append(writer._Waiter(lines))
        batch.size += len(lines)
        self._kick.set()
        return [Outcome("counted") for _ in lines]

    writer.AnswerWriter._commit_once = commit_later  # type: ignore[method-assign]
    writer.AnswerWriter.record = record  # type: ignore[method-assign]


@sabotage
def synchronous_normal(order: Order) -> None:
    """SQLite without an fsync at the commit: a power cut may take the last ones."""
    from sqlalchemy import event

    from server.delivery.journal_sqlite import SqliteJournal
    from server.storage import database

    open_journal = SqliteJournal._open

    def open_lax(self: Any) -> sqlite3.Connection:
        connection = open_journal(self)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def lax(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.execute("PRAGMA synchronous=NORMAL")

    SqliteJournal._open = open_lax  # type: ignore[method-assign]
    make = database.Database.__init__

    def make_lax(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        event.listen(self.engine, "connect", lax)

    database.Database.__init__ = make_lax  # type: ignore[method-assign]
    _no_durability_check()


@sabotage
def synchronous_commit_off(order: Order) -> None:
    """PostgreSQL without waiting for its log: a power cut may take the last commits."""
    from sqlalchemy import event

    from server.storage import database

    def lax(dbapi_connection: Any, _record: Any) -> None:
        was, dbapi_connection.autocommit = dbapi_connection.autocommit, True
        dbapi_connection.execute("SET synchronous_commit = off")
        dbapi_connection.autocommit = was

    make = database.Database.__init__

    def make_lax(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        event.listen(self.engine, "connect", lax)

    database.Database.__init__ = make_lax  # type: ignore[method-assign]
    _no_durability_check()


def _no_durability_check() -> None:
    from server.storage import database

    for name in ("require_durable", "check_durable", "check_durability"):
        if hasattr(database.Database, name):
            setattr(database.Database, name, lambda self: None)


@sabotage
def no_repeat_check(order: Order) -> None:
    """An entry sent again is taken for a new one; the key that would refuse it is gone from the table as well."""
    from server.delivery import journal_postgres, journal_sqlite
    from server.storage import database

    for steps in (journal_sqlite._SqliteSteps, journal_postgres._PostgresSteps):

        def read(self: Any, lines: Sequence[Any], original: Any = steps.read) -> Any:
            found = original(self, lines)
            found.stored.clear()
            return found

        steps.read = read  # type: ignore[method-assign]
    make = database.Database.__init__

    def make_lax(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        if self.is_sqlite:
            _drop_unique_key(str(self.url.database))

    database.Database.__init__ = make_lax  # type: ignore[method-assign]


def _drop_unique_key(path: str) -> None:
    import re

    with sqlite3.connect(path) as file:
        row = file.execute("SELECT sql FROM sqlite_master WHERE type='table' AND name='journal_entry'").fetchone()
        if row is None or "UNIQUE" not in row[0]:
            return
        lax = re.sub(r",\s*(CONSTRAINT\s+\S+\s+)?UNIQUE\s*\([^)]*\)", "", row[0]).replace(
            "journal_entry", "journal_lax", 1
        )
        file.execute(lax)
        file.execute("INSERT INTO journal_lax SELECT * FROM journal_entry")
        file.execute("DROP TABLE journal_entry")
        file.execute("ALTER TABLE journal_lax RENAME TO journal_entry")


@sabotage
def newest_arrival_wins(order: Order) -> None:
    """Every entry gets a number by its arrival, so that an old one that comes late overwrites a newer one."""
    from server.delivery import journal_sqlite

    original = journal_sqlite._SqliteSteps.append
    state = {"last": 1_000_000}

    def append(self: Any, rows: Sequence[tuple[Any, Any]], attempts: Any) -> None:
        renumbered = []
        for line, outcome in rows:
            state["last"] += 1
            renumbered.append((dataclasses.replace(line, client_seq=state["last"]), outcome))
        original(self, renumbered, attempts)

    journal_sqlite._SqliteSteps.append = append  # type: ignore[method-assign]


@sabotage
def no_epoch_check(order: Order) -> None:
    """A page that lost the pen goes on writing."""
    from server.delivery import journal

    original = journal.judge_entry

    def judge(**facts: Any) -> Any:
        return original(**{**facts, "entry_epoch": facts["epoch_of_attempt"]})

    journal.judge_entry = judge


@sabotage
def trust_client_clock(order: Order) -> None:
    """The moment of receipt is what the candidate's own clock says."""
    from datetime import UTC, datetime

    from server.delivery.services import record_answers

    original = record_answers.AnswerDesk._line

    def line(self: Any, candidate: Any, epoch: int, entry: Any, received_at: datetime, *others: Any) -> Any:
        claimed = datetime.fromtimestamp(entry.client_time_ms / 1000, UTC)
        return original(self, candidate, epoch, entry, claimed, *others)

    record_answers.AnswerDesk._line = line  # type: ignore[method-assign]


# ── disks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _around_commit(before: Callable[[], None]) -> None:
    """`before` runs in the thread or greenlet that commits a batch, on either database."""
    from server.delivery import journal_postgres, journal_sqlite

    for store in (journal_sqlite.SqliteJournal, journal_postgres.PostgresJournal):
        original = store.commit

        def commit(self: Any, lines: Sequence[Any], original: Any = original) -> Any:
            before()
            return original(self, lines)

        store.commit = commit  # type: ignore[method-assign]


@sabotage
def slow_commit(order: Order) -> None:
    """Every commit of answers takes [2] seconds longer, as on a disk that syncs slowly. SQLite waits in its real thread."""
    import gevent

    def wait() -> None:
        if order.is_on:
            seconds = order.number(2.0)
            (gevent.sleep if "gevent" in type(gevent.getcurrent()).__module__ else real_sleep)(seconds)

    _around_commit(wait)


@sabotage
def io_error(order: Order) -> None:
    """After [0] commits the disk answers with an error."""
    seen = {"commits": 0}

    def fail() -> None:
        seen["commits"] += 1
        if order.is_on and seen["commits"] > order.number(0):
            raise sqlite3.OperationalError("disk I/O error")

    _around_commit(fail)


@sabotage
def io_error_unseen(order: Order) -> None:
    """The disk fails and the writer says it has stored: the control of F29."""
    from server.delivery import writer
    from server.delivery.journal import BatchResult, Outcome

    original = writer.AnswerWriter._store_lines

    def store(self: Any, lines: Sequence[Any]) -> Any:
        if order.is_on:
            return BatchResult([Outcome("counted") for _ in lines])
        return original(self, lines)

    writer.AnswerWriter._store_lines = store  # type: ignore[method-assign]


@sabotage
def no_group_commit(order: Order) -> None:
    """Every answer is committed by itself: the control of F28."""
    from server.delivery import writer
    from server.delivery.journal import BatchResult

    original = writer.AnswerWriter._store_lines

    def store(self: Any, lines: Sequence[Any]) -> Any:
        whole = BatchResult()
        for line in lines:
            one = original(self, [line])
            whole.outcomes.extend(one.outcomes)
            whole.changed.update(one.changed)
        return whole

    writer.AnswerWriter._store_lines = store  # type: ignore[method-assign]


@sabotage
def no_freeze(order: Order) -> None:
    """Open sittings freeze nothing: the control of F41."""
    from server.safekeeping import freeze

    _replace_everywhere(freeze.check_start, lambda *arguments, **named: None)


@sabotage
def injected_clock(order: Order) -> None:
    """The machine's clocks, the wall and the running one, are ahead by the seconds that the file ARGUMENT holds."""
    from server.core import clock

    file = Path(order.argument)
    wall, running_s = clock.Machine.wall, clock.Machine.running_s

    def ahead_s() -> float:
        return float(file.read_text())

    def wall_ahead(self: Any) -> Any:
        return wall(self) + timedelta(seconds=ahead_s())

    clock.Machine.wall = wall_ahead  # type: ignore[method-assign]
    clock.Machine.running_s = lambda self: running_s(self) + ahead_s()  # type: ignore[method-assign]


# ── time, nodes, duties ──────────────────────────────────────────────────────────────────────────────────────────────


@sabotage
def no_outage_detection(order: Order) -> None:
    """Nobody looks whether the servers were away: no time is given back."""
    import server.app  # noqa: F401 - loads every user of it
    from server.takeover import outages

    _replace_everywhere(outages.detect_outage, lambda work, node_id, limits=None: None)


@sabotage
def machine_started_anew(order: Order) -> None:
    """The process believes that its machine was switched off and on: nothing but the wall clock tells how long it was away."""
    from server.core.clock import Machine

    Machine.boot_id = lambda self: f"after-{order.argument or 'power-cut'}"  # type: ignore[method-assign]


@sabotage
def time_by_the_wall(order: Order) -> None:
    """The process reads its machine's wall clock for every decision: the control of F20 and F21."""
    from server.core.clock import SteadyClock

    SteadyClock.now = lambda self: self.machine.wall()  # type: ignore[method-assign]


@sabotage
def no_room_cuts(order: Order) -> None:
    """Nobody looks whether a room was cut off."""
    import server.app  # noqa: F401
    from server.takeover.services import sweep_room_cuts as module

    _replace_everywhere(module.sweep_room_cuts, lambda uow, *rest: 0)


@sabotage
def lease_without_fencing(order: Order) -> None:
    """Every node believes to hold the single-actor duties, all the time."""
    import server.app  # noqa: F401
    from server.takeover import leases
    from server.takeover.domain.lease import LeaseState

    def take(uow: Any, duty: str, holder: str, ttl: Any = leases.TTL) -> LeaseState:
        return LeaseState(duty, holder, 1, uow.clock.now() + ttl)

    _replace_everywhere(leases.acquire_lease, take)
    _replace_everywhere(leases.require_lease, lambda session, lease, now: None)


@sabotage
def end_twice(order: Order) -> None:
    """An attempt that has ended is ended again by whoever comes: the guard of "once is once" is gone."""
    import gevent

    from server.delivery import ending
    from server.delivery.domain.states import AttemptState

    original = ending.end_attempt

    def end(work: Any, attempt: Any, how: Any, actor: Any, reason: str = "") -> bool:
        gevent.sleep(order.number(0.7))  # longer than a round of the duties: the other node has read its list meanwhile
        if AttemptState(attempt.state).is_final:
            attempt.state = AttemptState.ANSWERING.value
        return original(work, attempt, how, actor, reason)

    import server.app  # noqa: F401

    _replace_everywhere(original, end)


@sabotage
def no_seat_check(order: Order) -> None:
    """A candidate who sits somewhere may sit down elsewhere as well, without having been released."""
    from server.delivery.services import sign_in_candidate as module

    original = module._claim_device

    def claim(session: Any, attempt: Any, request: Any, *, is_final: bool) -> None:
        original(session, attempt, request, is_final=True)

    module._claim_device = claim


# ── the database's standby, and news between nodes ──────────────────────────────────────────────────────────────────


@sabotage
def believe_cancelled_waits(order: Order) -> None:
    """COMMIT said success, so it is one: the warning that it is on this server only goes unheard (control of F9)."""
    import psycopg

    from server.storage.postgres_connection import DurableConnection

    DurableConnection.commit = psycopg.Connection.commit  # type: ignore[method-assign]


@sabotage
def board_by_events_alone(order: Order) -> None:
    """A board shows what it was told and never reads for itself (control of F10)."""
    from proctor import board_feed

    board_feed.REFRESH_S = 3600.0


@sabotage
def listener_gives_up(order: Order) -> None:
    """The listener to other nodes ends with the first broken line, silently, and nobody looks whether it hears (F11)."""
    import redis

    from server.adapters.redis_bus import RedisBus

    listen_once = RedisBus._listen_on_one_line

    def listen(self: Any) -> None:
        try:
            listen_once(self, 0.2)
        except (redis.RedisError, OSError):
            return

    RedisBus._listen = listen  # type: ignore[method-assign]
    RedisBus.is_deaf = property(lambda self: False)  # type: ignore[assignment,method-assign]


def _replace_everywhere(original: Any, new: Any) -> None:
    """Modules hold functions by name: put the new one wherever the old one is known."""
    found = 0
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is original:
                setattr(module, name, new)
                found += 1
    if not found:
        raise SystemExit(f"{original!r} is used nowhere: the sabotage does not fit the product any more")


def main() -> None:
    """Patch, then be `mingyuan`."""
    orders = parse(sys.argv.pop(1))
    for order in orders:
        SABOTAGES[order.name](order)
        print(f"sabotaged: {order.name} {order.argument}".rstrip(), file=sys.stderr, flush=True)
    from server.cli import app

    app()


if __name__ == "__main__":
    main()
