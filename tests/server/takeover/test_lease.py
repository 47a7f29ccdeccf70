"""Leases: one holder at a time, and a number that fences off the one before."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.clock import ManualClock
from server.core.errors import Conflict
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.lease import LeaseState, give_up_lease, take_lease
from server.takeover.leases import acquire_lease, read_lease, release_lease, require_lease
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


@pytest.mark.parametrize("stored", [None, "old"])
def test_of_many_nodes_that_ask_together_one_gets_the_lease(
    uow: UnitOfWork, clock: ManualClock, stored: str | None
) -> None:
    if stored:
        acquire_lease(uow, "sweep", stored, TTL)
        clock.advance(10)
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
    with uow() as work:
        require_lease(work.session, frozen, clock.now())
    clock.advance(4)
    assert acquire_lease(uow, "sweep", "b", TTL) is not None
    with uow() as work, pytest.raises(Conflict, match="LEASE_LOST"):
        require_lease(work.session, frozen, clock.now())
    release_lease(uow, frozen)  # harmless
    assert acquire_lease(uow, "sweep", "a", TTL) is None


def test_a_lease_that_ran_out_is_no_right_to_write(uow: UnitOfWork, clock: ManualClock) -> None:
    lease = acquire_lease(uow, "sweep", "a", TTL)
    clock.advance(timedelta(seconds=3))
    with uow() as work, pytest.raises(Conflict, match="LEASE_LOST"):
        require_lease(work.session, lease, clock.now())  # type: ignore[arg-type]


def test_a_released_lease_passes_on_at_once(uow: UnitOfWork) -> None:
    lease = acquire_lease(uow, "sweep", "a", TTL)
    release_lease(uow, lease)  # type: ignore[arg-type]
    assert acquire_lease(uow, "sweep", "b", TTL).generation == 2  # type: ignore[union-attr]
