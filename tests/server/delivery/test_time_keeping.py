"""The clock with its data: ledger rows, stored deadlines, and the words for time given back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from server.audit.log import verify
from server.core.actor import SYSTEM, Actor
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from server.core.events import AlarmRaised, AttemptChanged, ClockChanged, Event
from server.core.permissions import Role
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowStatus
from server.delivery.domain.time_rules import ClockPhase
from server.delivery.models import Attempt
from server.delivery.queries import answers_digest, counted_flags, counted_responses
from server.delivery.services.close_interruption import close_interruption
from server.delivery.services.decide_time import decide_time
from server.delivery.services.grant_time import grant_time
from server.delivery.services.open_interruption import open_interruption
from server.delivery.time_keeping import given_back, read_clock, refresh_deadlines, room_clock
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import somebody
from tests.factories.delivery import RunningRoom, a_journal_entry, a_time_entry, running_rooms
from tests.moments import END, LIMIT_30, MINUTE, SECOND, START

PROCTOR = Actor("proctor-1", Role.PROCTOR, "监考甲")
DEPUTY = Actor("proctor-2", Role.PROCTOR, "监考乙")
HEAD = somebody(Role.OFFICE_HEAD)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 10 * MINUTE)


@pytest.fixture
def room(uow: UnitOfWork) -> RunningRoom:
    return running_rooms(uow)[0]


def attempt_of(uow: UnitOfWork, attempt_id: str) -> Attempt:
    with uow.read() as session:
        attempt = session.get_one(Attempt, attempt_id)
        session.expunge(attempt)
        return attempt


def deadline(uow: UnitOfWork, attempt_id: str) -> datetime | None:
    return attempt_of(uow, attempt_id).deadline_at


# --- Stored deadlines -------------------------------------------------------------------------------------------------


def test_deadlines_are_stored_for_every_open_attempt(uow: UnitOfWork, room: RunningRoom) -> None:
    for attempt_id in room.attempt_ids:
        assert attempt_of(uow, attempt_id).deadline_at == END
        assert attempt_of(uow, attempt_id).earliest_submit_at == LIMIT_30


def test_a_room_row_moves_its_room_and_no_other(uow: UnitOfWork, published: list[Event]) -> None:
    here, there = running_rooms(uow, rooms=2)
    published.clear()
    with uow() as work:
        a_time_entry(
            work.session, sitting_id=here.sitting_id, room_id=here.room_id, from_at=START, to_at=START + 7 * MINUTE
        )
        assert refresh_deadlines(work, here.sitting_id, here.room_id, reason="lan_outage") == 3
    assert deadline(uow, here.attempt_ids[0]) == END + 7 * MINUTE
    assert attempt_of(uow, here.attempt_ids[0]).earliest_submit_at == LIMIT_30 + 7 * MINUTE
    assert deadline(uow, there.attempt_ids[0]) == END
    assert published == [ClockChanged(sitting_id=here.sitting_id, room_id=here.room_id, reason="lan_outage")]


def test_a_sitting_row_tells_every_room(uow: UnitOfWork, published: list[Event]) -> None:
    rooms = running_rooms(uow, rooms=2)
    published.clear()
    with uow() as work:
        a_time_entry(work.session, sitting_id=rooms[0].sitting_id, from_at=START, to_at=START + MINUTE)
        refresh_deadlines(work, rooms[0].sitting_id)
    assert {event.room_id for event in published} == {room.room_id for room in rooms}
    assert {deadline(uow, room.attempt_ids[0]) for room in rooms} == {END + MINUTE}


def test_approved_extra_time_is_part_of_the_deadline(uow: UnitOfWork, room: RunningRoom) -> None:
    from server.scheduling.models import AdmissionTicket

    with uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        work.session.get_one(AdmissionTicket, attempt.ticket_id).extra_time_percent = 20
        refresh_deadlines(work, room.sitting_id)
    assert deadline(uow, room.attempt_ids[0]) == END + 18 * MINUTE
    with uow.read() as session:
        assert read_clock(session, attempt, uow.clock.now()).ends_at == END + 18 * MINUTE
        assert room_clock(session, room.sitting_id, room.room_id, uow.clock.now()).ends_at == END


def test_ended_attempts_keep_the_deadline_they_had(uow: UnitOfWork, room: RunningRoom) -> None:
    with uow() as work:
        work.session.get_one(Attempt, room.attempt_ids[0]).state = AttemptState.SUBMITTED.value
        a_time_entry(work.session, sitting_id=room.sitting_id, from_at=START, to_at=START + MINUTE)
        assert refresh_deadlines(work, room.sitting_id) == 2
    assert deadline(uow, room.attempt_ids[0]) == END


# --- Words ------------------------------------------------------------------------------------------------------------


def test_time_given_back_is_said_in_words_of_the_clock_on_the_wall(uow: UnitOfWork, room: RunningRoom) -> None:
    with uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        a_time_entry(
            work.session, sitting_id=room.sitting_id, room_id=room.room_id,
            from_at=START + 72 * MINUTE, to_at=START + 79 * MINUTE,
        )  # fmt: skip
        a_time_entry(work.session, attempt, cause="pc_failure", from_at=START + 75 * MINUTE, to_at=START + 80 * MINUTE)
        a_time_entry(work.session, attempt, kind="grant", cause="proctor_grant", grant_ms=90_000)
        told = given_back(work.session, attempt, START + 82 * MINUTE)
        gained = read_clock(work.session, attempt, START + 82 * MINUTE)
    assert [line.words_zh for line in told] == [
        "因 10:12—10:19 网络中断，已为您补时 7 分 00 秒",
        "因 10:15—10:20 考试机故障，已为您补时 1 分 00 秒",
        "监考员批准：已为您补时 1 分 30 秒",
    ]
    assert told[0].words_en == "Network failure 10:12—10:19: 7 min 00 s given back to you"
    assert sum(line.seconds for line in told) == (gained.lost + gained.granted).total_seconds()


# --- Seat interruptions -----------------------------------------------------------------------------------------------


def suspend(uow: UnitOfWork, room: RunningRoom, actor: Actor = PROCTOR, **changes: object) -> str:
    with uow() as work:
        return open_interruption(
            work, sitting_id=room.sitting_id, room_id=room.room_id, attempt_id=room.attempt_ids[0],
            cause="pc_failure", reason="蓝屏", actor=actor, **changes,  # type: ignore[arg-type]
        ).id  # fmt: skip


def resume(uow: UnitOfWork, room: RunningRoom, actor: Actor = PROCTOR, **changes: object) -> str:
    with uow() as work:
        return close_interruption(
            work, sitting_id=room.sitting_id, room_id=room.room_id, attempt_id=room.attempt_ids[0],
            reason="已换机", actor=actor, **changes,  # type: ignore[arg-type]
        ).id  # fmt: skip


def test_a_suspended_candidate_has_no_deadline_and_gets_the_time_back(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, published: list[Event]
) -> None:
    suspend(uow, room)
    assert attempt_of(uow, room.attempt_ids[0]).state == AttemptState.SUSPENDED
    assert deadline(uow, room.attempt_ids[0]) is None
    clock.advance(4 * MINUTE)
    with uow.read() as session:
        reading = read_clock(session, session.get_one(Attempt, room.attempt_ids[0]), clock.now())
    assert reading.phase is ClockPhase.SUSPENDED
    assert reading.remaining == 80 * MINUTE
    resume(uow, room)
    assert attempt_of(uow, room.attempt_ids[0]).state == AttemptState.ANSWERING
    assert deadline(uow, room.attempt_ids[0]) == END + 4 * MINUTE
    assert deadline(uow, room.attempt_ids[1]) == END
    assert [event.what for event in published if isinstance(event, AttemptChanged)] == ["suspended", "resumed"]
    with uow.read() as session:
        assert verify(session).ok


def test_time_that_is_only_proposed_counts_after_somebody_confirms_it(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, published: list[Event]
) -> None:
    suspend(uow, room, SYSTEM)
    clock.advance(4 * MINUTE)
    entry_id = resume(uow, room, SYSTEM)
    assert deadline(uow, room.attempt_ids[0]) == END
    assert any(isinstance(event, AlarmRaised) and event.kind == "time_proposal" for event in published)
    with uow() as work:
        assert (
            decide_time(work, entry_id=entry_id, decision="confirm", reason="", actor=PROCTOR).status
            == RowStatus.CONFIRMED
        )
    assert deadline(uow, room.attempt_ids[0]) == END + 4 * MINUTE


def test_an_interruption_noticed_later_begins_at_the_last_life_sign(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    clock.advance(MINUTE)
    suspend(uow, room, since=START + 10 * MINUTE + 15 * SECOND)
    clock.advance(MINUTE)
    resume(uow, room)
    assert deadline(uow, room.attempt_ids[0]) == END + MINUTE + 45 * SECOND


def test_a_seat_is_suspended_once(uow: UnitOfWork, room: RunningRoom) -> None:
    suspend(uow, room)
    with pytest.raises(Conflict, match="ALREADY_SUSPENDED"):
        suspend(uow, room)
    resume(uow, room)
    with pytest.raises(Conflict, match="NOT_SUSPENDED"):
        resume(uow, room)


def test_after_the_end_there_is_nothing_to_interrupt(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    clock.advance(80 * MINUTE)
    with pytest.raises(Conflict, match="TIME_OVER"):
        suspend(uow, room)


def test_an_attempt_of_another_room_is_not_found(uow: UnitOfWork) -> None:
    here, there = running_rooms(uow, rooms=2)
    with uow() as work, pytest.raises(NotFound):
        open_interruption(
            work, sitting_id=here.sitting_id, room_id=here.room_id, attempt_id=there.attempt_ids[0],
            cause="pc_failure", reason="", actor=PROCTOR,
        )  # fmt: skip


def test_a_seat_over_the_limit_is_resumed_but_its_time_is_confirmed_by_the_office(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    suspend(uow, room)
    clock.advance(30 * MINUTE + SECOND)
    entry_id = resume(uow, room)
    assert deadline(uow, room.attempt_ids[0]) == END
    with uow() as work, pytest.raises(Forbidden, match="DECISION_NEEDS_OFFICE"):
        decide_time(work, entry_id=entry_id, decision="confirm", reason="", actor=PROCTOR)
    with uow() as work:
        decide_time(work, entry_id=entry_id, decision="confirm", reason="停电", actor=HEAD)
    assert deadline(uow, room.attempt_ids[0]) == END + 30 * MINUTE + SECOND


# --- Room interruptions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "status"), [(29.5, "confirmed"), (30, "confirmed"), (30.5, "awaiting_decision")])
def test_a_room_over_the_limit_waits_for_a_decision(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, minutes: float, status: str
) -> None:
    whom = {"sitting_id": room.sitting_id, "room_id": room.room_id}
    with uow() as work:
        open_interruption(work, **whom, cause="lan_outage", reason="停电", actor=PROCTOR)
    assert deadline(uow, room.attempt_ids[0]) is None
    clock.advance(minutes * MINUTE)
    with uow() as work:
        assert close_interruption(work, **whom, reason="来电", actor=PROCTOR).status == status
    given_back_in_full = END + minutes * MINUTE
    assert deadline(uow, room.attempt_ids[0]) == (given_back_in_full if status == "confirmed" else None)
    if status == "awaiting_decision":
        with uow() as work, pytest.raises(Conflict, match="AWAITING_DECISION"):
            close_interruption(work, **whom, reason="", actor=PROCTOR)


# --- Grants -----------------------------------------------------------------------------------------------------------


def grant(uow: UnitOfWork, room: RunningRoom, minutes: float, actor: Actor = PROCTOR, seats: int = 1) -> list[str]:
    with uow() as work:
        entries = grant_time(
            work, sitting_id=room.sitting_id, room_id=room.room_id, attempt_ids=room.attempt_ids[:seats],
            amount=minutes * MINUTE, reason="空调漏水", actor=actor,
        )  # fmt: skip
        return [entry.id for entry in entries]


def test_a_small_grant_counts_at_once(uow: UnitOfWork, room: RunningRoom) -> None:
    grant(uow, room, 5, seats=2)
    assert [deadline(uow, each) for each in room.attempt_ids] == [END + 5 * MINUTE, END + 5 * MINUTE, END]


def test_a_grant_to_nobody_in_particular_is_the_rooms(uow: UnitOfWork, room: RunningRoom) -> None:
    assert len(grant(uow, room, 5, seats=0)) == 1
    assert {deadline(uow, each) for each in room.attempt_ids} == {END + 5 * MINUTE}


def test_a_large_grant_takes_another_person(uow: UnitOfWork, room: RunningRoom) -> None:
    [entry_id] = grant(uow, room, 10.5)
    assert deadline(uow, room.attempt_ids[0]) == END
    with uow() as work, pytest.raises(Forbidden, match="SECOND_PERSON_NEEDED"):
        decide_time(work, entry_id=entry_id, decision="confirm", reason="", actor=PROCTOR)
    with uow() as work:
        decide_time(work, entry_id=entry_id, decision="confirm", reason="", actor=DEPUTY)
    assert deadline(uow, room.attempt_ids[0]) == END + 10.5 * MINUTE
    with uow() as work, pytest.raises(Conflict, match="ALREADY_DECIDED"):
        decide_time(work, entry_id=entry_id, decision="confirm", reason="", actor=DEPUTY)


def test_a_large_grant_cannot_be_cut_into_small_ones(uow: UnitOfWork, room: RunningRoom) -> None:
    grant(uow, room, 6)
    grant(uow, room, 6)
    assert deadline(uow, room.attempt_ids[0]) == END + 6 * MINUTE


def test_a_grant_is_more_than_nothing_and_not_after_the_end(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    with pytest.raises(InvalidInput, match="GRANT_NOT_POSITIVE"):
        grant(uow, room, 0)
    clock.advance(80 * MINUTE)
    with pytest.raises(Conflict, match="TIME_OVER"):
        grant(uow, room, 5)


# --- Decisions --------------------------------------------------------------------------------------------------------


def test_a_row_is_taken_back_by_another_row(uow: UnitOfWork, room: RunningRoom) -> None:
    [entry_id] = grant(uow, room, 5)
    with uow() as work:
        assert (
            decide_time(work, entry_id=entry_id, decision="reverse", reason="误操作", actor=DEPUTY).reverses_id
            == entry_id
        )
    assert deadline(uow, room.attempt_ids[0]) == END
    with uow() as work, pytest.raises(Conflict, match="ALREADY_DECIDED"):
        decide_time(work, entry_id=entry_id, decision="reverse", reason="", actor=DEPUTY)


def test_an_amendment_is_a_reversal_and_a_new_row(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    entry_id = suspend(uow, room)
    with uow() as work, pytest.raises(Conflict, match="STILL_OPEN"):
        decide_time(work, entry_id=entry_id, decision="confirm", reason="", actor=PROCTOR)
    clock.advance(4 * MINUTE)
    resume(uow, room)
    with uow() as work:
        decide_time(work, entry_id=entry_id, decision="amend", amended=3 * MINUTE, reason="实际三分钟", actor=HEAD)
    assert deadline(uow, room.attempt_ids[0]) == END + 3 * MINUTE
    [grant_id] = grant(uow, room, 5)
    with uow() as work, pytest.raises(InvalidInput):
        decide_time(work, entry_id=grant_id, decision="amend", amended=timedelta(0), reason="", actor=HEAD)


# --- Responses --------------------------------------------------------------------------------------------------------


def test_counted_responses_come_from_the_journal(uow: UnitOfWork, room: RunningRoom) -> None:
    with uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        a_journal_entry(work.session, attempt, "q1", ["b", "a"])
        a_journal_entry(work.session, attempt, "q2", ["c"], standing="late")
        a_journal_entry(work.session, attempt, "q1", ["1"], kind="flag")
    with uow.read() as session:
        responses = counted_responses(session, room.attempt_ids[0])
        assert {ref: response.value for ref, response in responses.items()} == {"q1": ("a", "b")}
        assert counted_flags(session, room.attempt_ids[0]) == {"q1": True}
        assert len(answers_digest(responses)) == 64
        assert counted_responses(session, room.attempt_ids[1]) == {}
