"""Every service that changes the board: its deltas lead from the old snapshot to a fresh one."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from proctor.domain.board import GapError, apply
from proctor.domain.states import IncidentKind
from proctor.models import Incident
from proctor.reactions import subscribe_reactions
from proctor.services.check_identity import check_identity
from proctor.services.collect_papers import collect_papers
from proctor.services.decide_time import decide_time
from proctor.services.end_room import end_room
from proctor.services.fetch_paper import fetch_paper
from proctor.services.grant_time import grant_time
from proctor.services.list_absent import list_absent
from proctor.services.lower_hand import lower_hand
from proctor.services.open_admission import open_admission
from proctor.services.open_paper import open_paper
from proctor.services.read_notes import read_notes
from proctor.services.record_incident import record_incident
from proctor.services.release_seat import release_seat
from proctor.services.resolve_incident import resolve_incident
from proctor.services.resume_attempt import resume_attempt
from proctor.services.send_message import send_message
from proctor.services.suspend_attempt import suspend_attempt
from server.core.clock import ManualClock
from server.core.errors import Conflict, NotFound
from server.core.events import AlarmRaised, AnswersRecorded, AttemptChanged
from server.delivery.domain.states import AttemptState
from server.delivery.models import TimeEntry
from server.delivery.services.raise_hand import raise_hand
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting
from server.webkit.platform import Platform
from tests.factories.delivery import a_journal_entry
from tests.factories.proctor import MINUTE, ExamRoom, FollowedBoard, T, change, exam_rooms, set_gates


@pytest.fixture
def room(platform: Platform, clock: ManualClock) -> ExamRoom:
    """Ten minutes into the exam; everybody answers."""
    clock.advance(70 * MINUTE)
    made = exam_rooms(platform, state=AttemptState.ANSWERING, sitting_state=SittingState.RUNNING)[0]
    set_gates(platform.uow, made, fetched_at=T, admission_opened_at=T, notes_read_at=T, paper_opened_at=T)
    for attempt_id in made.attempt_ids:
        change(platform.uow, attempt_id, last_seen_at=clock.now())
    return made


@pytest.fixture
def board(platform: Platform, room: ExamRoom) -> FollowedBoard:
    return FollowedBoard(platform, room)


def seat(board: FollowedBoard, attempt_id: str):
    return next(s for s in board.board.statuses if s.attempt_id == attempt_id)


def test_from_the_fetching_to_the_opening(platform: Platform, clock: ManualClock) -> None:
    room = exam_rooms(platform, with_packages=True)[0]
    board = FollowedBoard(platform, room)
    clock.advance(30 * MINUTE)
    for actor in (room.chief, room.deputy):
        fetch_paper(platform.uow, *room.key, actor)
        board.assert_true()
    clock.advance(15 * MINUTE)
    open_admission(platform.uow, *room.key, room.chief)
    board.assert_true()
    assert board.board.header.sitting_state == "admitting"
    clock.advance(5 * MINUTE)
    read_notes(platform.uow, *room.key, room.deputy)
    board.assert_true()
    clock.advance(5 * MINUTE)
    for actor, secret in zip((room.chief, room.deputy), room.package.opening_secrets, strict=True):
        open_paper(platform.uow, platform.vault, *room.key, secret, actor)
        board.assert_true()
    states = {step.key: step.state for step in board.board.timeline}
    assert [key for key, state in states.items() if state == "done"] == [
        "report",
        "fetch",
        "admission",
        "notes",
        "open",
    ]


def test_the_sitting_runs_from_the_start_on_without_anybodys_hand(platform: Platform, clock: ManualClock) -> None:
    room = exam_rooms(platform)[0]
    set_gates(platform.uow, room, SittingState.ADMITTING, fetched_at=T, admission_opened_at=T, paper_opened_at=T)
    board = FollowedBoard(platform, room)
    clock.advance(60 * MINUTE)
    board.follow()
    board.assert_true()
    assert board.board.header.sitting_state == "running"


def test_answers_change_one_seat_and_nothing_else(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    change(platform.uow, room.attempt_ids[0], answered=17, last_answer_at=platform.clock.now())
    platform.bus.publish(
        AnswersRecorded(
            sitting_id=room.sitting_id, room_id=room.room_id, attempt_id=room.attempt_ids[0], answered=17, at_ms=0
        )
    )
    board.feed.tick()
    (delta,) = board.deltas
    assert [(s.attempt_id, s.answered) for s in delta.statuses] == [(room.attempt_ids[0], 17)]
    assert (delta.header, delta.timeline, delta.alarms, delta.time_rows, delta.incidents) == (None,) * 5
    board.assert_true()


def test_a_hundred_events_between_two_rounds_are_one_delta(
    platform: Platform, room: ExamRoom, board: FollowedBoard
) -> None:
    for number in range(1, 101):
        attempt_id = room.attempt_ids[number % 4]
        change(platform.uow, attempt_id, answered=number)
        platform.bus.publish(
            AttemptChanged(sitting_id=room.sitting_id, room_id=room.room_id, attempt_id=attempt_id, what="answers")
        )
    assert board.feed.tick() == 1
    assert len(board.deltas) == 1
    assert board.feed.tick() == 0


def test_nothing_is_sent_when_nothing_changed(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    platform.bus.publish(
        AttemptChanged(sitting_id=room.sitting_id, room_id=room.room_id, attempt_id=room.attempt_ids[0], what="seen")
    )
    assert board.feed.tick() == 0


def test_another_rooms_changes_do_not_reach_this_board(platform: Platform, clock: ManualClock) -> None:
    here, there = exam_rooms(platform, state=AttemptState.ANSWERING)
    board = FollowedBoard(platform, here)
    raise_hand(platform.uow, there.attempt_ids[0], "computer_fault")
    assert board.feed.tick() == 0


def test_hands_go_up_and_down(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    raise_hand(platform.uow, room.attempt_ids[0], "computer_fault")
    board.assert_true()
    assert [alarm.kind for alarm in board.board.alarms] == ["hand"]
    lower_hand(platform.uow, *room.key, room.attempt_ids[0], room.chief)
    board.assert_true()
    assert board.board.alarms == []


def test_ticks_are_shown_and_a_wrong_person_is_an_alarm(
    platform: Platform, room: ExamRoom, board: FollowedBoard
) -> None:
    ticks = {"name_ok": True, "ticket_ok": True, "seat_ok": True, "id_card_ok": True}
    check_identity(platform.uow, *room.key, room.attempt_ids[0], 2, **ticks, person_ok=True, actor=room.deputy)
    board.assert_true()
    assert seat(board, room.attempt_ids[0]).checks == [None, [True] * 5]

    for _ in range(2):
        check_identity(platform.uow, *room.key, room.attempt_ids[1], 2, **ticks, person_ok=False, actor=room.deputy)
    board.assert_true()
    (alarm,) = board.board.alarms
    assert (alarm.kind, alarm.severity) == ("identity_mismatch", "red")
    assert seat(board, room.attempt_ids[1]).incidents == 1

    resolve_incident(platform.uow, *room.key, alarm.subject_id, "巡考到场核实为本人", room.chief)
    board.assert_true()
    assert board.board.alarms == []


def test_granted_time_moves_the_candidates_end(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    before = seat(board, room.attempt_ids[0]).ends_at_ms
    grant_time(platform.uow, *room.key, [room.attempt_ids[0]], 120, "键盘更换", room.chief)
    board.assert_true()
    after = seat(board, room.attempt_ids[0])
    assert (after.ends_at_ms - before, after.given_back_s) == (120_000, 120)
    grant_time(platform.uow, *room.key, [], 60, "广播干扰", room.chief)
    board.assert_true()
    assert {s.given_back_s for s in board.board.statuses if s.attempt_id} == {180, 60}


def test_a_large_grant_waits_for_a_second_person(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    done = grant_time(platform.uow, *room.key, [room.attempt_ids[0]], 3600, "长时间故障", room.chief)
    assert done.waiting_for_second
    board.assert_true()
    (alarm,) = board.board.alarms
    assert alarm.kind == "time_proposal"
    decide_time(platform.uow, *room.key, alarm.subject_id, "confirm", "情况属实", room.deputy)
    board.assert_true()
    assert board.board.alarms == []
    assert seat(board, room.attempt_ids[0]).given_back_s == 3600


def test_suspended_and_resumed(platform: Platform, clock: ManualClock, room: ExamRoom, board: FollowedBoard) -> None:
    suspend_attempt(platform.uow, *room.key, room.attempt_ids[0], "死机", room.chief)
    board.assert_true()
    assert (seat(board, room.attempt_ids[0]).state, seat(board, room.attempt_ids[0]).ends_at_ms) == ("suspended", None)
    clock.advance(3 * MINUTE)
    resume_attempt(platform.uow, *room.key, room.attempt_ids[0], "已恢复", room.chief)
    board.assert_true()
    assert (seat(board, room.attempt_ids[0]).state, seat(board, room.attempt_ids[0]).given_back_s) == ("answering", 180)


def test_a_move_changes_both_seats_and_suspends(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    spare = room.seat_ids[-1]
    release_seat(platform.uow, *room.key, room.attempt_ids[0], spare, "主机故障", room.chief)
    board.assert_true()
    now = {s.seat_id: s for s in board.board.statuses}
    assert now[room.seat_ids[0]].attempt_id is None
    assert (now[spare].attempt_id, now[spare].moved, now[spare].released) == (room.attempt_ids[0], True, True)
    assert now[spare].state == "suspended"


def test_incidents_and_messages(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    for expected in ("已记录。", "已记录。这是第 2 次一档违纪，按规定试卷作废，请报告巡考决定。"):
        done = record_incident(
            platform.uow, *room.key, IncidentKind.VIOLATION, "左顾右盼", room.deputy,
            attempt_id=room.attempt_ids[2], tier=1, action_taken="警告",
        )  # fmt: skip
        assert done.words_zh == expected
        board.assert_true()
    assert send_message(platform.uow, *room.key, [], "请保持安静", room.chief).done == 4
    board.assert_true()


def test_collected_absent_and_ended(
    platform: Platform, clock: ManualClock, room: ExamRoom, board: FollowedBoard
) -> None:
    change(platform.uow, room.attempt_ids[3], state="expected", signed_in_at=None, started_at=None)
    collect_papers(platform.uow, *room.key, [room.attempt_ids[0]], "严重违纪", room.chief)
    board.assert_true()
    assert seat(board, room.attempt_ids[0]).state == "collected"
    with pytest.raises(Conflict, match="TOO_EARLY"):
        list_absent(platform.uow, *room.key, room.chief)
    clock.advance(21 * MINUTE)
    assert list_absent(platform.uow, *room.key, room.chief).done == 1
    board.assert_true()
    with pytest.raises(Conflict, match="REASON_REQUIRED"):
        end_room(platform.uow, *room.key, room.chief)
    suspend_attempt(platform.uow, *room.key, room.attempt_ids[1], "死机", room.chief)
    assert end_room(platform.uow, *room.key, room.chief, "停电，经考点同意").done == 2
    board.assert_true()
    assert {s.state for s in board.board.statuses if s.attempt_id} == {"collected", "absent"}
    with platform.uow.read() as session:
        assert session.scalars(select(TimeEntry).where(TimeEntry.to_at.is_(None))).first() is None
        assert session.get_one(Sitting, room.sitting_id).state == "running"  # the other room goes on


def test_silence_is_noticed_by_the_clock_alone(
    platform: Platform, clock: ManualClock, room: ExamRoom, board: FollowedBoard
) -> None:
    clock.advance(5 * MINUTE)
    board.assert_true()
    (alarm,) = board.board.alarms
    assert (alarm.kind, len(alarm.seat_ids)) == ("room_lost", 4)
    for attempt_id in room.attempt_ids:
        change(platform.uow, attempt_id, last_seen_at=clock.now())
    clock.advance(5)
    board.assert_true()
    assert board.board.alarms == []


def test_a_second_log_in_becomes_one_incident_however_often_it_is_tried(
    platform: Platform, room: ExamRoom, board: FollowedBoard
) -> None:
    subscribe_reactions(platform)
    event = AlarmRaised(
        sitting_id=room.sitting_id, room_id=room.room_id, kind="second_login", attempt_id=room.attempt_ids[0]
    )
    for _ in range(3):
        platform.bus.publish(event)
    board.assert_true()
    assert [alarm.kind for alarm in board.board.alarms] == ["second_login"]
    with platform.uow.read() as session:
        assert len(session.scalars(select(Incident)).all()) == 1


def test_superseded_answers_are_an_alarm_read_from_the_journal(
    platform: Platform, room: ExamRoom, board: FollowedBoard
) -> None:
    from server.delivery.models import Attempt

    with platform.uow() as work:
        attempt = work.session.get_one(Attempt, room.attempt_ids[0])
        a_journal_entry(work.session, attempt, standing="superseded", received_at=platform.clock.now())
    platform.clock.advance(5)
    board.assert_true()
    assert [alarm.kind for alarm in board.board.alarms] == ["superseded_answers"]


def test_a_full_disk_is_shown_although_nothing_can_be_stored(
    platform: Platform, clock: ManualClock, room: ExamRoom, board: FollowedBoard
) -> None:
    platform.bus.publish(AlarmRaised(sitting_id=room.sitting_id, room_id=room.room_id, kind="storage"))
    board.follow()
    assert [alarm.kind for alarm in board.board.alarms] == ["storage"]
    clock.advance(61)
    board.follow()
    assert "storage" not in [alarm.kind for alarm in board.board.alarms]


def test_a_lost_delta_is_a_gap_and_never_a_guess(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    raise_hand(platform.uow, room.attempt_ids[0], "illness")
    board.feed.tick()
    board.deltas.clear()
    raise_hand(platform.uow, room.attempt_ids[1], "illness")
    board.feed.tick()
    with pytest.raises(GapError):
        apply(board.board, board.deltas[0])


def test_a_repeated_delta_changes_nothing(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    raise_hand(platform.uow, room.attempt_ids[0], "illness")
    board.feed.tick()
    once = apply(board.board, board.deltas[0])
    assert apply(once, board.deltas[0]) == once


def test_deltas_carry_no_names_and_no_id_numbers(platform: Platform, room: ExamRoom, board: FollowedBoard) -> None:
    raise_hand(platform.uow, room.attempt_ids[0], "illness")
    platform.clock.advance(5)
    board.feed.tick()
    told = json.dumps([delta.model_dump() for delta in board.deltas], ensure_ascii=False)
    assert "考生1-" not in told
    assert "**********" not in told
    assert "考生1-1" in board.fresh().model_dump_json()


def test_a_candidate_of_another_room_is_as_if_absent(platform: Platform, clock: ManualClock) -> None:
    here, there = exam_rooms(platform, state=AttemptState.ANSWERING, sitting_state=SittingState.RUNNING)
    clock.advance(70 * MINUTE)
    stranger = there.attempt_ids[0]
    ticks = dict.fromkeys(("name_ok", "ticket_ok", "seat_ok", "id_card_ok", "person_ok"), True)
    tries = [
        lambda: check_identity(platform.uow, *here.key, stranger, 1, **ticks, actor=here.chief),
        lambda: send_message(platform.uow, *here.key, [stranger], "x", here.chief),
        lambda: grant_time(platform.uow, *here.key, [stranger], 60, "x", here.chief),
        lambda: collect_papers(platform.uow, *here.key, [stranger], "x", here.chief),
        lambda: suspend_attempt(platform.uow, *here.key, stranger, "x", here.chief),
        lambda: resume_attempt(platform.uow, *here.key, stranger, "x", here.chief),
        lambda: release_seat(platform.uow, *here.key, stranger, None, "x", here.chief),
        lambda: lower_hand(platform.uow, *here.key, stranger, here.chief),
        lambda: record_incident(platform.uow, *here.key, IncidentKind.OTHER, "x", here.chief, attempt_id=stranger),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            attempt()


def test_another_rooms_time_row_and_incident_are_as_if_absent(platform: Platform, clock: ManualClock) -> None:
    here, there = exam_rooms(platform, state=AttemptState.ANSWERING, sitting_state=SittingState.RUNNING)
    clock.advance(70 * MINUTE)
    grant_time(platform.uow, *there.key, [there.attempt_ids[0]], 60, "x", there.chief)
    record_incident(platform.uow, *there.key, IncidentKind.OTHER, "x", there.chief)
    with platform.uow.read() as session:
        row, incident = session.scalars(select(TimeEntry)).one(), session.scalars(select(Incident)).one()
    with pytest.raises(NotFound):
        decide_time(platform.uow, *here.key, row.id, "reverse", "x", here.chief)
    with pytest.raises(NotFound):
        resolve_incident(platform.uow, *here.key, incident.id, "x", here.chief)
