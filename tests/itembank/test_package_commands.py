"""`mingyuan paper …`: the JSON contract of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.cli.context import open_platform
from server.cli.paper import app
from tests.factories.paper_rows import a_paper_world

ASSEMBLE = ["assemble", "--spec", "small", "--forms", "2", "--backups", "1", "--seed", "7", "--json"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    platform = open_platform(tmp_path / "data")
    a_paper_world(platform.database, platform.paper_store, vault=platform.vault)
    platform.database.dispose()
    return tmp_path / "data"


def _run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def _json(data: Path, *arguments: str) -> dict:
    result = _run(data, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_assemble_prints_its_contract_and_repeats_itself(data: Path) -> None:
    made, again = _json(data, *ASSEMBLE), _json(data, *ASSEMBLE)
    assert {"forms", "max_overlap", "violations", "seconds", "digest"} <= set(made)
    assert set(made["forms"][0]) >= {"id", "items", "points", "by_type", "by_range", "expected_scores", "loading_sum"}
    assert [form["label"] for form in made["forms"]] == ["A", "B", "S1"]
    assert made["forms"][0]["by_type"] == {"single": 6, "true_false": 2, "multiple": 2}
    assert made["forms"][0]["by_range"]["A"] == 6
    assert made["forms"][0]["points"] == 12
    assert (made["max_overlap"], made["violations"]) == (0, [])
    assert made["digest"] == again["digest"]
    assert [form["items"] for form in made["forms"]] == [form["items"] for form in again["forms"]]


def test_a_paper_goes_from_assembly_to_opening(data: Path) -> None:
    paper = _json(data, *ASSEMBLE)["paper"]
    assert _json(data, "check", paper, "--approve", "--json")["violations"] == []
    sealed = _json(data, "seal", paper, "--label", "第一机房", "--copies", "A=2", "--copies", "B=1", "--json")
    assert sealed["scripts"] == 3
    first, second = sealed["opening_secrets"]
    refused = _run(data, "open", sealed["package"], "--secret-1", first, "--secret-2", first)
    assert refused.exit_code == 1
    assert "OPENING_SECRET_WRONG" in refused.stderr
    opened = _json(data, "open", sealed["package"], "--secret-1", second, "--secret-2", first, "--json")
    assert (opened["digest"], opened["scripts"]) == (sealed["digest"], 3)


def test_a_whole_description_in_one_file_needs_no_bank(data: Path, tmp_path: Path) -> None:
    document = {
        "plan": {"sections": [{"kind": "single", "count": 4, "points_each": 2500}], "minutes": 10},
        "ranges": [{"path": "A", "weight": 5000}, {"path": "B", "weight": 5000}],
        "points": [{"path": f"{top}/{n}", "importance": "X"} for top in "AB" for n in range(4)],
        "items": [
            {"id": f"i{n}", "kind": "single", "point": f"{'AB'[n % 2]}/{n // 2 % 4}", "difficulty": n % 5 + 1}
            for n in range(40)
        ],
    }
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    made = _json(data, "assemble", "--spec", str(file), "--forms", "2", "--backups", "0", "--seed", "1", "--json")
    assert made["forms"][0]["by_range"] == {"A": 2, "B": 2}
    assert made["paper"] == ""


@pytest.mark.parametrize(("text", "code"), [
    ("a,b\n1,2\n", "SPEC_FILE_FORMAT"),
    ("[]", "SPEC_FILE_INVALID"),
    ('{"plan": {"sections": [], "minutes": 1}}', "PAPER_PLAN_INVALID"),
    ('{"spec": "nothing"}', "SPEC_TABLE_NOT_FOUND"),
])  # fmt: skip
def test_a_broken_file_is_refused_with_its_code(data: Path, tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "spec.txt"
    file.write_text(text, encoding="utf-8")
    refused = _run(data, "assemble", "--spec", str(file))
    assert refused.exit_code == 1
    assert code in refused.stderr


def test_what_the_bank_lacks_is_on_standard_error(data: Path, tmp_path: Path) -> None:
    document = {
        "plan": {"sections": [{"kind": "single", "count": 4, "points_each": 2500}], "minutes": 10},
        "ranges": [{"path": "A", "name": "基本要求", "weight": 10000}],
        "points": [{"path": "A/1"}, {"path": "A/2"}],
        "items": [{"id": "i1", "kind": "single", "point": "A/1"}],
    }
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    refused = _run(data, "assemble", "--spec", str(file), "--json")
    assert refused.exit_code == 1
    refusal = json.loads(refused.stderr)
    assert refusal["code"] == "ASSEMBLY_INFEASIBLE"
    assert refusal["data"]["lacking"] == [
        {"kind": "single", "range": "A", "range_name": "基本要求", "importance": "", "lacking": 3}
    ]
    assert "基本要求" in refusal["message_zh"]
    assert refused.stdout == ""


def test_copies_written_wrongly_are_refused(data: Path) -> None:
    paper = _json(data, *ASSEMBLE)["paper"]
    assert "COPIES_INVALID" in _run(data, "seal", paper, "--label", "x", "--copies", "A").stderr
