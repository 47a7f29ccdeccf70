"""What a fault run is: who makes it, what it must show, and how a run that proves nothing is told apart.

A module of `tests/faults/matrix/` registers its runs:

    @fault("F1", "工作进程被强制结束", "Web worker killed with SIGKILL", promises=("P1", "P2"), goal="0 lost; every client back <= 5 s",
           repetitions=Repetitions(short=2, full=50), control="acknowledging before the commit must lose answers")
    def worker_killed(case: FaultCase) -> Measured: ...

    @control_of("F1")
    def acknowledge_too_early(case: FaultCase) -> ControlMeasured: ...

The run raises nothing for a broken promise: it returns `Measured(passed=False, …)`. It raises `NotRunHere` when the machine
cannot make the fault (not root, a program missing), and whatever else it raises is a failure of the run, reported as `fail`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar


class NotRunHere(Exception):
    """This machine cannot make the fault; `args[0]` says why in one English sentence."""


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How many random repetitions: in the short form (CI) and on demand. `short=0` keeps the fault out of CI."""

    short: int
    full: int


@dataclass(frozen=True, slots=True)
class FaultCase:
    """One run of one fault: everything random in it comes from `seed`, everything it writes goes under `folder`."""

    folder: Path
    seed: int
    repetitions: int
    #: called with (done, of, what) for people who watch
    progress: Callable[[int, int, str], None] = lambda done, of, what: None

    def random(self, salt: str = "") -> random.Random:
        """The same moments for the same seed."""
        return random.Random(f"{self.seed}:{salt}")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run showed. `worst` is the worst figure with its unit, as the table prints it; `figures` are plain numbers."""

    passed: bool
    n: int
    worst: str
    figures: dict[str, Any] = field(default_factory=dict)
    #: what is to be known beside the figure (a smaller load than the matrix asks for, say), English, one sentence
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ControlMeasured:
    """The negative control: with the protection taken away the checker must find the damage."""

    found_damage: bool
    what: str


Run = Callable[[FaultCase], Measured]
Control = Callable[[FaultCase], ControlMeasured]
R = TypeVar("R", bound=Run)
C = TypeVar("C", bound=Control)


@dataclass(slots=True)
class Fault:
    """One row of the matrix."""

    id: str
    title_zh: str
    title_en: str
    promises: tuple[str, ...]
    goal: str
    repetitions: Repetitions
    run: Run
    #: one sentence: what is taken away and what must then be seen; empty where the matrix needs none
    control_text: str = ""
    control: Control | None = None


FAULTS: dict[str, Fault] = {}


def fault(
    id: str, title_zh: str, title_en: str, *, promises: tuple[str, ...], goal: str, repetitions: Repetitions,
    control: str = "",
) -> Callable[[R], R]:  # fmt: skip
    """Register a run under its number of the matrix. A number may be registered once."""

    def register(run: R) -> R:
        if id in FAULTS:
            raise ValueError(f"{id} is registered twice")
        FAULTS[id] = Fault(id, title_zh, title_en, promises, goal, repetitions, run, control)
        return run

    return register


def control_of(id: str) -> Callable[[C], C]:
    """Register the negative control of an already registered fault."""

    def register(control: C) -> C:
        FAULTS[id].control = control
        return control

    return register
