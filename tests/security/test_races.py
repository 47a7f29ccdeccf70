"""Fifty at once: limits are kept by the database, not by luck (C4). On SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from server.adapters.throttle import InMemoryThrottle
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import Actor
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.errors import MingyuanError
from server.core.events import AttemptEnded, Event
from server.core.permissions import Role
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt, CandidateSession
from server.delivery.services.collect_attempts import collect_attempts
from server.delivery.services.sign_in_candidate import SignInRequest, sign_in_candidate
from server.delivery.services.submit_attempt import submit_attempt
from server.scheduling.models import AdmissionTicket, SittingRoom
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.delivery import running_rooms
from tests.factories.scheduling import PIN, a_vault
from tests.moments import MINUTE, START

MANY = 50


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 40 * MINUTE)


@pytest.fixture
def uow(database: Database, clock: ManualClock, told: list[Event]) -> UnitOfWork:
    bus = InProcessBus()
    bus.subscribe(told.append)
    return UnitOfWork(database, bus, clock)


@pytest.fixture
def vault() -> Vault:
    return a_vault()


def at_once(act: Callable[[int], Any]) -> list[Any]:
    """Fifty threads behind one gate; what each returned or was refused with."""
    gate, results = threading.Barrier(MANY), [None] * MANY

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = act(number)
        except MingyuanError as refusal:
            results[number] = refusal.code

    threads = [threading.Thread(target=run, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def audited(uow: UnitOfWork, action: AuditAction) -> int:
    with uow.read() as session:
        assert verify(session).ok
        return session.scalar(select(func.count()).where(AuditEntry.action == action.value)) or 0


def test_fifty_submissions_are_one_ending(uow: UnitOfWork, told: list[Event]) -> None:
    attempt_id = running_rooms(uow, candidates=1)[0].attempt_ids[0]
    actor = Actor(attempt_id, Role.CANDIDATE, "")
    results = at_once(lambda _: submit_attempt(uow, attempt_id, 1, actor))
    assert Counter(results) == {True: 1, False: MANY - 1}
    assert audited(uow, AuditAction.DELIVERY_ATTEMPT_SUBMITTED) == 1
    assert sum(isinstance(event, AttemptEnded) for event in told) == 1


def test_submissions_and_a_collection_are_one_ending(uow: UnitOfWork, told: list[Event]) -> None:
    room = running_rooms(uow, candidates=1)[0]
    attempt_id = room.attempt_ids[0]
    candidate, proctor = Actor(attempt_id, Role.CANDIDATE, ""), Actor(room.chief_id, Role.PROCTOR, "监考")

    def act(number: int) -> object:
        if number % 2:
            return submit_attempt(uow, attempt_id, 1, candidate)
        with uow() as work:
            return bool(collect_attempts(work, room.sitting_id, room.room_id, [attempt_id], proctor, "收卷"))

    assert Counter(at_once(act))[True] == 1
    ended = audited(uow, AuditAction.DELIVERY_ATTEMPT_SUBMITTED) + audited(uow, AuditAction.DELIVERY_ATTEMPT_COLLECTED)
    assert ended == 1
    assert sum(isinstance(event, AttemptEnded) for event in told) == 1
    with uow.read() as session:
        attempt = session.get_one(Attempt, attempt_id)
        assert attempt.state in {AttemptState.SUBMITTED, AttemptState.COLLECTED}
        assert attempt.receipt_code


def test_fifty_log_ins_of_one_ticket_are_one_seat(uow: UnitOfWork, vault: Vault, clock: ManualClock) -> None:
    room = running_rooms(uow, candidates=1, state=AttemptState.EXPECTED)[0]
    clock.jump(-50 * MINUTE)
    with uow() as work:
        work.session.get_one(SittingRoom, (room.sitting_id, room.room_id)).admission_opened_at = START - 15 * MINUTE
    with uow.read() as session:
        attempt = session.get_one(Attempt, room.attempt_ids[0])
        number = session.get_one(AdmissionTicket, attempt.ticket_id).number
    throttle = InMemoryThrottle(clock)

    def act(n: int) -> str:
        # Each from another machine, or the throttle would hold most of them back before the race.
        request = SignInRequest(number, PIN, f"{n:064x}", None, f"10.0.0.{n}")
        return sign_in_candidate(uow, vault, _Unthrottled(throttle), request).attempt_id

    results = Counter(at_once(act))
    assert results[attempt.id] == 1
    assert results["SEAT_IN_USE"] == MANY - 1
    with uow.read() as session:
        open_sessions = session.scalars(select(CandidateSession).where(CandidateSession.ended_at.is_(None))).all()
        assert len(open_sessions) == 1
        after = session.get_one(Attempt, attempt.id)
        assert after.device_hash == open_sessions[0].device_hash
        assert after.epoch == open_sessions[0].epoch


def test_fifty_guesses_at_once_do_not_slip_past_the_throttle(uow: UnitOfWork, vault: Vault, clock: ManualClock) -> None:
    throttle = InMemoryThrottle(clock)
    request = SignInRequest("123456789012345", "000000", "a" * 64, 1, "10.0.0.9")
    results = Counter(at_once(lambda _: sign_in_candidate(uow, vault, throttle, request)))
    assert results == {"TICKET_OR_PIN_WRONG": 5, "TOO_MANY_ATTEMPTS": MANY - 5}


def test_the_same_log_in_of_one_browser_many_times_leaves_one_session(
    uow: UnitOfWork, vault: Vault, clock: ManualClock
) -> None:
    room = running_rooms(uow, candidates=1)[0]
    with uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        number = work.session.get_one(AdmissionTicket, attempt.ticket_id).number
    clock.advance(timedelta(seconds=1))
    request = SignInRequest(number, PIN, "a" * 64, None, "10.0.0.9")
    throttle = _Unthrottled(InMemoryThrottle(clock))
    results = at_once(lambda _: sign_in_candidate(uow, vault, throttle, request).attempt_id)
    assert set(results) == {attempt.id}
    with uow.read() as session:
        alive = session.scalar(select(func.count()).where(CandidateSession.ended_at.is_(None)))
        assert alive == 1
        assert session.get_one(Attempt, attempt.id).epoch == 2, "one device, so one epoch"


class _Unthrottled:
    """Counts nothing."""

    def __init__(self, real: InMemoryThrottle) -> None:
        self._real = real

    def take(self, key: str, limit: object) -> str:
        return ""

    def give_back(self, key: str, ticket: str) -> None:
        self._real.give_back(key, ticket)

    def forget(self, key: str) -> None:
        self._real.forget(key)
