"""The room record writes itself from the ledgers and is signed by both proctors."""

from __future__ import annotations

import hashlib
import io
import re

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from proctor.domain.states import IncidentKind
from proctor.models import RoomRecord
from proctor.room_record import facts_digest
from proctor.services.check_identity import check_identity
from proctor.services.end_room import end_room
from proctor.services.grant_time import grant_time
from proctor.services.make_room_record import read_room_record
from proctor.services.record_incident import record_incident
from proctor.services.release_seat import release_seat
from proctor.services.resume_attempt import resume_attempt
from proctor.services.sign_record import sign_record
from server.adapters import print_fonts
from server.audit.log import verify
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, Unavailable
from server.delivery.domain.states import AttemptState
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting
from server.webkit.platform import Platform
from tests.factories.paper_rows import MARKER
from tests.factories.proctor import MINUTE, ExamRoom, T, an_inspector, change, exam_rooms, set_gates

NAMES = ("阿卜杜拉·买买提", "𠮷川龘", "陈小明", "㛃䶮堃")
ALL_OK = dict.fromkeys(("name_ok", "ticket_ok", "seat_ok", "id_card_ok", "person_ok"), True)


@pytest.fixture
def room(platform: Platform, clock: ManualClock) -> ExamRoom:
    """Candidates 1-3 sat the exam, the fourth never came; much happened; the room has ended."""
    clock.advance(70 * MINUTE)
    made = exam_rooms(
        platform,
        rooms=1,
        state=AttemptState.ANSWERING,
        sitting_state=SittingState.RUNNING,
        with_packages=True,
        names=NAMES,
    )[0]
    set_gates(
        platform.uow,
        made,
        fetched_at=T - 29 * MINUTE,
        admission_opened_at=T - 15 * MINUTE,
        paper_opened_at=T - 4 * MINUTE,
    )
    change(platform.uow, made.attempt_ids[3], state="expected", signed_in_at=None, started_at=None)
    change(platform.uow, made.attempt_ids[1], signed_in_at=T + 6 * MINUTE)
    for attempt_id in made.attempt_ids[:3]:
        check_identity(platform.uow, *made.key, attempt_id, 2, **ALL_OK, actor=made.deputy)
    release_seat(platform.uow, *made.key, made.attempt_ids[0], made.seat_ids[-1], "主机故障", made.chief)
    clock.advance(3 * MINUTE)
    resume_attempt(platform.uow, *made.key, made.attempt_ids[0], "换机完成", made.chief)
    grant_time(platform.uow, *made.key, [made.attempt_ids[2]], 90, "键盘更换", made.chief)
    record_incident(
        platform.uow, *made.key, IncidentKind.VIOLATION, "左顾右盼", made.deputy,
        attempt_id=made.attempt_ids[2], tier=1, action_taken="口头警告",
    )  # fmt: skip
    clock.advance(90 * MINUTE)
    end_room(platform.uow, *made.key, made.chief)
    return made


def sign(platform: Platform, room: ExamRoom, *actors, remark: str = ""):
    return [sign_record(platform.uow, platform.record_store, *room.key, actor, remark) for actor in actors]


def text_of(document: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]
    return re.sub(r"[\s\x00]+", "", "".join(pages))


def filed(platform: Platform) -> RoomRecord:
    with platform.uow.read() as session:
        return session.scalars(select(RoomRecord)).one()


def test_both_signatures_file_the_record_and_seal_the_sitting(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief, room.deputy)

    record = filed(platform)
    document = (platform.record_store / record.file_name).read_bytes()
    assert hashlib.sha256(document).hexdigest() == record.sha256
    assert read_room_record(platform.uow, platform.record_store, *room.key) == document
    with platform.uow.read() as session:
        assert session.get_one(Sitting, room.sitting_id).state == "sealed"
        assert verify(session).ok


def test_the_record_tells_the_day(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief, room.deputy)

    text = text_of(read_room_record(platform.uow, platform.record_store, *room.key))

    for words in (
        "考场情况记录表", "应考4人", "实考3人", "缺考1人", "已核对3人，不符0人", "08:56:00", "08:31:00", "收到／使用4份／3份",
        "退回／作废1份／0份", "主机故障", "更换考试机", "3分00秒", "1分30秒", "键盘更换", "左顾右盼", "处理：口头警告",
        "主监考", "副监考", "巡考", "质量督导", "审计链头", "第1页共",
    ):  # fmt: skip
        assert words.replace(" ", "") in text, words
    assert "草稿" not in text
    assert filed(platform).facts["facts_digest"] in text


def test_rare_and_long_names_are_printed_as_they_are(platform: Platform, room: ExamRoom) -> None:
    change(platform.uow, room.attempt_ids[1], state="absent", signed_in_at=None)
    change(platform.uow, room.attempt_ids[0], end_how="submit")

    text = text_of(read_room_record(platform.uow, platform.record_store, *room.key))

    assert "㛃䶮堃" in text
    assert "𠮷川龘" in text
    assert "阿卜杜拉·买买提" in text


def test_before_both_signed_it_says_draft(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief)
    text = text_of(read_room_record(platform.uow, platform.record_store, *room.key))
    assert "草稿·未签名" in text
    assert "未签" in text


def test_the_facts_are_bound_by_their_digest(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief, room.deputy)
    facts = filed(platform).facts
    assert facts_digest(facts) == facts["facts_digest"]
    assert facts_digest({**facts, "counts": {}}) != facts["facts_digest"]


def test_no_item_text_and_no_full_id_number_is_in_the_record(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief, room.deputy)
    told = str(filed(platform).facts)
    assert MARKER not in told
    assert not re.search(r"\d{17}[\dX]", re.sub(r"[0-9a-f]{64}", "", told))


def test_nobody_signs_twice_and_nobody_from_outside_signs(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief)
    with pytest.raises(Conflict, match="ALREADY_DONE"):
        sign(platform, room, room.chief)
    with pytest.raises(Forbidden, match="NOT_ASSIGNED"):
        sign(platform, room, an_inspector(platform))


def test_a_record_with_open_fields_is_not_signed(platform: Platform, room: ExamRoom) -> None:
    record_incident(platform.uow, *room.key, IncidentKind.OTHER, "有人进入考场", room.deputy)
    with pytest.raises(Conflict, match="OPEN_FIELDS") as refusal:
        sign(platform, room, room.chief)
    assert refusal.value.data["fields"] == ["incidents"]


def test_a_missing_five_point_check_is_explained_in_the_remark(platform: Platform, clock: ManualClock) -> None:
    clock.advance(70 * MINUTE)
    room = exam_rooms(platform, rooms=1, state=AttemptState.ANSWERING, sitting_state=SittingState.RUNNING)[0]
    end_room(platform.uow, *room.key, room.chief, "停电")
    with pytest.raises(Conflict, match="OPEN_FIELDS"):
        sign(platform, room, room.chief)
    sign(platform, room, room.chief, room.deputy, remark="开考十分钟停电，未及核对")
    assert "未及核对" in text_of(read_room_record(platform.uow, platform.record_store, *room.key))


def test_before_the_end_nobody_signs(platform: Platform, clock: ManualClock) -> None:
    room = exam_rooms(platform, rooms=1)[0]
    with pytest.raises(Conflict, match="ROOM_NOT_ENDED"):
        sign(platform, room, room.chief)


def test_a_changed_file_is_not_handed_out(platform: Platform, room: ExamRoom) -> None:
    sign(platform, room, room.chief, room.deputy)
    (platform.record_store / filed(platform).file_name).write_bytes(b"%PDF-1.7 something else")
    with pytest.raises(Unavailable, match="RECORD_FILE_CHANGED"):
        read_room_record(platform.uow, platform.record_store, *room.key)


def test_a_machine_without_chinese_fonts_refuses_before_anybody_signs(
    platform: Platform, room: ExamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(print_fonts, "_find", lambda folders: ())
    with pytest.raises(Unavailable, match="PRINT_FONT_MISSING") as refusal:
        sign(platform, room, room.chief)
    assert "fonts-noto-cjk" in refusal.value.message_zh
