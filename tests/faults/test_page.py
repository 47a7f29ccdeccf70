"""The page of the fault runs is what its data renders; nobody types a row."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.__main__ import keep_record
from tests.faults.catalogue import TITLES
from tests.faults.page import render_page
from tests.faults.records import (
    DATA,
    PAGE,
    ControlRecord,
    Machine,
    Record,
    Records,
    read_records,
    write_records,
)

RECORD = Record(
    id="F1", result="pass", n=50, seed=7, worst="0 lost of 12,345", remark="quiet", form="full", repetitions=50,
    control=ControlRecord(True, "3 lost", 1, 4.0), at="2026-11-21T08:00:00Z", commit="abc1234", wall_s=300.0,
    load_average=(0.1, 0.9), figures={"acked": 12345, "lost": 0},
)  # fmt: skip
MACHINE = Machine("Linux 6", "a processor", 2, 16, {"Python": "3.11"})


def rows_of(page: str) -> dict[str, str]:
    found = re.findall(r"^\| (F\d+) \| (pass|fail|not run) \|", page, re.MULTILINE)
    assert len(found) == len(dict(found)), "a fault has one row"
    return dict(found)


def test_the_page_is_what_its_data_renders() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(read_records(DATA)), (
        "deploy/docs/faults.md is written by `make faults`; `make faults ARGS=--render` writes it again from faults.json"
    )


def test_every_fault_of_the_matrix_has_one_row() -> None:
    assert list(rows_of(render_page(Records()))) == [f"F{number}" for number in range(1, 43)] == list(TITLES)


def test_a_fault_that_never_ran_says_so_whatever_else_the_page_holds() -> None:
    page = render_page(Records(MACHINE, {"F1": RECORD}))
    found = rows_of(page)
    assert found.pop("F1") == "pass"
    assert set(found.values()) == {"not run"}
    assert "**1** pass, **0** fail, **41** not run" in page


@pytest.mark.parametrize("result", ["pass", "fail", "not run"])
def test_the_result_is_the_records(result: str) -> None:
    page = render_page(Records(MACHINE, {"F7": replace(RECORD, id="F7", result=result)}))
    assert rows_of(page)["F7"] == result


def test_a_row_tells_repetitions_seed_worst_figure_control_and_load() -> None:
    row = next(line for line in render_page(Records(MACHINE, {"F1": RECORD})).splitlines() if line.startswith("| F1 |"))
    for part in ("| 50 |", "| 7 |", "0 lost of 12,345", "damage found: 3 lost", "0.1 → 0.9", "quiet", "2026-11-21"):
        assert part in row


def test_acknowledged_and_lost_answers_are_summed() -> None:
    other = replace(RECORD, id="F2", figures={"acked": 655, "lost": 2})
    page = render_page(Records(MACHINE, {"F1": RECORD, "F2": other}))
    assert "**13,000**; lost 丢失: **2**" in page


def test_a_run_of_one_row_keeps_the_others(tmp_path: Path) -> None:
    data, page = tmp_path / "faults.json", tmp_path / "faults.md"
    write_records(Records(MACHINE, {"F1": RECORD, "F2": replace(RECORD, id="F2")}), data)
    keep_record(replace(RECORD, id="F2", result="fail", seed=99), registered=["F1", "F2"], data=data, page=page)
    kept = read_records(data)
    assert kept.runs["F1"] == RECORD
    assert (kept.runs["F2"].result, kept.runs["F2"].seed) == ("fail", 99)
    assert page.read_text(encoding="utf-8") == render_page(kept)


def test_what_is_kept_reads_back_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "faults.json"
    records = Records(MACHINE, {"F1": RECORD})
    write_records(records, data)
    assert read_records(data) == records
