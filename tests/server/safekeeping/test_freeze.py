"""While a sitting is open nothing about the system changes, unless two different people say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from server.audit.models import AuditEntry
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, InvalidInput
from server.core.permissions import Role
from server.safekeeping.domain.freeze_rules import OVERRIDE_LASTS, Build
from server.safekeeping.freeze import build_of, check_start, note_served, require_unfrozen
from server.safekeeping.models import ServedSitting
from server.safekeeping.services.lift_freeze import lift_freeze
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting, SittingRoom
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import A_MORNING, an_account, an_actor
from tests.factories.scheduling import a_furnished_sitting, a_vault

HEAD = "0009"
SETTINGS = Settings(data=Path("unused"), node_name="node-1")
MINE = build_of(SETTINGS, HEAD)


@pytest.fixture
def sitting_id(uow: UnitOfWork) -> str:
    """A sitting whose doors are open."""
    with uow() as work:
        sitting = a_furnished_sitting(
            work.session, a_vault(), rooms=1, state=SittingState.RUNNING, starts_at=A_MORNING
        ).sitting
        for room in work.session.scalars(select(SittingRoom)):
            room.admission_opened_at = A_MORNING
    return sitting.id


def start(
    database: Database,
    clock: ManualClock,
    *,
    revision: str | None = HEAD,
    settings: Settings = SETTINGS,
    serving: bool = True,
    head: str = HEAD,
) -> None:
    check_start(database, settings, clock, revision=revision, head=head, serving=serving)


def test_a_pending_migration_is_refused_with_what_to_do(
    sitting_id: str, database: Database, clock: ManualClock
) -> None:
    for serving in (True, False):
        with pytest.raises(Conflict, match="FROZEN") as refused:
            start(database, clock, revision="0008", serving=serving)
        assert refused.value.data["sittings"] == [sitting_id]
        assert "migration" in refused.value.data["changes"]
        assert "mingyuan freeze lift" in refused.value.message_zh
    start(database, clock)
    start(database, clock, revision=None)


def test_without_an_open_sitting_everything_may_change(
    sitting_id: str, uow: UnitOfWork, database: Database, clock: ManualClock
) -> None:
    with uow() as work:
        work.session.get_one(Sitting, sitting_id).state = SittingState.CLOSED.value
    start(database, clock, revision="0001")


def test_the_version_a_sitting_began_with_is_remembered_and_another_one_refused(
    sitting_id: str, uow: UnitOfWork, database: Database, clock: ManualClock
) -> None:
    assert note_served(uow, "node-1", MINE) == 1
    assert note_served(uow, "node-1", MINE) == 0
    assert note_served(uow, "node-2", MINE) == 1
    start(database, clock)
    with uow() as work:
        for row in work.session.scalars(select(ServedSitting)):
            row.version = "0.0.9"
    with pytest.raises(Conflict, match="FROZEN") as refused:
        start(database, clock)
    assert refused.value.data["changes"] == ["version"]
    start(database, clock, serving=False)


def test_other_settings_on_the_same_node_are_refused_but_addresses_may_move(
    sitting_id: str, uow: UnitOfWork, database: Database, clock: ManualClock
) -> None:
    note_served(uow, "node-1", MINE)
    moved = Settings(data=Path("elsewhere"), node_name="node-1", port=9000, database_url="postgresql://db2/x")
    start(database, clock, settings=moved)
    changed = Settings(data=Path("unused"), node_name="node-1", secure_cookies=True)
    with pytest.raises(Conflict, match="FROZEN") as refused:
        start(database, clock, settings=changed)
    assert refused.value.data["changes"] == ["settings"]
    start(database, clock, settings=changed.model_copy(update={"node_name": "node-2"}))


def test_two_people_lift_it_for_half_an_hour_on_record(
    sitting_id: str, uow: UnitOfWork, database: Database, clock: ManualClock
) -> None:
    with uow() as work:
        first = an_actor(an_account(work.session, (Role.OFFICE_HEAD,)))
        second = an_actor(an_account(work.session, (Role.SYSADMIN,)))
    with pytest.raises(Forbidden, match="SECOND_PERSON_REQUIRED"):
        lift_freeze(uow, first, first, "紧急修复")
    with pytest.raises(InvalidInput, match="REASON_NEEDED"):
        lift_freeze(uow, first, second, "  ")
    with pytest.raises(Conflict, match="FROZEN"), uow.read() as session:
        require_unfrozen(session, clock.now(), "导入演示数据", "loading demonstration data")
    note_served(uow, "node-1", Build("0.0.9", HEAD, MINE.settings_digest))
    lift_freeze(uow, first, second, "紧急修复")
    start(database, clock, revision="0008")
    with uow.read() as session:
        require_unfrozen(session, clock.now(), "", "")
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc())).first()
        assert entry is not None
        assert (entry.action, entry.actor, entry.reason) == ("safekeeping.freeze.overridden", first.id, "紧急修复")
        assert entry.detail["second_by"] == second.id
        assert entry.detail["sittings"] == [sitting_id]
    assert note_served(uow, "node-1", MINE) == 1, "what they let in is the build from now on"
    clock.advance(OVERRIDE_LASTS)
    with pytest.raises(Conflict, match="FROZEN"):
        start(database, clock, revision="0008")
    start(database, clock)
