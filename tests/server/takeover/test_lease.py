"""Leases: one holder at a time, and a number that fences off the one before."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import InternalError, OperationalError

from server.core.bus import InProcessBus
from server.core.clock import ManualClock, SystemClock
from server.core.errors import Conflict
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.lease import LeaseState, give_up_lease, take_lease
from server.takeover.leases import (
    FencedUnitOfWork,
    acquire_lease,
    lease_time,
    read_lease,
    release_lease,
    require_lease,
)
from server.takeover.models import Lease
from tests.moments import SECOND, START

TTL = 3 * SECOND


def take(current: LeaseState | None, holder: str, at: float) -> LeaseState | None:
    return take_lease(current, duty="sweep", holder=holder, now=START + at * SECOND, ttl=TTL)


def test_a_free_lease_goes_to_whoever_asks_and_then_to_nobody_else() -> None:
    first = take(None, "a", 0)
    assert first == LeaseState("sweep", "a", 1, START + TTL)
    assert take(first, "b", 2.9) is None
    assert take(first, "a", 2) == LeaseState("sweep", "a", 1, START + 5 * SECOND)


def test_a_lease_that_ran_out_gets_a_new_number_even_for_its_former_holder() -> None:
    first = take(None, "a", 0)
    assert take(first, "b", 3).generation == 2  # type: ignore[union-attr]
    assert take(first, "a", 3).generation == 2  # type: ignore[union-attr]


def test_a_lease_given_up_is_free_at_once() -> None:
    first = take(None, "a", 0)
    assert first is not None
    assert take(give_up_lease(first, START + SECOND), "b", 1).generation == 2  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=30))
def test_generations_never_fall_and_change_with_every_new_holder(asks: list[tuple[str, int]]) -> None:
    current: LeaseState | None = None
    at = 0
    for holder, pause in asks:
        at += pause
        taken = take(current, holder, at)
        if taken is None:
            assert current is not None
            assert current.holder != holder
            continue
        if current is not None:
            assert taken.generation >= current.generation
            assert taken.holder == current.holder or taken.generation > current.generation
        current = taken


# --- Stored -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def test_without_compare_and_set_two_nodes_believe_they_hold_the_lease(uow: UnitOfWork) -> None:
    """The race itself: without it the next test would prove nothing."""
    with uow.read() as session:
        seen_by_a = take(read_lease(session, "sweep"), "a", 0)
    with uow.read() as session:
        seen_by_b = take(read_lease(session, "sweep"), "b", 0)
    for wanted in (seen_by_a, seen_by_b):
        assert wanted is not None  # each was told: yours
        with uow() as work:
            work.session.merge(
                Lease(duty="sweep", holder=wanted.holder, generation=wanted.generation, expires_at=wanted.expires_at)
            )
    with uow.read() as session:
        assert read_lease(session, "sweep") == seen_by_b
        require_lease(session, seen_by_b, START)  # and the first one, too, still has a number that looks right
        assert seen_by_a.generation == seen_by_b.generation  # type: ignore[union-attr]


def let_pass(uow: UnitOfWork, clock: ManualClock, seconds: float) -> None:
    """So much later. PostgreSQL's own clock cannot be moved by hand: there the stored leases grow older instead."""
    clock.advance(seconds)
    if not uow.database.is_sqlite:
        with uow() as work:
            for lease in work.session.scalars(select(Lease)):
                lease.expires_at -= timedelta(seconds=seconds)


def show(uow: UnitOfWork, lease: LeaseState | None) -> None:
    """Write under the lease."""
    assert lease is not None
    with uow() as work:
        require_lease(work.session, lease, lease_time(work.session, work.clock))


@pytest.mark.parametrize("stored", [None, "old"])
def test_of_many_nodes_that_ask_together_one_gets_the_lease(
    uow: UnitOfWork, clock: ManualClock, stored: str | None
) -> None:
    if stored:
        acquire_lease(uow, "sweep", stored, TTL)
        let_pass(uow, clock, 10)
    start, got = threading.Barrier(6), []

    def ask(holder: str) -> None:
        start.wait()
        lease = acquire_lease(uow, "sweep", holder, TTL)
        if lease is not None:
            got.append(lease)

    threads = [threading.Thread(target=ask, args=(f"node-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    with uow.read() as session:
        assert read_lease(session, "sweep") == got[0]


def test_whoever_was_frozen_is_fenced_off(uow: UnitOfWork, clock: ManualClock) -> None:
    frozen = acquire_lease(uow, "sweep", "a", TTL)
    assert frozen is not None
    show(uow, frozen)
    let_pass(uow, clock, 4)
    assert acquire_lease(uow, "sweep", "b", TTL) is not None
    with pytest.raises(Conflict, match="LEASE_LOST"):
        show(uow, frozen)
    release_lease(uow, frozen)  # harmless
    assert acquire_lease(uow, "sweep", "a", TTL) is None


def test_a_lease_that_ran_out_is_no_right_to_write(uow: UnitOfWork, clock: ManualClock) -> None:
    lease = acquire_lease(uow, "sweep", "a", TTL)
    let_pass(uow, clock, 3)
    with pytest.raises(Conflict, match="LEASE_LOST"):
        show(uow, lease)


def test_a_released_lease_passes_on_at_once(uow: UnitOfWork) -> None:
    lease = acquire_lease(uow, "sweep", "a", TTL)
    release_lease(uow, lease)  # type: ignore[arg-type]
    assert acquire_lease(uow, "sweep", "b", TTL).generation == 2  # type: ignore[union-attr]


def test_every_transaction_of_a_fenced_duty_shows_the_lease(uow: UnitOfWork, clock: ManualClock) -> None:
    held: list[LeaseState | None] = [acquire_lease(uow, "sweep", "a", TTL)]
    fenced = FencedUnitOfWork(uow, lambda: held[0])
    with fenced() as work:
        work.session.add(Lease(duty="written", holder="a", generation=1, expires_at=START))
    let_pass(uow, clock, 4)
    assert acquire_lease(uow, "sweep", "b", TTL) is not None
    with pytest.raises(Conflict, match="LEASE_LOST"), fenced() as work:
        work.session.add(Lease(duty="too late", holder="a", generation=1, expires_at=START))
    held[0] = None
    with pytest.raises(Conflict, match="LEASE_LOST"), fenced():
        pytest.fail("nothing may be begun without a lease")
    with uow.read() as session:
        assert session.get(Lease, "written") is not None
        assert session.get(Lease, "too late") is None


@pytest.mark.postgres
def test_nobody_takes_the_lease_while_a_duty_writes_and_a_frozen_writer_is_cut_off(postgres_database: Database) -> None:
    uow = UnitOfWork(postgres_database, InProcessBus(), SystemClock())
    short = timedelta(milliseconds=300)
    lease = acquire_lease(uow, "sweep", "a", short)
    fenced = FencedUnitOfWork(uow, lambda: lease)

    def write_and_freeze() -> None:
        with fenced() as work:
            time.sleep(0.4)  # it ran out, and its holder is still writing
            with pytest.raises(OperationalError, match="lock timeout"):
                acquire_lease(uow, "sweep", "b", TTL)
            work.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '200ms'"))
            time.sleep(1.0)
            assert acquire_lease(uow, "sweep", "b", TTL) is not None

    with pytest.raises(InternalError, match="idle-in-transaction"):
        write_and_freeze()
    with uow.read() as session:
        assert read_lease(session, "sweep").holder == "b"  # type: ignore[union-attr]


@pytest.mark.postgres
def test_a_node_whose_clock_is_wrong_takes_nothing_from_others(postgres_database: Database) -> None:
    right = UnitOfWork(postgres_database, InProcessBus(), SystemClock())
    clock = ManualClock(SystemClock().now() + timedelta(minutes=10))
    ahead = UnitOfWork(postgres_database, InProcessBus(), clock)
    assert acquire_lease(right, "sweep", "a", TTL) is not None
    assert acquire_lease(ahead, "sweep", "b", TTL) is None
    clock.jump(-timedelta(minutes=20))
    assert acquire_lease(ahead, "other", "b", TTL) is not None
    assert acquire_lease(right, "other", "a", TTL) is None, "the lease of a slow node lives as long as any"
