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

import importlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar


class NotRunHere(Exception):
    """This machine cannot make the fault; `args[0]` says why in one English sentence."""


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How many random repetitions: in the short form (CI) and on demand. `short=0` keeps the fault out of CI.

    A run that lasts instead of repeating (a soak, a span of bad network) counts minutes. `fixed_s` and `each_s` are what
    setting up and one repetition cost in seconds, about, and `short_s` the short form with its control:
    `--full-time-budget` shares the time by them until a run has been measured on the machine, and CI takes the cheapest.
    """

    short: int
    full: int
    fixed_s: float = 25.0
    each_s: float = 5.0
    short_s: float | None = None


@dataclass(frozen=True, slots=True)
class FaultCase:
    """One run of one fault: everything random in it comes from `seed`, everything it writes goes under `folder`."""

    folder: Path
    seed: int
    repetitions: int
    #: called with (done, of, what) for people who watch
    progress: Callable[[int, int, str], None] = lambda done, of, what: None
    #: goals in seconds are multiplied by it: above 1 only in CI, where a busy machine must not fail what is right
    patience: float = 1.0

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
    #: so many tries, each with another seed, has a control whose damage is a matter of chance
    control_tries: int = 1


FAULTS: dict[str, Fault] = {}


def number_of(row: str) -> int:
    """F12 → 12: the order of the matrix."""
    return int(row.removeprefix("F"))


def load_matrix() -> dict[str, Fault]:
    """Import every module of `tests/faults/matrix/`; the rows in the order of the matrix."""
    importlib.import_module("tests.faults.matrix")
    return dict(sorted(FAULTS.items(), key=lambda pair: number_of(pair[0])))


def fault(
    row: str, title_zh: str, title_en: str, *, promises: tuple[str, ...], goal: str, repetitions: Repetitions,
    control: str = "",
) -> Callable[[R], R]:  # fmt: skip
    """Register a run under its number of the matrix. A number may be registered once."""

    def register(run: R) -> R:
        if row in FAULTS:
            raise ValueError(f"{row} is registered twice")
        FAULTS[row] = Fault(row, title_zh, title_en, promises, goal, repetitions, run, control)
        return run

    return register


def control_of(row: str, *, tries: int = 1) -> Callable[[C], C]:
    """Register the negative control of an already registered fault; `tries` above 1 where its damage is a matter of chance."""

    def register(control: C) -> C:
        FAULTS[row].control = control
        FAULTS[row].control_tries = tries
        return control

    return register
