"""The drill of a site 现场演习: people break their real machines, step by step; this watches and measures until all is well again.

Pure of people and networks: `ask` shows an instruction and returns who did it, a `Watch` says how things stand. Times are
those of the machine the drill runs on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from server.core.clock import Clock, SystemClock
from server.rehearsal.outcome import Bar, machine, versions

LOOK_EVERY_S = 0.25


class Watch(Protocol):
    """Looks at one thing."""

    def look(self) -> bool | None:
        """True: as it should be. False: disturbed. None: cannot be seen (counts as disturbed)."""
        ...

    def close(self) -> None:
        """Look away."""
        ...


@dataclass(frozen=True, slots=True)
class DrillStep:
    """One thing the site's people do."""

    key: str
    words_zh: str
    words_en: str
    #: what to do, in full
    instruction_zh: str
    #: well again within so many seconds after it was seen to be disturbed
    wanted_s: float
    #: the disturbance is waited for so long, and the recovery after it
    disturbed_within_s: float = 300.0
    recovered_within_s: float = 600.0


STEPS: dict[str, DrillStep] = {
    step.key: step
    for step in (
        DrillStep(
            "server-kill", "强制结束考试服务", "kill the server",
            "在服务器上强制结束考试服务进程（例如：systemctl kill --signal=KILL mingyuan），或关掉服务器电源再开机。不要做别的，等待它自己恢复。",
            30,
        ),
        DrillStep(
            "lan-cut", "拔掉网线再插回", "pull the LAN cable",
            "拔掉本机（或本考场交换机上联口）的网线，心里数到二十，再插回。",
            30 + 20,
        ),
        DrillStep(
            "pc-swap", "换一台考试机", "swap a PC",
            "请监考员在看板上选一名模拟考生，按“换机放行”，让考生在备用机上登录，再按“恢复”。考生应看到原来的答案。",
            120,
        ),
        DrillStep(
            "backup-paper", "启用备用卷", "open the backup paper",
            "请两名监考员到场，按预案在看板上启封备用卷，各输入自己的启封口令。",
            180,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one step went."""

    key: str
    words_zh: str
    words_en: str
    done_by: str
    began_at: str
    #: from the first disturbed look to the first good one; None: never disturbed, or never well again
    recovered_s: float | None
    wanted_s: float
    passed: bool
    remark: str


Ask = Callable[[DrillStep], str]
Say = Callable[[str], None]


class Drill:
    """Plays the steps; `outcomes` grows."""

    def __init__(
        self, ask: Ask, say: Say, clock: Clock | None = None, monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._ask = ask
        self._say = say
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._sleep = sleep
        self.outcomes: list[StepOutcome] = []

    def play(self, step: DrillStep, watch: Watch) -> StepOutcome:
        """Show the instruction, wait for the disturbance, wait for the end of it."""
        if watch.look() is not True:
            return self._ended(step, "", self._clock.now(), None, "演习前就不正常，未进行 not well before the step")
        done_by = self._ask(step)
        began_at = self._clock.now()
        self._say(f"观察中 watching：{step.words_zh} …")
        disturbed_at = self._wait(watch, False, step.disturbed_within_s)
        if disturbed_at is None:
            return self._ended(
                step, done_by, began_at, None, f"{step.disturbed_within_s:g} 秒内没有观察到变化 nothing was seen"
            )
        self._say("已观察到中断，等待恢复 disturbed, waiting for the recovery …")
        well_at = self._wait(watch, True, step.recovered_within_s)
        if well_at is None:
            return self._ended(
                step, done_by, began_at, None, f"{step.recovered_within_s:g} 秒内没有恢复 not well again"
            )
        return self._ended(step, done_by, began_at, round(well_at - disturbed_at, 2), "")

    def _wait(self, watch: Watch, wanted: bool, seconds: float) -> float | None:
        """The moment it was first seen to be as wanted."""
        end = self._monotonic() + seconds
        while True:
            seen = watch.look() is True
            now = self._monotonic()
            if seen is wanted:
                return now
            if now >= end:
                return None
            self._sleep(LOOK_EVERY_S)

    def _ended(
        self, step: DrillStep, done_by: str, began_at: datetime, recovered_s: float | None, remark: str
    ) -> StepOutcome:  # fmt: skip
        passed = recovered_s is not None and recovered_s <= step.wanted_s
        if recovered_s is not None and not passed:
            remark = f"超过 {step.wanted_s:g} 秒 too slow"
        outcome = StepOutcome(
            step.key, step.words_zh, step.words_en, done_by, began_at.isoformat(timespec="seconds"), recovered_s, step.wanted_s,
            passed, remark,
        )  # fmt: skip
        self.outcomes.append(outcome)
        found = "—" if recovered_s is None else f"{recovered_s:g} 秒"
        self._say(
            f"{'通过 passed' if passed else '未通过 not passed'}：{step.words_zh}，恢复用时 {found}{f'；{remark}' if remark else ''}"
        )
        return outcome


def drill_facts(
    outcomes: Sequence[StepOutcome], *, made_at: datetime, place: str, server: str, nodes: int
) -> dict[str, Any]:
    """As `outcome.facts_of`, of a drill."""
    bars = [
        Bar(
            one.words_zh, one.words_en, f"≤ {one.wanted_s:g} s",
            "未测 not measured" if one.recovered_s is None else f"{one.recovered_s:g} s", one.passed,
        )
        for one in outcomes
    ]  # fmt: skip
    return {
        "kind": "drill",
        "made_at": made_at.isoformat(timespec="seconds"),
        "place": place,
        "server": server,
        "nodes": nodes,
        "database": "—",
        "machine": machine(),
        "versions": versions(),
        "steps": [asdict(one) for one in outcomes],
        "bars": [asdict(bar) for bar in bars],
        "passed": bool(outcomes) and all(one.passed for one in outcomes),
    }
