"""What must hold after every whole day, whatever happened in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from server.rehearsal.demo_people import roster_csv
from tests.support.commands import mingyuan


def names_of_the_demonstration(candidates: int, run: int = 1) -> list[str]:
    lines = roster_csv(candidates, run).decode().splitlines()[1:]
    return [line.split(",")[0] for line in lines]


def text_of(pdf: Path) -> str:
    """The text without the white space that the layout puts between characters."""
    return "".join("".join(page.extract_text() for page in PdfReader(pdf).pages).replace("\x00", "").split())


def assert_nothing_was_lost(day: Mapping[str, Any], candidates: int) -> None:
    assert day["candidates"] == candidates
    assert day["unfinished_people"] == 0
    assert day["answers_acked"] > candidates * 40
    assert (day["answers_lost"], day["answers_duplicated"], day["answers_wrong_final"]) == (0, 0, 0)
    assert day["time_error_s_max"] <= 1
    assert day["submitted"] == day["scored"] == day["results_delivered"] == candidates
    assert day["audit_ok"] is True
    assert day["refused_commands"] == []


def assert_records_tell_the_day(day: Mapping[str, Any], rooms: int, candidates: int) -> None:
    assert len(day["room_records"]) == rooms
    texts = [text_of(Path(path)) for path in day["room_records"]]
    for text in texts:
        assert "考场情况记录表" in text
        assert "启封见证" in text
        # Both proctors signed: their names stand as witnesses, and nobody was absent.
        assert "缺考0人" in text
    assert any(name in text for name in names_of_the_demonstration(candidates) for text in texts)


def assert_the_commands_agree(data: Path, candidates: int, environment: Mapping[str, str] | None = None) -> None:
    """What a person at the console finds the next morning."""
    verified = mingyuan("score", "--verify", "--data", data, environment=environment)
    assert verified.status == 0
    assert (verified.facts["attempts"], verified.facts["equal"], verified.facts["different"]) == (
        candidates,
        candidates,
        0,
    )

    audit = mingyuan("audit", "verify", "--data", data, environment=environment)
    assert (audit.status, audit.facts["ok"], audit.facts["first_bad"]) == (0, True, None)

    results = mingyuan("results", "status", "--data", data, environment=environment)
    assert results.facts["outbox"] == {"waiting": 0, "delivered": candidates, "dead": 0}
    assert [sitting["delivered"] for sitting in results.facts["sittings"]] == [candidates]
