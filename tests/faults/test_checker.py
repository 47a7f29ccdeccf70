"""Every invariant finds a violation that was planted, and nothing in a world that is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from scoring.models import Result
from scoring.services.confirm_results import confirm_results
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from server.audit.actions import AuditAction
from server.audit.log import record
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.ids import new_id
from server.core.permissions import Role
from server.delivery.models import Attempt, JournalEntry, TimeEntry
from server.rehearsal.history import History, Sent
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import somebody
from tests.factories.scheduling import STARTS_AT, a_vault
from tests.factories.scoring import ALL_RIGHT, ENDS_AT, SatSitting, a_sat_sitting
from tests.faults.checker import INVARIANTS, Effect, Evidence, InjectedOutage, Read, find_violations

MINUTE = timedelta(minutes=1)


@dataclass
class World:
    uow: UnitOfWork
    sat: SatSitting
    evidence: Evidence

    @property
    def attempt_id(self) -> str:
        return self.sat.attempts[0].id

    def write(self, statement: object) -> None:
        with self.uow() as work:
            work.session.execute(statement)  # type: ignore[call-overload]


@pytest.fixture
def world(sqlite_database: Database) -> World:
    """A sitting that everybody sat, told in every table and in the history; nothing is wrong in it."""
    vault = a_vault()
    uow = UnitOfWork(sqlite_database, InProcessBus(), ManualClock(ENDS_AT))
    history = History()
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, ALL_RIGHT])
        for attempt in sat.attempts:
            attempt.deadline_at = ENDS_AT
            for action in (AuditAction.DELIVERY_ATTEMPT_STARTED, AuditAction.DELIVERY_ATTEMPT_SUBMITTED):
                record(work, SYSTEM, action, f"attempt:{attempt.id}")
        for row in work.session.scalars(select(JournalEntry)):
            history.invoke(Sent(row.attempt_id, row.page_id, row.client_seq, row.item_ref, tuple(row.value)))
            history.ok((row.attempt_id, row.page_id, row.client_seq), "counted", 1.0)
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, somebody(Role.EXAM_CLERK, "考务员"))
    release_results(uow, sat.id, somebody(Role.OFFICE_HEAD, "办公室主任"))
    with uow.read() as session:
        results = session.scalars(select(Result)).all()
    evidence = Evidence(
        uow,
        history,
        papers={attempt.id: ["a", "a"] for attempt in sat.attempts},
        reads=[Read(sat.attempts[0].id, "i1", 1, 1, 1.0), Read(sat.attempts[0].id, "i1", 1, 2, 2.0)],
        outage_tolerance=timedelta(seconds=1),
        effects=[Effect(one.id, one.revision, one.attempt_id) for one in results],
        healed_s=[3.0],
    )
    return World(uow, sat, evidence)


def an_answer_vanishes(world: World) -> None:
    last = select(JournalEntry.entry_no).where(JournalEntry.attempt_id == world.attempt_id).limit(1).scalar_subquery()
    world.write(delete(JournalEntry).where(JournalEntry.entry_no == last))


def an_answer_nobody_sent(world: World) -> None:
    del world.evidence.history.sent[next(iter(world.evidence.history.sent))]


def an_older_answer_is_shown(world: World) -> None:
    world.evidence.reads.append(Read(world.attempt_id, "i1", 1, 1, 3.0))


def another_paper_after_the_swap(world: World) -> None:
    world.evidence.papers[world.attempt_id].append("b")


def an_outage_nobody_gave_back(world: World) -> None:
    room = world.sat.attempts[0].room_id
    world.evidence.outages.append(InjectedOutage(STARTS_AT + 10 * MINUTE, STARTS_AT + 12 * MINUTE, room))


def a_deadline_that_is_not_the_ledgers(world: World) -> None:
    world.write(update(Attempt).where(Attempt.id == world.attempt_id).values(deadline_at=ENDS_AT + 5 * MINUTE))


def an_answer_long_after_the_end(world: World) -> None:
    world.write(
        update(JournalEntry).where(JournalEntry.attempt_id == world.attempt_id).values(received_at=ENDS_AT + MINUTE)
    )


def an_answer_in_time_that_was_refused(world: World) -> None:
    world.write(
        update(JournalEntry).where(JournalEntry.attempt_id == world.attempt_id).values(standing="late", late_by_ms=0)
    )


def an_old_page_writes_between(world: World) -> None:
    rows = (
        select(JournalEntry.entry_no).where(JournalEntry.attempt_id == world.attempt_id).order_by(JournalEntry.entry_no)
    )
    with world.uow.read() as session:
        first = session.scalars(rows).first()
    world.write(update(JournalEntry).where(JournalEntry.entry_no == first).values(epoch=2))


def a_second_ending(world: World) -> None:
    with world.uow() as work:
        record(work, SYSTEM, AuditAction.DELIVERY_ATTEMPT_TIMED_OUT, f"attempt:{world.attempt_id}")


def a_receipt_for_other_answers(world: World) -> None:
    world.write(update(Attempt).where(Attempt.id == world.attempt_id).values(answers_digest="0" * 64))


def a_dropped_audit_row(world: World) -> None:
    world.write(delete(AuditEntry).where(AuditEntry.seq == 2))


def a_start_without_a_record(world: World) -> None:
    with world.uow() as work:
        record(work, SYSTEM, AuditAction.DELIVERY_ATTEMPT_STARTED, f"attempt:{world.attempt_id}")


def a_result_twice(world: World) -> None:
    world.evidence.effects.append(world.evidence.effects[0])


def a_result_that_never_came(world: World) -> None:
    world.evidence.effects.pop()


def somebody_elses_result(world: World) -> None:
    world.evidence.effects.append(replace(world.evidence.effects[0], result_id="other"))


def a_fault_that_lasted(world: World) -> None:
    world.evidence.healed_s.append(31.0)


PLANTED: list[tuple[str, Callable[[World], None]]] = [
    ("I1", an_answer_vanishes),
    ("I2", an_answer_nobody_sent),
    ("I3", an_older_answer_is_shown),
    ("I4", another_paper_after_the_swap),
    ("I5", an_outage_nobody_gave_back),
    ("I5", a_deadline_that_is_not_the_ledgers),
    ("I6", an_answer_long_after_the_end),
    ("I6", an_answer_in_time_that_was_refused),
    ("I7", an_old_page_writes_between),
    ("I8", a_second_ending),
    ("I8", a_receipt_for_other_answers),
    ("I9", a_dropped_audit_row),
    ("I9", a_start_without_a_record),
    ("I10", a_result_twice),
    ("I10", a_result_that_never_came),
    ("I10", somebody_elses_result),
    ("I12", a_fault_that_lasted),
]


def test_a_whole_world_is_found_whole(world: World) -> None:
    assert find_violations(world.evidence) == {}


def test_every_invariant_has_a_planted_violation() -> None:
    assert {name for name, _ in PLANTED} == set(INVARIANTS)


@pytest.mark.parametrize(("invariant", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_a_planted_violation_is_found(world: World, invariant: str, plant: Callable[[World], None]) -> None:
    plant(world)
    assert find_violations(world.evidence, [invariant]).get(invariant)


def test_a_late_answer_that_an_outage_explains_is_right(world: World) -> None:
    an_answer_long_after_the_end(world)
    attempt = world.sat.attempts[0]
    with world.uow() as work:
        work.session.add(
            TimeEntry(
                id=new_id(), scope="room", sitting_id=attempt.sitting_id, room_id=attempt.room_id, kind="interruption",
                from_at=ENDS_AT - MINUTE, to_at=ENDS_AT + 2 * MINUTE, cause="lan_outage", status="provisional",
                made_by="system", made_at=ENDS_AT,
            )
        )  # fmt: skip
    assert not find_violations(world.evidence, ["I6"])
