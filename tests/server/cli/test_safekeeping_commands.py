"""`mingyuan backup | restore | doctor | settings | freeze` as somebody at a shell runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from server.scheduling.domain.states import SittingState
from server.scheduling.models import SittingRoom
from tests.factories.scheduling import a_furnished_sitting
from tests.support.commands import mingyuan, mingyuan_here
from tests.support.live_server import open_platform

PASSWORDS = {"MINGYUAN_STAFF_PASSWORD": "一句很长的口令 one", "MINGYUAN_SECOND_PASSWORD": "一句很长的口令 two"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a sitting whose doors are open."""
    from server.accounts.services.create_account import create_account
    from server.core.actor import SYSTEM
    from server.core.permissions import Role

    folder = tmp_path_factory.mktemp("site") / "data"
    platform = open_platform(folder)
    with platform.uow() as work:
        now = platform.clock.now()
        a_furnished_sitting(work.session, platform.vault, rooms=1, state=SittingState.RUNNING, starts_at=now)
        for room in work.session.scalars(select(SittingRoom)):
            room.admission_opened_at = now
    create_account(platform.uow, "head", "主任", [Role.OFFICE_HEAD], PASSWORDS["MINGYUAN_STAFF_PASSWORD"], SYSTEM)
    create_account(platform.uow, "admin", "管理员", [Role.SYSADMIN], PASSWORDS["MINGYUAN_SECOND_PASSWORD"], SYSTEM)
    platform.database.dispose()
    return folder


def test_a_backup_is_restored_elsewhere_and_found_whole(data: Path, tmp_path: Path) -> None:
    made = mingyuan_here("backup", "--data", data, "--to", tmp_path / "stick")
    assert made.status == 0
    restored = mingyuan_here(
        "restore", made.facts["folder"], "--into", tmp_path / "new", "--key-file", data / "keys" / "master.key"
    )
    assert (restored.status, restored.facts["ok"]) == (0, True)
    assert restored.facts["checks"]["audit_entries"] > 0
    assert mingyuan_here("audit", "verify", "--data", tmp_path / "new").facts["ok"]


def test_the_drill_starts_a_server_on_the_newest_backup_and_is_on_record(data: Path) -> None:
    assert mingyuan_here("backup", "--data", data).status == 0
    drill = mingyuan("restore", "--drill", "--data", data, seconds=120)
    assert drill.facts["ok"], drill
    assert drill.facts["seconds"] < 900
    lines = {line["code"]: line for line in mingyuan_here("doctor", "--data", data).facts["lines"]}
    assert lines["RESTORE_DRILL"]["state"] == "ok"
    assert lines["BACKUP"]["state"] == "ok"


def test_the_doctor_says_what_blocks_by_its_exit_status(data: Path) -> None:
    answer = mingyuan_here("doctor", "--data", data)
    assert answer.status == answer.facts["status"] == 2
    blocking = {line["code"] for line in answer.facts["lines"] if line["state"] == "blocking"}
    assert "PAPERS" in blocking


def test_settings_show_their_source_and_hide_secrets(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('port = 8700\ndatabase_url = "postgresql://exam:geheim@db/mingyuan"\n')
    answer = mingyuan("settings", "--data", tmp_path, environment={"MINGYUAN_REDIS_URL": "redis://:geheim2@r:6379/0"})
    lines = {line["name"]: line for line in answer.facts["settings"]}
    assert (lines["port"]["value"], lines["port"]["source"]) == (8700, "file")
    assert lines["redis_url"]["source"] == "environment"
    assert lines["host"]["source"] == "default"
    assert lines["database_url"]["value"] == "postgresql://exam:***@db/mingyuan"
    assert "geheim" not in str(answer.facts)


@pytest.mark.parametrize(
    ("toml", "environment"), [("porrt = 1", {}), ("", {"MINGYUAN_PORRT": "1"}), ("port = 'x'", {}), ("port =", {})]
)
def test_an_unknown_or_wrong_setting_is_an_error(tmp_path: Path, toml: str, environment: dict[str, str]) -> None:
    (tmp_path / "settings.toml").write_text(toml)
    answer = mingyuan_here("settings", "--data", tmp_path, environment=environment)
    assert answer.status == 1
    assert answer.facts["code"] in {"SETTINGS_WRONG", "SETTING_UNKNOWN"}


def test_two_people_lift_the_freeze_and_one_person_cannot(data: Path) -> None:
    assert mingyuan_here("freeze", "status", "--data", data).facts["frozen"]
    lift = ("freeze", "lift", "--data", data, "--reason", "紧急修复", "--login", "head", "--second-login")
    alone = {**PASSWORDS, "MINGYUAN_SECOND_PASSWORD": PASSWORDS["MINGYUAN_STAFF_PASSWORD"]}
    with pytest.raises(AssertionError, match="SECOND_PERSON_REQUIRED"):
        mingyuan_here(*lift, "head", environment=alone)
    with pytest.raises(AssertionError, match="NAME_OR_PASSWORD_WRONG"):
        mingyuan_here(*lift, "admin", environment=alone)
    assert mingyuan_here(*lift, "admin", environment=PASSWORDS).facts["lifted_until"]
    assert not mingyuan_here("freeze", "status", "--data", data).facts["frozen"]
