"""A drill is watched and timed; what was not seen does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from server.core.clock import ManualClock
from server.rehearsal.drill import LOOK_EVERY_S, STEPS, Drill, DrillStep, drill_facts
from server.rehearsal.drill_watch import HealthWatch, PersonWatch

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
STEP = replace(STEPS["server-kill"], wanted_s=5.0, disturbed_within_s=10.0, recovered_within_s=10.0)


class Pretend:
    """Shows what it is told, one look after the other; the last one stays."""

    def __init__(self, *looks: bool | None) -> None:
        self._looks: Iterator[bool | None] = iter(looks)
        self._now: bool | None = None

    def look(self) -> bool | None:
        self._now = next(self._looks, self._now)
        return self._now

    def close(self) -> None:
        pass


class Stage:
    """A drill without waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.said: list[str] = []
        self.drill = Drill(self.ask, self.said.append, ManualClock(NOW), lambda: self.now, self.sleep)

    def ask(self, step: DrillStep) -> str:
        self.asked.append(step.key)
        return "张三"

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_recovery_in_time_passes_with_its_length_and_who_did_it() -> None:
    stage = Stage()
    outcome = stage.drill.play(STEP, Pretend(True, True, False, False, None, None, True))
    assert (outcome.passed, outcome.recovered_s, outcome.done_by, outcome.remark) == (
        True,
        3 * LOOK_EVERY_S,
        "张三",
        "",
    )
    assert outcome.began_at.startswith("2026-11-21T08:00:00")


def test_a_recovery_that_takes_too_long_does_not_pass() -> None:
    outcome = Stage().drill.play(replace(STEP, wanted_s=0.5), Pretend(True, *[False] * 6, True))
    assert not outcome.passed
    assert outcome.recovered_s == 1.25
    assert "0.5" in outcome.remark


@pytest.mark.parametrize(
    ("looks", "remark"),
    [
        ((True,), "没有观察到变化"),
        ((True, False), "没有恢复"),
        ((False,), "演习前就不正常"),
        ((None,), "演习前就不正常"),
    ],
)
def test_what_was_not_seen_does_not_pass(looks: tuple[bool | None, ...], remark: str) -> None:
    stage = Stage()
    outcome = stage.drill.play(STEP, Pretend(*looks))
    assert (outcome.passed, outcome.recovered_s) == (False, None)
    assert remark in outcome.remark
    facts = drill_facts(stage.drill.outcomes, made_at=NOW, place="示例考点", server="http://10.0.0.1", nodes=1)
    assert facts["passed"] is False
    assert facts["bars"][0]["found"].startswith("未测")


def test_nobody_is_asked_to_break_what_is_not_well() -> None:
    stage = Stage()
    stage.drill.play(STEP, Pretend(False))
    assert stage.asked == []


def test_a_drill_without_steps_has_not_passed() -> None:
    assert drill_facts([], made_at=NOW, place="", server="", nodes=1)["passed"] is False


def test_what_no_machine_sees_is_timed_between_two_words_of_a_person() -> None:
    stage = Stage()
    words: list[str] = []

    def takes_a_while() -> None:
        words.append("done")
        stage.now += 90

    outcome = stage.drill.play(replace(STEPS["backup-paper"], wanted_s=100), PersonWatch(takes_a_while))
    assert words == ["done"]
    assert outcome.passed
    assert outcome.recovered_s is not None
    assert outcome.recovered_s >= 90


def test_every_node_must_answer_to_be_well(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = {"http://10.0.0.2:8600"}

    def get(_self: httpx.Client, address: str) -> httpx.Response:
        if address.removesuffix("/healthz") in dead:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    monkeypatch.setattr(httpx.Client, "get", get)
    watch = HealthWatch(["http://10.0.0.1:8600", "http://10.0.0.2:8600"])
    assert watch.look() is None
    dead.clear()
    assert watch.look() is True
    watch.close()
