"""The report to sign holds the figures; outcomes are kept for readiness."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from server.adapters.print_fonts import find_print_fonts
from server.rehearsal.drill import STEPS, StepOutcome, drill_facts
from server.rehearsal.history import History, Sent
from server.rehearsal.load_plan import CandidateEnd, LoadReport, NemesisEvent, spread
from server.rehearsal.outcome import acked_per_second, facts_of, judge
from server.rehearsal.past_rehearsals import last_rehearsal, past_rehearsals, store_rehearsal
from server.rehearsal.report_pdf import draw_report

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def report(**changes: object) -> LoadReport:
    entries = [
        Sent("a", "p", n, "i", ("x",), acked=True, standing="counted", save_ms=3.0 + n / 10, clicked_at=100 + n / 10,
             acked_at=100 + n / 10 + (2.0 if 30 <= n < 50 else 0.0))
        for n in range(1, 101)
    ]  # fmt: skip
    facts: dict[str, object] = {
        "candidates": 137, "rate_per_s": 10.0, "seconds": 10.0, "seed": 4711, "clicked": 100, "acked": 100, "lost": 0,
        "duplicated": 0, "foreign": 0, "wrong_final": 0, "unacked": 0, "saves_per_s": 9.87,
        "save_ms": {"p50": 3.21, "p95": 17.65, "p99": 23.45, "max": 98.76}, "reconnect_s": spread([0.5, 1.25]), "begin_s": spread([0.2]),
        "reconnects": 2, "server_cpu_s": 1.234, "database_cpu_s": None, "client_cpu_s": 0.5, "time_error_s_max": 0.42,
        "lost_time_s_max": 2.0, "given_back_s_max": 2.42, "proctors_failed": [], "turned_away": {}, "refusals": {}, "submitted": 0,
        "wall_s": 30.0, "load_average": (0.5, 0.4, 0.3), "judged_by": "database", "window": (100.0, 110.0),
        "nemesis_log": [NemesisEvent("node-kill", "node 1 of 1", 103.0, 105.0, figures={"ready_s": 1.97})],
        "ends": [CandidateEnd("t", "r", "a", "answering", 2.42, 0, 0, 0, {})],
        "history": History({(one.attempt_id, one.page_id, one.seq): one for one in entries}),
    }  # fmt: skip
    return LoadReport(**{**facts, **changes})  # type: ignore[arg-type]


def facts(**changes: object) -> dict[str, object]:
    return facts_of(
        report(**changes), ["node-kill"], made_at=NOW, place="示例考点", server="自带服务", database="sqlite", nodes=1
    )


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\x00", "")


def test_the_report_holds_place_figures_faults_bars_and_lines_for_two_signatures() -> None:
    text = text_of(draw_report(facts(), find_print_fonts()))
    for piece in (
        "示例考点", "137", "9.87", "3.21", "17.65", "23.45", "98.76", "1.234", "4711", "node-kill", "1.97", "0.42",
        "全部达标", "技术负责人", "考点负责人", "2026-11-21 16:30",
    ):  # fmt: skip
        assert piece in text, piece


def test_a_lost_answer_is_said_loudly() -> None:
    found = facts(lost=3)
    assert found["passed"] is False
    text = text_of(draw_report(found, find_print_fonts()))
    assert "有未达标项" in text
    assert "未达标" in text.replace("有未达标项", "")


@pytest.mark.parametrize(
    "damage",
    [{"lost": 1}, {"duplicated": 1}, {"foreign": 1}, {"wrong_final": 1}, {"unacked": 1}, {"turned_away": {"SEAT_IN_USE": 1}},
     {"time_error_s_max": 1.01}, {"reconnect_s": spread([10.1])}],
)  # fmt: skip
def test_every_broken_promise_breaks_its_own_bar_and_no_other(damage: dict[str, object]) -> None:
    assert all(bar.met for bar in judge(report(), ["node-kill"]))
    assert sum(not bar.met for bar in judge(report(**damage), ["node-kill"])) == 1


def test_without_a_fault_speed_is_judged_too() -> None:
    slow = report(save_ms={"p50": 1.0, "p95": 900.0, "p99": 1500.0, "max": 2000.0}, saves_per_s=9.0)
    assert {bar.words_en for bar in judge(slow, []) if not bar.met} == {"saving, p99", "of the planned rate"}


def test_what_could_not_be_measured_makes_no_bar() -> None:
    words = {bar.words_en for bar in judge(report(duplicated=None, foreign=None, judged_by="wire"), [])}
    assert not words & {"stored twice", "stored but never sent", "error of time given back"}


def test_the_chart_shows_the_silence_of_the_fault() -> None:
    counts = acked_per_second(report())
    assert sum(counts) == 100
    assert counts[3:5] == [0, 0]


def test_moments_of_the_log_count_from_the_opening_of_the_window() -> None:
    log = facts()["nemesis_log"]
    assert isinstance(log, list)
    assert (log[0]["began_at"], log[0]["ended_at"]) == (3.0, 5.0)


def test_a_drill_has_a_report_of_its_own() -> None:
    step = STEPS["server-kill"]
    outcome = StepOutcome(step.key, step.words_zh, step.words_en, "张三", NOW.isoformat(), 12.34, 30.0, True, "")
    found = drill_facts([outcome], made_at=NOW, place="示例考点", server="http://10.0.0.1", nodes=2)
    text = text_of(draw_report(found, find_print_fonts()))
    for piece in ("强制结束考试服务", "张三", "12.34 s", "通过", "全部达标"):
        assert piece in text, piece


def test_the_last_rehearsal_is_the_latest_of_its_kind(tmp_path: Path) -> None:
    assert last_rehearsal(tmp_path) is None
    store_rehearsal(tmp_path, facts())
    store_rehearsal(tmp_path, {**facts(lost=1), "made_at": "2026-11-22T08:30:00+00:00"})
    drill = drill_facts([], made_at=NOW, place="", server="", nodes=1)
    store_rehearsal(tmp_path, {**drill, "made_at": "2026-11-23T08:30:00+00:00"})
    latest = last_rehearsal(tmp_path)
    assert latest is not None
    assert (latest.passed, latest.made_at.day, latest.candidates, latest.faults) == (False, 22, 137, ("node-kill",))
    one = last_rehearsal(tmp_path, "drill")
    assert one is not None
    assert one.made_at.day == 23
    assert len(past_rehearsals(tmp_path)) == 3


def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    store_rehearsal(tmp_path, facts())
    (tmp_path / "rehearsals" / "broken.json").write_text("{", encoding="utf-8")
    assert len(past_rehearsals(tmp_path)) == 1
