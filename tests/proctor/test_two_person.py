"""Fetching and opening take two people: different accounts, different log-ins, within the window (SZ-7.2(3), (6))."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import select

from itembank.models import Package
from proctor.models import TwoPersonAct
from proctor.services.fetch_paper import fetch_paper
from proctor.services.open_paper import open_paper
from proctor.services.tend_room import tend_room
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, Gone, InvalidInput
from server.scheduling.models import SittingRoom
from server.webkit.platform import Platform
from tests.factories.proctor import MINUTE, ExamRoom, T, an_inspector, exam_rooms, set_gates

SECRETS_WRONG = "AAAA-BBBB-CCCC-DDDD"


@pytest.fixture
def room(platform: Platform, clock: ManualClock) -> ExamRoom:
    clock.advance(31 * MINUTE)  # T-29
    return exam_rooms(platform, with_packages=True)[0]


@pytest.fixture
def fetched(platform: Platform, clock: ManualClock, room: ExamRoom) -> ExamRoom:
    set_gates(platform.uow, room, fetched_at=clock.now(), admission_opened_at=T - 15 * MINUTE)
    clock.advance(25 * MINUTE)  # T-4
    return room


def gates(platform: Platform, room: ExamRoom) -> SittingRoom:
    with platform.uow.read() as session:
        return session.get_one(SittingRoom, room.key)


def act(platform: Platform, room: ExamRoom) -> TwoPersonAct:
    with platform.uow.read() as session:
        query = select(TwoPersonAct).where(TwoPersonAct.room_id == room.room_id).order_by(TwoPersonAct.first_at.desc())
        return session.scalars(query).first()


def open_as(platform: Platform, room: ExamRoom, actor, secret: str, **more):
    return open_paper(platform.uow, platform.vault, *room.key, secret, actor, **more)


def test_the_first_proctor_waits_and_the_second_completes_the_fetching(platform: Platform, room: ExamRoom) -> None:
    first = fetch_paper(platform.uow, *room.key, room.chief)
    assert first.waiting_for_second
    assert gates(platform, room).fetched_at is None

    second = fetch_paper(platform.uow, *room.key, room.deputy)

    assert not second.waiting_for_second
    assert gates(platform, room).fetched_at == platform.clock.now()


def test_one_person_cannot_confirm_twice(platform: Platform, room: ExamRoom) -> None:
    fetch_paper(platform.uow, *room.key, room.chief)
    again = dataclasses.replace(room.chief, session="another log-in")
    for actor in (room.chief, again):
        with pytest.raises(Forbidden, match="SECOND_PERSON_REQUIRED"):
            fetch_paper(platform.uow, *room.key, actor)


def test_two_names_in_one_log_in_are_one_person(platform: Platform, room: ExamRoom) -> None:
    fetch_paper(platform.uow, *room.key, room.chief)
    with pytest.raises(Forbidden, match="SECOND_PERSON_REQUIRED"):
        fetch_paper(platform.uow, *room.key, dataclasses.replace(room.deputy, session=room.chief.session))


def test_an_inspector_is_not_the_rooms_second_proctor(platform: Platform, room: ExamRoom) -> None:
    fetch_paper(platform.uow, *room.key, room.chief)
    with pytest.raises(Forbidden, match="NOT_ASSIGNED"):
        fetch_paper(platform.uow, *room.key, an_inspector(platform))


def test_the_second_comes_too_late_after_the_window(platform: Platform, clock: ManualClock, room: ExamRoom) -> None:
    fetch_paper(platform.uow, *room.key, room.chief)
    clock.advance(10 * MINUTE)

    with pytest.raises(Gone, match="REQUEST_EXPIRED"):
        fetch_paper(platform.uow, *room.key, room.deputy)

    # and both can begin again
    assert fetch_paper(platform.uow, *room.key, room.deputy).waiting_for_second
    assert not fetch_paper(platform.uow, *room.key, room.chief).waiting_for_second


def test_the_last_second_of_the_window_counts(platform: Platform, clock: ManualClock, room: ExamRoom) -> None:
    fetch_paper(platform.uow, *room.key, room.chief)
    clock.advance(10 * MINUTE - MINUTE / 60)
    assert not fetch_paper(platform.uow, *room.key, room.deputy).waiting_for_second


def test_fetching_before_its_time_says_when(platform: Platform, clock: ManualClock) -> None:
    room = exam_rooms(platform, with_packages=True)[0]
    clock.advance(30 * MINUTE - MINUTE / 60)
    with pytest.raises(Conflict, match="TOO_EARLY") as refusal:
        fetch_paper(platform.uow, *room.key, room.chief)
    assert refusal.value.data["opens_at_ms"] == round((T - 30 * MINUTE).timestamp() * 1000)


def test_both_secrets_together_open_the_paper_and_it_is_on_record(platform: Platform, fetched: ExamRoom) -> None:
    one, two = fetched.package.opening_secrets
    assert open_as(platform, fetched, fetched.deputy, two).waiting_for_second
    done = open_as(platform, fetched, fetched.chief, one)

    assert done.done == 4
    assert gates(platform, fetched).paper_opened_at == platform.clock.now()
    with platform.uow.read() as session:
        assert session.get_one(Package, fetched.package.package_id).state == "opened"
        entry = list(
            session.scalars(
                select(AuditEntry).where(AuditEntry.action == "proctor.room_gate.passed").order_by(AuditEntry.seq)
            )
        )[-1]
        assert verify(session).ok
    assert entry.detail | {"gate": "paper_opened"} == entry.detail
    assert {entry.detail["first"], entry.detail["second"]} == {fetched.chief.id, fetched.deputy.id}
    assert entry.detail["package_digest"] == fetched.package.digest
    assert entry.detail["count"] == 4


def test_the_first_secret_is_kept_sealed_and_gone_afterwards(platform: Platform, fetched: ExamRoom) -> None:
    one, two = fetched.package.opening_secrets
    open_as(platform, fetched, fetched.chief, one)
    kept = act(platform, fetched).first_secret_cipher
    assert kept
    assert one.encode() not in kept

    open_as(platform, fetched, fetched.deputy, two)

    assert act(platform, fetched).first_secret_cipher is None


def test_a_secret_nobody_came_for_does_not_stay(platform: Platform, clock: ManualClock, fetched: ExamRoom) -> None:
    open_as(platform, fetched, fetched.chief, fetched.package.opening_secrets[0])
    clock.advance(10 * MINUTE)

    tend_room(platform.uow, *fetched.key)

    assert act(platform, fetched).first_secret_cipher is None
    assert act(platform, fetched).closed_at is not None


def test_wrong_secrets_open_nothing_and_both_begin_again(platform: Platform, fetched: ExamRoom) -> None:
    one, two = fetched.package.opening_secrets
    open_as(platform, fetched, fetched.chief, SECRETS_WRONG)
    with pytest.raises(Forbidden, match="OPENING_SECRET_WRONG"):
        open_as(platform, fetched, fetched.deputy, two)
    assert gates(platform, fetched).paper_opened_at is None

    assert open_as(platform, fetched, fetched.chief, one).waiting_for_second
    assert open_as(platform, fetched, fetched.deputy, two).done == 4
    with platform.uow.read() as session:
        refusals = list(
            session.scalars(
                select(AuditEntry).where(AuditEntry.action == "bank.package.opening_refused").order_by(AuditEntry.seq)
            )
        )
    assert len(refusals) == 1
    assert two not in str(refusals[0].detail)


def test_the_same_secret_twice_is_not_two_secrets(platform: Platform, fetched: ExamRoom) -> None:
    one, _ = fetched.package.opening_secrets
    open_as(platform, fetched, fetched.chief, one)
    with pytest.raises(Forbidden, match="OPENING_SECRET_WRONG"):
        open_as(platform, fetched, fetched.deputy, one)


def test_the_paper_stays_closed_until_five_minutes_before(
    platform: Platform, clock: ManualClock, room: ExamRoom
) -> None:
    set_gates(platform.uow, room, fetched_at=clock.now())
    with pytest.raises(Conflict, match="TOO_EARLY"):
        open_as(platform, room, room.chief, room.package.opening_secrets[0])


def test_the_backup_paper_needs_a_reason_and_the_inspector(platform: Platform, fetched: ExamRoom) -> None:
    with platform.uow() as work:
        work.session.get_one(SittingRoom, fetched.key).backup_package_id = fetched.package.package_id
    one, two = fetched.package.opening_secrets
    with pytest.raises(InvalidInput, match="REASON_REQUIRED"):
        open_as(platform, fetched, fetched.chief, one, backup=True)
    open_as(platform, fetched, fetched.chief, one, backup=True, reason="试卷缺页")
    with pytest.raises(Forbidden, match="BACKUP_NEEDS_INSPECTOR"):
        open_as(platform, fetched, fetched.deputy, two, backup=True, reason="试卷缺页")
    assert open_as(platform, fetched, an_inspector(platform), two, backup=True, reason="试卷缺页").done == 4
