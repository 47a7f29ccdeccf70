"""`mingyuan bank`: the JSON contracts of architecture 12."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import server.cli.context
from itembank.importers.bank_files import DEMO_BANK
from server.cli import bank
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.settings import Settings
from server.storage.database import Database
from server.webkit.platform import Platform
from tests.factories.itembank import START, VAULT

Run = Callable[..., tuple[int, dict[str, Any]]]
HERE = ("--occupation", "6-31-01-03", "--level", "4")


@pytest.fixture
def mingyuan(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    platform = Platform(Settings(data=tmp_path), ManualClock(START), sqlite_database, InProcessBus(), VAULT)
    monkeypatch.setattr(server.cli.context, "open_platform", lambda _data, **_how: platform)

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(bank.app, [*arguments, "--json"])
        return done.exit_code, json.loads(done.stdout or done.stderr)

    return run


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    path.write_text(
        "题型,题干,选项A,选项B,选项C,选项D,答案,章节\n"
        "单选,导体是（　）。,铜,橡胶,玻璃,陶瓷,A,材料\n判断,铜是导体。,,,,,对,材料\n填空,铜是___。,,,,,导体,材料\n单选,缺答案（　）。,甲,乙,丙,丁,,材料\n",
        encoding="utf-8",
    )
    return path


def test_an_import_says_what_the_contract_promises(mingyuan: Run, sheet: Path) -> None:
    status, said = mingyuan("import", str(sheet), *HERE, "--accept", "--spec-from-chapters", "cut")
    assert status == 0
    assert (said["read"], said["accepted"], said["rejected"]) == (4, 2, 2)
    assert said["by_type"] == {"single": 1, "multiple": 0, "true_false": 1}
    rows = {(each["row"], each["cell"], each["code"]) for each in said["problems"]}
    assert rows == {(4, "A4", "KIND_NOT_SUPPORTED"), (5, "G5", "NO_ANSWER")}
    assert all(each["message_zh"] and each["message_en"] for each in said["problems"])


def test_a_dry_run_stores_nothing(mingyuan: Run, sheet: Path) -> None:
    assert mingyuan("import", str(sheet), *HERE, "--dry-run", "--accept")[1]["accepted"] == 2
    assert mingyuan("readiness", *HERE)[1]["accepted"] == 0


def test_a_broken_file_is_refused_in_one_object(mingyuan: Run, tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"MZ")
    status, said = mingyuan("import", str(tmp_path / "x.xlsx"), *HERE)
    assert (status, said["code"]) == (1, "FILE_TYPE_REFUSED")


def test_the_demonstration_bank_is_ready(mingyuan: Run) -> None:
    status, loaded = mingyuan("demo")
    assert (status, loaded["points"]) == (0, 159)
    status, said = mingyuan("readiness", *HERE)
    assert status == 0
    assert said["ready"] is True
    assert (said["accepted"], said["required"], said["duplicates"]) == (loaded["items"], 1200, 0)
    assert said["papers_possible"] >= 6
    assert all(row["accepted"] >= row["required"] == 4 for row in said["by_point"])


def test_a_template_file_and_a_spec_file_are_taken(mingyuan: Run) -> None:
    assert mingyuan("spec", str(DEMO_BANK / "spec_table.toml"))[1]["points"] == 159
    made = mingyuan("generate", str(DEMO_BANK / "templates" / "circuits.toml"), *HERE)[1]
    assert made["stored"] == made["generated"] > 100
    assert mingyuan("generate", str(DEMO_BANK / "templates" / "circuits.toml"), *HERE)[1]["known"] == made["generated"]


def test_the_import_sheet_can_be_had(mingyuan: Run, tmp_path: Path) -> None:
    done = CliRunner().invoke(bank.app, ["template", str(tmp_path / "sheet.xlsx")])
    assert (done.exit_code, (tmp_path / "sheet.xlsx").is_file()) == (0, True)
