"""A room that cannot go on moves to the spare room in one act: script, answers and time go with everybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from proctor.queries import rooms_of, snapshot
from proctor.services.end_room import end_room
from proctor.services.move_room import move_room
from proctor.services.resume_several import resume_several
from proctor.spare_rooms import spare_rooms
from server.audit.log import verify
from server.core.actor import SYSTEM
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, NotFound
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt
from server.delivery.services.open_interruption import open_interruption
from server.delivery.time_keeping import read_clock, refresh_deadlines
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Room, Seat, Sitting, SittingRoom
from server.webkit.platform import Platform
from tests.factories.delivery import a_time_entry
from tests.factories.proctor import MINUTE, ExamRoom, T, change, exam_rooms, set_gates

PEOPLE = 4


@pytest.fixture
def room(platform: Platform, clock: ManualClock) -> ExamRoom:
    made = exam_rooms(
        platform, rooms=1, candidates=PEOPLE, state=AttemptState.ANSWERING, sitting_state=SittingState.RUNNING
    )[0]
    set_gates(
        platform.uow,
        made,
        fetched_at=T - 30 * MINUTE,
        admission_opened_at=T - 15 * MINUTE,
        paper_opened_at=T - 5 * MINUTE,
    )
    clock.jump(T + 20 * MINUTE - clock.now())
    for attempt_id in made.attempt_ids:
        change(platform.uow, attempt_id, last_seen_at=clock.now() - MINUTE, device_hash="d" * 64)
    return made


@pytest.fixture
def spare(platform: Platform, room: ExamRoom) -> list[str]:
    """Six seats of a room nobody was planned in; the room's id and then its seats."""
    with platform.uow() as work:
        centre_id = work.session.get_one(Sitting, room.sitting_id).centre_id
        work.session.add(
            Room(id="spare", centre_id=centre_id, name="应急考场", number=77, rows=2, columns=3, aisles_after=[])
        )
        work.session.flush()
        for n in range(6):
            work.session.add(
                Seat(id=f"spare-{n}", room_id="spare", number=n + 1, row=n // 3 + 1, column=n % 3 + 1, is_spare=False)
            )
    return ["spare", *(f"spare-{n}" for n in range(6))]


def clock_of(platform: Platform, attempt_id: str):
    with platform.uow.read() as session:
        return read_clock(session, session.get_one(Attempt, attempt_id), platform.clock.now())


def move(platform: Platform, room: ExamRoom, spare: list[str], attempts: list[str] | None = None) -> None:
    chosen = attempts or room.attempt_ids
    move_room(platform.uow, *room.key, spare[0], dict(zip(chosen, spare[1:], strict=False)), "机房断电", room.chief)


def test_everybody_sits_in_the_other_room_with_the_clock_standing_and_the_proctors_there(
    platform: Platform, clock: ManualClock, room: ExamRoom, spare: list[str]
) -> None:
    with platform.uow.read() as session:
        scripts = {one.id: one.script_id for one in session.scalars(select(Attempt))}
        offered = spare_rooms(session, session.get_one(Sitting, room.sitting_id), room.room_id)
    assert [(one.name, len(one.free_seats)) for one in offered] == [("应急考场", 6)]
    move(platform, room, spare)
    with platform.uow.read() as session:
        there = snapshot(session, room.sitting_id, "spare", clock.now())
        here = snapshot(session, *room.key, clock.now())
        gates = session.get_one(SittingRoom, (room.sitting_id, "spare"))
        mine = [one.room_id for one in rooms_of(session, room.deputy)]
        assert {one.id: one.script_id for one in session.scalars(select(Attempt))} == scripts
        assert verify(session).ok
    assert [one.attempt_id for one in there.statuses if one.attempt_id] == room.attempt_ids
    assert {one.state for one in there.statuses if one.attempt_id} == {"suspended"}
    assert all(one.released for one in there.statuses if one.attempt_id)
    assert not [one for one in here.statuses if one.attempt_id]
    assert gates.paper_opened_at == T - 5 * MINUTE
    assert set(mine) == {room.room_id, "spare"}
    for board in (here, there):
        assert any("4 名考生转移到应急考场" in one.words for one in board.incidents), "both room records tell it"


def test_those_who_are_back_go_on_together_and_get_the_time_from_the_last_life_sign(
    platform: Platform, clock: ManualClock, room: ExamRoom, spare: list[str]
) -> None:
    move(platform, room, spare)
    clock.advance(6 * MINUTE)
    for attempt_id in room.attempt_ids[:3]:
        change(platform.uow, attempt_id, released_at=None)
    done = resume_several(platform.uow, room.sitting_id, "spare", room.attempt_ids, "已就座", room.chief)
    assert done.done == 3
    assert "1 人尚未在新座位登录" in done.words_zh
    reading = clock_of(platform, room.attempt_ids[0])
    assert reading.lost == 7 * MINUTE, "from the last life sign, a minute before the move"
    assert clock_of(platform, room.attempt_ids[3]).phase.value == "suspended"


def test_time_given_to_the_old_room_goes_with_the_candidates(
    platform: Platform, clock: ManualClock, room: ExamRoom, spare: list[str]
) -> None:
    with platform.uow() as work:
        known = {"sitting_id": room.sitting_id, "room_id": room.room_id}
        a_time_entry(work.session, **known, from_at=T + 5 * MINUTE, to_at=T + 8 * MINUTE)
        a_time_entry(work.session, **known, kind="grant", from_at=None, grant_ms=60_000, cause="proctor_grant")
        a_time_entry(work.session, **known, from_at=T + 15 * MINUTE, to_at=None, status="provisional")
        refresh_deadlines(work, room.sitting_id)
    move(platform, room, spare)
    clock.advance(5 * MINUTE)
    for attempt_id in room.attempt_ids:
        change(platform.uow, attempt_id, released_at=None)
    resume_several(platform.uow, room.sitting_id, "spare", room.attempt_ids, "已就座", room.chief)
    for attempt_id in room.attempt_ids:
        reading = clock_of(platform, attempt_id)
        assert reading.lost == 3 * MINUTE + 10 * MINUTE, "3 of the old outage; 15 to 25 of the one that made them move"
        assert reading.granted == MINUTE


@pytest.mark.parametrize("by_hand", [True, False], ids=["paused by a proctor", "found silent by the system"])
def test_who_stood_still_already_gets_all_of_it_by_one_decision(
    platform: Platform, clock: ManualClock, room: ExamRoom, spare: list[str], by_hand: bool
) -> None:
    one = room.attempt_ids[0]
    with platform.uow() as work:
        open_interruption(
            work, sitting_id=room.sitting_id, room_id=room.room_id, attempt_id=one, cause="pc_failure", reason="失联",
            actor=room.chief if by_hand else SYSTEM, since=T + 15 * MINUTE, suspend=by_hand,
        )  # fmt: skip
    move(platform, room, spare, [one])
    clock.advance(2 * MINUTE)
    change(platform.uow, one, released_at=None)
    assert resume_several(platform.uow, room.sitting_id, "spare", [one], "已就座", room.chief).done == 1
    assert clock_of(platform, one).lost == 7 * MINUTE, "15 to 22"
    with platform.uow.read() as session:
        board = snapshot(session, room.sitting_id, "spare", clock.now())
    assert [alarm for alarm in board.alarms if alarm.kind == "time_proposal"] == [], "nothing is left to decide"


def test_some_may_be_moved_and_the_others_stay(platform: Platform, room: ExamRoom, spare: list[str]) -> None:
    move(platform, room, spare, room.attempt_ids[:2])
    with platform.uow.read() as session:
        rooms = [session.get_one(Attempt, one).room_id for one in room.attempt_ids]
    assert rooms == ["spare", "spare", room.room_id, room.room_id]
    with pytest.raises(NotFound):
        move(platform, room, spare, room.attempt_ids[:1])


def test_a_seat_is_given_once_and_only_of_that_room(platform: Platform, room: ExamRoom, spare: list[str]) -> None:
    first, second = room.attempt_ids[:2]
    for moves, code in (
        ({first: spare[1], second: spare[1]}, "SEAT_TAKEN"),
        ({first: room.seat_ids[0]}, "SEAT_NOT_IN_ROOM"),
    ):
        with pytest.raises(Conflict, match=code):
            move_room(platform.uow, *room.key, "spare", moves, "断电", room.chief)
    move(platform, room, spare, [first])
    with pytest.raises(Conflict, match="SEAT_TAKEN"):
        move(platform, room, spare, [second])


def test_a_room_in_use_or_with_time_rows_of_its_own_takes_nobody(
    platform: Platform, clock: ManualClock, room: ExamRoom, spare: list[str]
) -> None:
    with platform.uow() as work:
        a_time_entry(work.session, sitting_id=room.sitting_id, room_id="spare", from_at=T, to_at=T + MINUTE)
    with pytest.raises(Conflict, match="ROOM_NOT_FREE"):
        move(platform, room, spare)
    with pytest.raises(Conflict, match="ROOM_NOT_FREE"):
        move_room(platform.uow, *room.key, "nowhere", {room.attempt_ids[0]: spare[1]}, "断电", room.chief)


def test_only_the_rooms_own_proctors_move_it(platform: Platform, room: ExamRoom, spare: list[str]) -> None:
    stranger = exam_rooms(platform, rooms=1, candidates=1)[0].chief
    with pytest.raises((Forbidden, NotFound)):
        move_room(platform.uow, *room.key, "spare", {room.attempt_ids[0]: spare[1]}, "断电", stranger)


def test_a_room_that_waits_for_a_decision_is_decided_first(
    platform: Platform, room: ExamRoom, spare: list[str]
) -> None:
    with platform.uow() as work:
        a_time_entry(
            work.session,
            sitting_id=room.sitting_id,
            room_id=room.room_id,
            from_at=T,
            to_at=None,
            status="awaiting_decision",
        )
    with pytest.raises(Conflict, match="AWAITING_DECISION"):
        move(platform, room, spare)


def test_the_room_that_was_left_can_be_ended(
    platform: Platform, clock: ManualClock, room: ExamRoom, spare: list[str]
) -> None:
    move(platform, room, spare)
    clock.advance(timedelta(hours=2))
    assert end_room(platform.uow, *room.key, room.chief, "已全部转移").done == 0
