"""Server outages: found from the data, given back to the second, or put before a person."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import Actor
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden
from server.core.events import AlarmRaised, ClockChanged, Event
from server.core.permissions import Role
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_rules import ClockPhase, ExamClock
from server.delivery.models import Attempt, RoomMessage, TimeEntry
from server.delivery.queries import ledger_rows
from server.delivery.services.decide_time import decide_time
from server.delivery.time_keeping import given_back, read_clock, room_clock
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.outage_rules import NodeCondition
from server.takeover.models import Outage, OutageReport
from server.takeover.queries import awaiting_decision, list_nodes, undecided_time
from server.takeover.services.beat import beat
from server.takeover.services.decide_outage import Decision, decide_outage
from server.takeover.services.register_node import Registered, register_node
from server.takeover.services.report_client_gap import report_client_gap
from server.takeover.services.report_outage import report_outage
from server.takeover.services.stop_node import stop_node
from tests.factories.delivery import RunningRoom, a_journal_entry, running_rooms
from tests.moments import DURATION, END, LIMIT_30, MINUTE, SECOND, START

HEAD = Actor("head", Role.OFFICE_HEAD, "主任")
CLERK = Actor("clerk", Role.EXAM_CLERK, "考务")
PROCTOR = Actor("proctor", Role.PROCTOR, "监考")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 72 * MINUTE)


@pytest.fixture
def room(uow: UnitOfWork) -> RunningRoom:
    return running_rooms(uow)[0]


def a_node(uow: UnitOfWork) -> Registered:
    return register_node(uow, name="node-1", address="http://10.0.0.1:8600")


def restart_after(uow: UnitOfWork, clock: ManualClock, down: timedelta) -> Registered:
    """A node runs, is killed, and comes back so much later."""
    a_node(uow)
    clock.advance(down)
    return a_node(uow)


def clock_of(uow: UnitOfWork, attempt_id: str) -> ExamClock:
    with uow.read() as session:
        return read_clock(session, session.get_one(Attempt, attempt_id), uow.clock.now())


def stored_deadline(uow: UnitOfWork, attempt_id: str) -> datetime | None:
    with uow.read() as session:
        return session.scalar(select(Attempt.deadline_at).where(Attempt.id == attempt_id))


# --- Found ------------------------------------------------------------------------------------------------------------


def test_a_restart_in_mid_exam_gives_the_lost_time_back_at_once_and_says_so(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, published: list[Event]
) -> None:
    before = clock_of(uow, room.attempt_ids[0]).remaining
    published.clear()
    outage = restart_after(uow, clock, 7 * MINUTE).outage
    assert outage is not None
    assert (outage.from_at, outage.to_at) == (START + 72 * MINUTE, START + 79 * MINUTE)
    assert clock_of(uow, room.attempt_ids[0]).remaining == before
    assert {stored_deadline(uow, each) for each in room.attempt_ids} == {END + 7 * MINUTE}
    with uow.read() as session:
        told = given_back(session, session.get_one(Attempt, room.attempt_ids[0]), clock.now())
        assert [line.words_zh for line in told] == ["因 10:12—10:19 服务器故障，已为您补时 7 分 00 秒"]
        [row] = undecided_time(session, room.sitting_id)
        assert (row.status, row.cause, row.made_by) == ("provisional", "server_outage", "system")
        actions = list(session.scalars(select(AuditEntry.action)))
        assert actions.count(AuditAction.TAKEOVER_OUTAGE_DETECTED) == 1
        assert verify(session).ok
    assert ClockChanged(sitting_id=room.sitting_id, room_id=room.room_id, reason="server_outage") in published


def test_an_outage_in_the_first_minutes_moves_entry_and_earliest_submission_too(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    clock.jump(-62 * MINUTE)
    restart_after(uow, clock, 7 * MINUTE)
    with uow.read() as session:
        reading = room_clock(session, room.sitting_id, room.room_id, clock.now())
    assert reading.late_entry_ends_at == reading.earliest_submit_at == LIMIT_30 + 7 * MINUTE


def test_the_outage_begins_at_the_last_thing_that_was_written(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    a_node(uow)
    with uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        a_journal_entry(work.session, attempt, received_at=clock.now() + timedelta(seconds=0.4))
    clock.advance(MINUTE)
    outage = a_node(uow).outage
    assert outage is not None
    assert outage.from_at == START + 72 * MINUTE + timedelta(seconds=0.4)


def test_answers_that_are_stored_before_the_first_beat_do_not_hide_the_outage(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    node = a_node(uow)
    clock.advance(MINUTE)
    with uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        a_journal_entry(work.session, attempt, received_at=clock.now())
    clock.advance(timedelta(seconds=0.4))
    outage = beat(uow, node.node_id)
    assert outage is not None
    assert (outage.from_at, outage.to_at) == (START + 72 * MINUTE, START + 73 * MINUTE)


def test_a_late_beat_is_no_outage_while_answers_are_stored(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    node = a_node(uow)
    for _ in range(4):
        clock.advance(timedelta(seconds=0.9))
        with uow() as work:
            attempt = work.session.get_one(Attempt, room.attempt_ids[0])
            a_journal_entry(work.session, attempt, received_at=clock.now())
    assert beat(uow, node.node_id) is None


def test_a_quick_change_of_nodes_is_no_outage(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    assert restart_after(uow, clock, SECOND).outage is None
    assert stored_deadline(uow, room.attempt_ids[0]) == END


def test_a_restart_of_two_seconds_gives_two_seconds_back(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    assert restart_after(uow, clock, 2 * SECOND).outage is not None
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 2 * SECOND


def test_a_running_node_that_is_late_for_a_moment_is_no_outage(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    node = a_node(uow)
    clock.advance(SECOND)
    assert beat(uow, node.node_id) is None
    assert stored_deadline(uow, room.attempt_ids[0]) == END


def test_short_cuts_add_up_to_the_millisecond(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    node = a_node(uow)
    for cut in (1.2, 2.9, 1.001):
        clock.advance(cut)
        assert beat(uow, node.node_id) is not None
        clock.advance(0.5)
        assert beat(uow, node.node_id) is None
    assert stored_deadline(uow, room.attempt_ids[0]) == END + timedelta(seconds=5.101)


def test_a_clean_restart_of_a_moment_is_given_back_too_unless_another_node_serves(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    node = a_node(uow)
    stop_node(uow, node.node_id)
    clock.advance(0.7)
    again = a_node(uow)
    assert again.outage is not None
    assert stored_deadline(uow, room.attempt_ids[0]) == END + timedelta(seconds=0.7)

    clock.advance(0.4)
    beat(uow, again.node_id)
    second = register_node(uow, name="node-2", address="")
    clock.advance(0.4)
    stop_node(uow, second.node_id)
    clock.advance(0.2)
    assert register_node(uow, name="node-2", address="").outage is None, "node-1 beat 0.6 s ago: somebody serves"


def test_while_one_node_beats_the_coming_of_another_is_no_outage(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    first = a_node(uow)
    for _ in range(20):
        clock.advance(timedelta(seconds=0.5))
        assert beat(uow, first.node_id) is None
    assert register_node(uow, name="node-2", address="").outage is None
    clock.advance(10)
    assert beat(uow, first.node_id) is not None


def test_a_frozen_node_gives_the_time_back_when_it_wakes(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    node = a_node(uow)
    clock.advance(20)
    outage = beat(uow, node.node_id)
    assert outage is not None
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 20 * SECOND
    assert beat(uow, node.node_id) is None


def test_a_clean_stop_is_an_outage_too_when_nobody_else_serves(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    node = a_node(uow)
    clock.advance(2)
    stop_node(uow, node.node_id)
    clock.advance(60)
    outage = a_node(uow).outage
    assert outage is not None
    assert outage.to_at - outage.from_at == MINUTE


def test_without_an_exam_a_gap_concerns_nobody(uow: UnitOfWork, clock: ManualClock) -> None:
    before = running_rooms(uow, starts_at=clock.now() + 30 * MINUTE)[0]
    over = running_rooms(uow, starts_at=clock.now() - 2 * DURATION)[0]
    assert restart_after(uow, clock, 10 * MINUTE).outage is None
    assert stored_deadline(uow, before.attempt_ids[0]) == clock.now() + 20 * MINUTE + DURATION
    assert stored_deadline(uow, over.attempt_ids[0]) == clock.now() - 10 * MINUTE - DURATION


def test_only_what_was_lost_after_the_start_is_given_back(uow: UnitOfWork, clock: ManualClock) -> None:
    starts_at = clock.now() + 40 * MINUTE
    room = running_rooms(uow, starts_at=starts_at, state=AttemptState.ADMITTED)[0]
    restart_after(uow, clock, 45 * MINUTE)
    assert stored_deadline(uow, room.attempt_ids[0]) == starts_at + DURATION + 5 * MINUTE


def test_an_attempt_that_ended_before_is_left_alone(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    with uow() as work:
        work.session.get_one(Attempt, room.attempt_ids[0]).state = AttemptState.SUBMITTED.value
    restart_after(uow, clock, MINUTE)
    assert [stored_deadline(uow, each) for each in room.attempt_ids[:2]] == [END, END + MINUTE]


def test_a_deadline_that_passed_during_the_outage_is_still_to_come_afterwards(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    restart_after(uow, clock, 25 * MINUTE)
    reading = clock_of(uow, room.attempt_ids[0])
    assert reading.phase is ClockPhase.RUNNING
    assert reading.remaining == 18 * MINUTE


def test_nodes_that_wake_together_record_one_outage(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    nodes = [register_node(uow, name=f"node-{n}", address="").node_id for n in range(3)]
    clock.advance(20)
    start = threading.Barrier(3)

    def wake(node_id: str) -> None:
        start.wait()
        beat(uow, node_id)

    threads = [threading.Thread(target=wake, args=(node_id,)) for node_id in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with uow.read() as session:
        assert len(session.scalars(select(Outage)).all()) == 1
        assert len(ledger_rows(session, room.sitting_id)) == 1


def test_the_office_may_take_a_compensation_back(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> None:
    restart_after(uow, clock, MINUTE)
    with uow() as work:
        [row] = undecided_time(work.session, room.sitting_id)
        decide_time(work, entry_id=row.id, decision="amend", amended=30 * SECOND, reason="备用机已接管", actor=HEAD)
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 30 * SECOND


# --- Over the limit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("down", "phase"),
    [
        (29 * MINUTE + 30 * SECOND, ClockPhase.RUNNING),
        (30 * MINUTE, ClockPhase.RUNNING),
        (30 * MINUTE + 30 * SECOND, ClockPhase.AWAITING_DECISION),
    ],
)
def test_up_to_the_limit_the_exam_goes_on_and_above_it_a_person_decides(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, published: list[Event], down: timedelta, phase: ClockPhase
) -> None:
    restart_after(uow, clock, down)
    reading = clock_of(uow, room.attempt_ids[0])
    assert reading.phase is phase
    assert reading.remaining == 18 * MINUTE
    awaits = phase is ClockPhase.AWAITING_DECISION
    assert (stored_deadline(uow, room.attempt_ids[0]) is None) is awaits
    assert any(isinstance(event, AlarmRaised) and event.kind == "awaiting_decision" for event in published) is awaits


@pytest.fixture
def waiting_room(uow: UnitOfWork, clock: ManualClock, room: RunningRoom) -> RunningRoom:
    restart_after(uow, clock, 31 * MINUTE)
    clock.advance(9 * MINUTE)
    return room


def report_it(uow: UnitOfWork, room: RunningRoom, actor: Actor = CLERK) -> OutageReport:
    return report_outage(
        uow, sitting_id=room.sitting_id, proposal=Decision.EXTEND, reason="停电，已恢复", actor=actor
    )  # fmt: skip


def test_nobody_decides_alone(uow: UnitOfWork, clock: ManualClock, waiting_room: RunningRoom) -> None:
    whole = {"sitting_id": waiting_room.sitting_id, "decision": Decision.EXTEND, "reason": "", "actor": HEAD}
    with pytest.raises(Conflict, match="REPORT_NEEDED"):
        decide_outage(uow, **whole)
    report_it(uow, waiting_room, HEAD)
    with pytest.raises(Forbidden, match="SECOND_PERSON_NEEDED"):
        decide_outage(uow, **whole)
    with pytest.raises(Forbidden, match="REPORT_NEEDS_OFFICE"):
        report_it(uow, waiting_room, PROCTOR)
    report = report_it(uow, waiting_room)
    clock.advance(MINUTE)
    made = decide_outage(uow, **whole)
    assert (made.report_id, made.decided_by, made.decided_at) == (report.id, "head", clock.now())
    assert (report.reported_by, report.reported_at, report.proposal) == ("clerk", clock.now() - MINUTE, "extend")
    with uow.read() as session:
        actions = list(session.scalars(select(AuditEntry.action)))
    assert actions.count(AuditAction.TAKEOVER_OUTAGE_REPORTED) == 2
    with pytest.raises(Conflict, match="NOTHING_TO_DECIDE"):
        report_it(uow, waiting_room)


def test_nothing_goes_on_until_it_is_decided_and_then_with_all_the_time(
    uow: UnitOfWork, clock: ManualClock, waiting_room: RunningRoom
) -> None:
    assert clock_of(uow, waiting_room.attempt_ids[0]).remaining == 18 * MINUTE
    with uow.read() as session:
        assert len(awaiting_decision(session, waiting_room.sitting_id)) == 1
    report_it(uow, waiting_room)
    made = decide_outage(
        uow, sitting_id=waiting_room.sitting_id, decision=Decision.EXTEND, reason="已恢复供电", actor=HEAD
    )
    assert made.room_ids == [waiting_room.room_id]
    reading = clock_of(uow, waiting_room.attempt_ids[0])
    assert (reading.phase, reading.remaining) == (ClockPhase.RUNNING, 18 * MINUTE)
    assert stored_deadline(uow, waiting_room.attempt_ids[0]) == END + 40 * MINUTE
    with pytest.raises(Conflict, match="NOTHING_TO_DECIDE"):
        decide_outage(uow, sitting_id=waiting_room.sitting_id, decision=Decision.EXTEND, reason="", actor=HEAD)


@pytest.mark.parametrize("decision", [Decision.RESCHEDULE, Decision.CANCEL])
def test_another_day_voids_what_is_open_and_keeps_it_on_record(
    uow: UnitOfWork, waiting_room: RunningRoom, decision: Decision
) -> None:
    with uow() as work:
        work.session.get_one(Attempt, waiting_room.attempt_ids[0]).state = AttemptState.SUBMITTED.value
    report_it(uow, waiting_room)
    made = decide_outage(
        uow, sitting_id=waiting_room.sitting_id, decision=decision, reason="停电", actor=HEAD, fee_waiver=True
    )
    assert made.fee_waiver
    with uow.read() as session:
        states = [session.get_one(Attempt, each).state for each in waiting_room.attempt_ids]
        assert states == ["submitted", "voided", "voided"]
        actions = list(session.scalars(select(AuditEntry.action)))
        assert actions.count(AuditAction.DELIVERY_ATTEMPT_VOIDED) == 2
        [told] = session.scalars(select(RoomMessage.text)).all()
        assert "下次报名免费" in told
        assert {"reschedule": "改期", "cancel": "取消"}[decision.value] in told
        assert verify(session).ok


def test_a_proctor_cannot_decide_for_the_responsible_person(uow: UnitOfWork, waiting_room: RunningRoom) -> None:
    with pytest.raises(Forbidden, match="DECISION_NEEDS_OFFICE"):
        decide_outage(uow, sitting_id=waiting_room.sitting_id, decision=Decision.EXTEND, reason="", actor=PROCTOR)
    with uow.read() as session:
        [waiting] = [row.id for row in awaiting_decision(session, waiting_room.sitting_id)]
    with uow() as work, pytest.raises(Conflict, match="AWAITING_DECISION"):
        decide_time(work, entry_id=waiting, decision="confirm", reason="", actor=HEAD)


# --- What the page measured -------------------------------------------------------------------------------------------


def report(uow: UnitOfWork, attempt_id: str, gap: timedelta, answered: bool = False) -> TimeEntry | None:
    entry_id = report_client_gap(uow, attempt_id, gap, answered_during_gap=answered)
    if entry_id is None:
        return None
    with uow.read() as session:
        entry = session.get_one(TimeEntry, entry_id)
        session.expunge(entry)
        return entry


def test_a_page_that_agrees_within_two_seconds_changes_nothing(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    restart_after(uow, clock, 5 * MINUTE)
    clock.advance(2)
    assert report(uow, room.attempt_ids[0], 5 * MINUTE + 2 * SECOND) is None
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 5 * MINUTE


def test_whoever_went_on_answering_keeps_the_time_until_the_office_says_otherwise(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, published: list[Event]
) -> None:
    restart_after(uow, clock, 5 * MINUTE)
    clock.advance(2)
    published.clear()
    proposal = report(uow, room.attempt_ids[0], 5 * MINUTE, answered=True)
    assert proposal is not None
    assert (proposal.kind, proposal.status, proposal.client_gap_ms) == ("reversal", "proposed", 300_000)
    assert "继续作答" in proposal.reason
    assert not any(isinstance(event, AlarmRaised) for event in published)
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 5 * MINUTE
    with uow() as work:
        decide_time(work, entry_id=proposal.id, decision="confirm", reason="核实", actor=HEAD)
    assert [stored_deadline(uow, each) for each in room.attempt_ids[:2]] == [END, END + 5 * MINUTE]


def test_a_page_cut_off_for_longer_is_proposed_the_difference_once(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom, published: list[Event]
) -> None:
    restart_after(uow, clock, 5 * MINUTE)
    clock.advance(MINUTE)
    proposal = report(uow, room.attempt_ids[0], 6 * MINUTE)
    assert proposal is not None
    assert (proposal.kind, proposal.status) == ("interruption", "proposed")
    assert any(isinstance(event, AlarmRaised) and event.kind == "time_proposal" for event in published)
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 5 * MINUTE
    assert report(uow, room.attempt_ids[0], 6 * MINUTE) is None
    with uow() as work:
        decide_time(work, entry_id=proposal.id, decision="confirm", reason="", actor=PROCTOR)
    assert stored_deadline(uow, room.attempt_ids[0]) == END + 6 * MINUTE


def test_a_page_that_was_away_alone_is_a_seat_interruption_to_be_confirmed(
    uow: UnitOfWork, clock: ManualClock, room: RunningRoom
) -> None:
    a_node(uow)
    assert report(uow, room.attempt_ids[0], 15 * SECOND) is None
    assert report(uow, room.attempt_ids[0], MINUTE, answered=True) is None
    proposal = report(uow, room.attempt_ids[0], MINUTE)
    assert proposal is not None
    assert (proposal.cause, proposal.status) == ("lan_outage", "proposed")
    assert stored_deadline(uow, room.attempt_ids[0]) == END


# --- Nodes ------------------------------------------------------------------------------------------------------------


def test_the_node_list_tells_the_dead_from_the_stopped(uow: UnitOfWork, clock: ManualClock) -> None:
    register_node(uow, name="dead", address="")
    stopped = register_node(uow, name="stopped", address="")
    clock.advance(4)
    alive = register_node(uow, name="alive", address="")
    stop_node(uow, stopped.node_id)
    with uow.read() as session:
        found = {node.name: node.condition for node in list_nodes(session, clock.now())}
    assert found == {"dead": NodeCondition.SILENT, "stopped": NodeCondition.STOPPED, "alive": NodeCondition.ALIVE}
    with pytest.raises(Conflict, match="NODE_UNKNOWN"):
        beat(uow, "nobody")
    assert alive.outage is None
