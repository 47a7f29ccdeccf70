"""The duties of a serving node: rolling backups of the leader alone, disks watched and told."""

from __future__ import annotations

from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from server.core.clock import ManualClock
from server.core.errors import Unavailable
from server.core.events import AlarmRaised, Event
from server.migrations import newest_revision
from server.safekeeping import disk_watch
from server.safekeeping.backup_files import list_backups
from server.safekeeping.domain.disk_rules import Room
from server.safekeeping.freeze import build_of
from server.safekeeping.keeper import FIRST_AFTER_S, Keeper
from server.safekeeping.models import ServedSitting
from server.safekeeping.readiness import as_document, read_readiness
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting, SittingRoom
from server.storage.database import Database
from server.webkit.platform import Platform
from tests.factories.accounts import A_MORNING
from tests.factories.proctor import a_platform
from tests.factories.scheduling import a_furnished_sitting, a_vault

Statvfs = namedtuple("Statvfs", "f_bavail f_frsize f_blocks")  # noqa: PYI024 - stands for the system's own


@pytest.fixture
def platform(sqlite_database: Database, clock: ManualClock, tmp_path: Path) -> Platform:
    with sqlite_database.write_connection() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": newest_revision()})
    made = a_platform(sqlite_database, clock, tmp_path / "data")
    made.settings.data.mkdir()
    return made


@pytest.fixture
def heard(platform: Platform) -> list[Event]:
    events: list[Event] = []
    platform.bus.subscribe(events.append)
    return events


def open_a_sitting(platform: Platform) -> Sitting:
    with platform.uow() as work:
        sitting = a_furnished_sitting(
            work.session, a_vault(), rooms=2, state=SittingState.RUNNING, starts_at=A_MORNING
        ).sitting
        for room in work.session.scalars(select(SittingRoom)):
            room.admission_opened_at = A_MORNING
    return sitting


def a_keeper(platform: Platform, *, leads: bool = True) -> Keeper:
    return Keeper(platform, build_of(platform.settings, "0003"), lambda: leads)


def test_a_backup_every_hour_and_every_minute_while_a_sitting_is_open(platform: Platform, clock: ManualClock) -> None:
    keeper = a_keeper(platform)
    keeper.round()
    assert list_backups(platform.settings.backup_store) == [], "a starting node has better things to do"
    clock.advance(FIRST_AFTER_S)
    keeper.round()
    clock.advance(timedelta(minutes=59))
    keeper.round()
    assert len(list_backups(platform.settings.backup_store)) == 1
    open_a_sitting(platform)
    keeper.round()
    clock.advance(30)
    keeper.round()
    assert len(list_backups(platform.settings.backup_store)) == 2
    clock.advance(30)
    keeper.round()
    newest, *_ = list_backups(platform.settings.backup_store)
    assert len(list_backups(platform.settings.backup_store)) == 3
    assert newest.manifest.kind == "rolling"
    assert newest.manifest.open_sittings != []


def test_another_node_of_the_same_site_makes_none_but_remembers_its_build(
    platform: Platform, clock: ManualClock
) -> None:
    sitting = open_a_sitting(platform)
    keeper = a_keeper(platform, leads=False)
    clock.advance(FIRST_AFTER_S)
    keeper.round()
    assert list_backups(platform.settings.backup_store) == []
    with platform.uow.read() as session:
        assert session.get(ServedSitting, (sitting.id, "node-1")) is not None


def test_old_rolling_backups_go_and_those_made_by_hand_stay(platform: Platform, clock: ManualClock) -> None:
    keeper = a_keeper(platform)
    by_hand = keeper.back_up_if_due()
    assert by_hand is not None
    manifest = by_hand.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"rolling"', '"manual"'))
    for _ in range(4):
        clock.advance(timedelta(days=30))
        keeper.back_up_if_due()
    kept = list_backups(platform.settings.backup_store)
    assert [one.manifest.kind for one in kept] == ["rolling", "rolling", "rolling", "manual"]


def fake_disk(monkeypatch: pytest.MonkeyPatch, percent: float) -> None:
    def statvfs(_path: object) -> Any:
        return Statvfs(round(percent * 100), 4096, 10_000)

    monkeypatch.setattr(disk_watch.os, "statvfs", statvfs)


@pytest.mark.parametrize(
    ("percent", "room", "kind"), [(20.0, Room.OK, None), (14.0, Room.LOW, "disk_low"), (4.0, Room.FULL, "disk_full")]
)
def test_a_filling_disk_is_told_to_every_room_of_an_open_sitting(
    platform: Platform,
    heard: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    percent: float,
    room: Room,
    kind: str | None,
) -> None:
    sitting = open_a_sitting(platform)
    fake_disk(monkeypatch, percent)
    keeper = a_keeper(platform)
    keeper.disks.round()
    assert keeper.disks.worst is room
    alarms = [event for event in heard if isinstance(event, AlarmRaised)]
    assert {alarm.kind for alarm in alarms} == ({kind} if kind else set())
    assert len(alarms) == (2 if kind else 0)
    assert all(alarm.sitting_id == sitting.id for alarm in alarms)


def test_uploads_and_backups_wait_on_a_full_disk_and_go_on_as_soon_as_there_is_room(
    platform: Platform, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = a_keeper(platform)
    fake_disk(monkeypatch, 4)
    keeper.disks.round()
    with pytest.raises(Unavailable, match="DISK_FULL"):
        keeper.disks.refuse_if_full()
    with pytest.raises(Unavailable, match="DISK_FULL"):
        keeper.back_up_if_due()
    fake_disk(monkeypatch, 50)
    keeper.disks.refuse_if_full()
    assert keeper.back_up_if_due() is not None


def test_the_readiness_list_has_a_state_a_meaning_and_what_to_do(platform: Platform) -> None:
    lines = read_readiness(platform)
    found = {line.code: line.state.value for line in lines}
    assert found["DURABILITY"] == found["DISK_DATA"] == "ok"
    assert found["CLOCK"] == "blocking", "a clock moved by hand is not the machine's"
    assert found["BACKUP"] == "blocking", "there is none"
    assert found["RESTORE_DRILL"] == found["SECOND_JOURNAL"] == found["REHEARSAL"] == "warning"
    assert found["CERTIFICATE"] == "note"
    for line in lines:
        assert line.zh
        assert line.en
        assert line.state.value in {"ok", "note"} or (line.todo_zh and line.todo_en), line
    document = as_document(lines)
    assert document["status"] == 2
    assert document["blocking"] == sum(line.state.value == "blocking" for line in lines)


def test_a_check_that_cannot_look_is_a_line_that_blocks(platform: Platform) -> None:
    def check_broken(_platform: Platform) -> list[Any]:
        raise ZeroDivisionError

    (line,) = read_readiness(platform, (check_broken,))
    assert (line.code, line.state.value) == ("CHECK_BROKEN", "blocking")


def test_a_sitting_without_bags_and_proctors_blocks(platform: Platform) -> None:
    open_a_sitting(platform)
    lines = {line.code: line for line in read_readiness(platform)}
    assert lines["PAPERS"].state.value == "blocking"
    assert lines["PROCTORS"].state.value == "ok"
    assert lines["FREEZE"].state.value == "note"
