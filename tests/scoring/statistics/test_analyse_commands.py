"""`mingyuan analyse` on plain CSV: the JSON contract, clear refusals, odd files, the same twice."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from server.cli.analyse import app
from tests.scoring.statistics.reference_data import References, references
from tests.scoring.statistics.simulated_hall import make_hall, shuffled_letters

Run = Callable[..., tuple[int, Any]]


def no_nan(constant: str) -> Any:
    raise AssertionError(f"{constant} in the answer")


def run(*arguments: object) -> tuple[int, Any]:
    done = CliRunner().invoke(app, [*(str(each) for each in arguments), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if done.exit_code == 0:
        return 0, json.loads(done.stdout, parse_constant=no_nan)
    return done.exit_code, json.loads(done.stderr.strip().splitlines()[-1])


def sheet(path: Path, header: list[str], rows: list[list[object]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture
def hall_files(tmp_path: Path) -> dict[str, Path]:
    hall = make_hall(210, 60, 1, copiers=6, share=0.95)
    names, items = hall.matrix.persons, hall.matrix.items
    letters = np.array(list("ABCD"))
    shown = shuffled_letters(hall, 1).codes
    rows = [[name, *letters[row]] for name, row in zip(names, hall.codes, strict=True)]
    return {
        "responses": sheet(tmp_path / "responses.csv", ["person", *items], rows),
        "key": sheet(tmp_path / "key.csv", ["item", "key"], list(zip(items, letters[hall.key], strict=True))),  # type: ignore[arg-type]
        "rooms": sheet(
            tmp_path / "rooms.csv",
            ["person", "room", "row", "column", "class", "machine"],
            [
                [name, f"R{row // 30}", row % 30 // 5, row % 5, "一班", f"10.0.0.{row}"]
                for row, name in enumerate(names)
            ],
        ),
        "displayed": sheet(
            tmp_path / "displayed.csv",
            ["person", *(f"p{place}" for place in range(60))],
            [[name, *letters[row]] for name, row in zip(names, shown, strict=True)],
        ),
        "times": sheet(
            tmp_path / "times.csv",
            ["person", *items],
            [[name, *("1,234" if place == 0 else 30 + place for place in range(60))] for name in names],
        ),
    }


def test_items_answers_the_contract(hall_files: dict[str, Path]) -> None:
    code, answer = run("items", hall_files["responses"], "--key", hall_files["key"])
    assert code == 0
    assert len(answer["items"]) == 60
    assert {"item", "p", "sd", "item_total_r", "item_rest_r", "d27", "alpha_if_deleted", "options"} <= set(
        answer["items"][0]
    )
    assert {"n", "mean", "sd", "alpha", "kr20", "sem"} <= set(answer["test"])
    assert answer["test"]["n"] == 210


def test_irt_answers_the_contract_and_writes_abilities(hall_files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "abilities.csv"
    code, answer = run("irt", hall_files["responses"], "--key", hall_files["key"], "--model", "2pl", "--abilities", out)
    assert code == 0
    assert {"loglik", "items", "converged"} <= set(answer)
    assert {"item", "a", "b", "c", "se_a", "se_b"} <= set(answer["items"][0])
    with out.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 210
    assert {"person", "score", "eap", "se"} == set(lines[0])


def test_a_calibration_is_linked_to_an_earlier_one(hall_files: dict[str, Path], tmp_path: Path) -> None:
    _, first = run("irt", hall_files["responses"], "--key", hall_files["key"])
    rows = [
        [each["item"], each["a"] / 2, 2 * each["b"] + 1] for each in first["items"] if each["a"] and abs(each["b"]) < 2
    ]
    earlier = sheet(tmp_path / "earlier.csv", ["item", "a", "b"], rows)  # type: ignore[arg-type]
    code, answer = run("irt", hall_files["responses"], "--key", hall_files["key"], "--link", earlier)
    assert code == 0
    assert answer["link"]["slope"] == pytest.approx(2, abs=1e-3)
    assert answer["link"]["shift"] == pytest.approx(1, abs=1e-3)
    assert answer["items"][0]["b"] == pytest.approx(2 * first["items"][0]["b"] + 1, abs=0.01)


def test_dif_answers_the_contract(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    group = np.array(["纸笔", "机考"])[(random.random(700) < 0.4).astype(int)]
    theta, b = random.normal(size=(700, 1)), random.normal(size=15)
    p = 1 / (1 + np.exp(-(theta - b - 1.5 * (group == "机考")[:, None] * (np.arange(15) == 4))))
    letters = np.where(random.random((700, 15)) < p, "B", "C")
    items = [f"Q{each + 1}" for each in range(15)]
    responses = sheet(
        tmp_path / "r.csv", ["mode", *items], [[name, *row] for name, row in zip(group, letters, strict=True)]
    )
    key = sheet(tmp_path / "k.csv", ["item", "key"], [[item, "B"] for item in items])
    code, answer = run("dif", responses, "--key", key, "--group", "mode")
    assert code == 0
    assert {"item", "alpha_mh", "chi2", "p", "delta_mh", "class"} <= set(answer["items"][0])
    assert [each["item"] for each in answer["items"] if each["class"] == "C"] == ["Q5"]
    assert answer["items"][4]["delta_mh"] < -1.5
    code, refusal = run("dif", responses, "--key", key, "--group", "school")
    assert (code, refusal["code"]) == (1, "COLUMN_MISSING")


def test_similarity_answers_the_contract(hall_files: dict[str, Path]) -> None:
    names = ("rooms", "displayed", "times")
    more = [each for name in names for each in (f"--{name}", hall_files[name])]
    code, answer = run("similarity", hall_files["responses"], "--key", hall_files["key"], *more)
    assert code == 0
    assert len(answer["pairs"]) == 210 * 209 // 2
    first = answer["pairs"][0]
    assert {"a", "b", "identical", "identical_wrong", "gbt_p", "omega", "omega_p", "k_p"} <= set(first)
    assert answer["flagged"] >= 1
    assert first["flagged_by"]
    assert first["same_machine"] is False
    assert first["letters_positions"] == 60
    assert answer["seconds"] > 0


def test_the_same_files_give_the_same_answer(hall_files: dict[str, Path]) -> None:
    answers = []
    for _ in range(2):
        _, answer = run(
            "similarity", hall_files["responses"], "--key", hall_files["key"], "--rooms", hall_files["rooms"]
        )
        answer.pop("seconds")
        answers.append(answer)
    assert answers[0] == answers[1]


def test_the_forty_reference_pairs_come_out_of_the_command(sat12: Any) -> None:
    folder = references("sat12").folder
    near = folder / "similarity"
    code, answer = run(
        "similarity", near / "complete_cases.csv", "--key", folder / "key.csv",
        "--theta", near / "theta.csv", "--model", near / "nominal_model.csv",
    )  # fmt: skip
    assert code == 0
    found = {frozenset((each["a"], each["b"])): each for each in answer["pairs"]}
    for row in References(near).table("pairs_reference.csv"):
        pair = found[frozenset((row["id_1"], row["id_2"]))]
        assert pair["identical"] == int(row["identical"])
        assert pair["identical_wrong"] == int(row["identical_wrong"])
        assert pair["gbt_p"] == pytest.approx(float(row["gbt_p"]), abs=1e-6)
        assert pair["omega"] == pytest.approx(max(float(row["omega_1copies2"]), float(row["omega_2copies1"])), abs=1e-6)
        k = [float(row[name]) for name in ("K_1copies2", "K_2copies1") if row[name]]
        assert pair["k_p"] == pytest.approx(min(k), abs=1e-6)


ITEMS = ["Q1", "Q2", "Q3"]


@pytest.mark.parametrize(
    ("responses", "key", "code"),
    [
        ([["1", "A", "B", "C"], ["1", "A", "B", "C"]], [["Q1", "A"]], "PERSON_REPEATED"),
        ([["1", "A", "B", "C"]], [["Q1", "A"], ["Q2", "B"], ["Q3", "C"], ["Q4", "D"]], "KEY_ITEM_UNKNOWN"),
        ([["1", "A", "B", "C"]], [["Q1", "A"], ["Q1", "B"]], "ITEM_REPEATED"),
        ([["1", "A", "B"]], [["Q1", "A"]], "ROW_LENGTH_WRONG"),
        ([["1", "A", "!", "C"]], [["Q2", "A"]], "ANSWER_UNREADABLE"),
        ([["1", "A", "B", "C"]], [["Q2", "?"]], "ANSWER_UNREADABLE"),
        ([["1", "A", "B", "C"]], [["Q2", ""]], "KEY_EMPTY"),
        ([], [["Q2", "A"]], "FILE_EMPTY"),
        ([["1", "A", "B", "C"]], [], "FILE_EMPTY"),
        ([["1", "A", "B", "C"]], None, "SCORE_UNREADABLE"),
    ],
)
def test_wrong_files_are_refused_with_a_code_and_both_languages(
    tmp_path: Path, responses: list[list[object]], key: list[list[object]] | None, code: str
) -> None:
    arguments: list[object] = ["items", sheet(tmp_path / "r.csv", ["person", *ITEMS], responses)]
    if key is not None:
        arguments += ["--key", sheet(tmp_path / "k.csv", ["item", "key"], key)]
    status, refusal = run(*arguments)
    assert (status, refusal["code"]) == (1, code)
    assert refusal["message_zh"]
    assert refusal["message_en"]


def test_a_missing_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    assert run("items", tmp_path / "no.csv")[1]["code"] == "FILE_NOT_FOUND"
    (tmp_path / "bad.csv").write_bytes(b"a,b\n\xff\xfe\xff,1\n")
    assert run("items", tmp_path / "bad.csv")[1]["code"] == "FILE_ENCODING"


def test_real_shapes_are_read(tmp_path: Path) -> None:
    """Several letters, 32 options, marks with thousands separators, blanks, another encoding and column names."""
    responses = sheet(
        tmp_path / "r.csv",
        ["准考证号", "单选", "多选", "大题", "常数", "组别"],
        [
            ["01", "AF", "ACD", "1,200", "A", "x"],
            ["02", "AA", "D、C、A", "800", "A", "x"],
            ["03", "", "AC", "0", "A", "y"],
            ["04", "Ｂ", "", "1,000", "A", "y"],
        ],
        encoding="gb18030",
    )
    key = sheet(
        tmp_path / "k.csv",
        ["题号", "答案", "分值", "选项数"],
        [["单选", "AF", 1, 32], ["多选", "ACD", 2, 4], ["大题", "", "1,200", ""], ["常数", "A", 1, ""]],
        encoding="gb18030",
    )
    code, answer = run("items", responses, "--key", key)
    assert code == 0
    lines = {each["item"]: each for each in answer["items"]}
    assert (lines["单选"]["p"], lines["多选"]["p"], lines["大题"]["p"]) == (0.25, 0.5, 0.625)
    assert lines["常数"]["item_rest_r"] is None
    assert lines["常数"]["reasons"] == ["CONSTANT_ITEM"]
    assert answer["test"]["mean"] == pytest.approx((1204 + 803 + 1 + 1001) / 4)
    assert any("组别" in notice for notice in answer["notices"])


def test_one_candidate_is_described_without_a_not_a_number(tmp_path: Path) -> None:
    responses = sheet(tmp_path / "r.csv", ["person", *ITEMS], [["1", 1, 0, 1]])
    code, answer = run("items", responses)
    assert code == 0
    assert (answer["test"]["mean"], answer["test"]["sd"], answer["test"]["alpha"]) == (2, None, None)
    for command in ("irt",):
        assert run(command, responses)[1]["code"] == "TOO_FEW_CANDIDATES"
    key = sheet(tmp_path / "k.csv", ["item", "key"], [[item, "1"] for item in ITEMS])
    assert run("similarity", responses, "--key", key)[1]["code"] == "SIMILARITY_NEEDS_PAIRS"


def test_lines_for_people_say_what_to_look_at(hall_files: dict[str, Path]) -> None:
    plain = [
        ["items", hall_files["responses"], "--key", hall_files["key"]],
        ["irt", hall_files["responses"], "--key", hall_files["key"]],
        ["similarity", hall_files["responses"], "--key", hall_files["key"], "--rooms", hall_files["rooms"]],
    ]
    for arguments in plain:
        done = CliRunner().invoke(app, [str(each) for each in arguments])
        assert done.exit_code == 0
        assert "nan" not in done.stdout.lower()
        assert len(done.stdout.splitlines()) > 5
    assert "不能单独作废" in done.stdout
    assert "读取作答" in done.stderr
