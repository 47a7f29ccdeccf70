"""Running faults: the run, its negative control, the record."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.records import FAIL, NOT_RUN, PASS, ControlRecord, Record, load_now, now_text, this_commit
from tests.faults.registry import ControlMeasured, Fault, FaultCase, Measured, NotRunHere

Progress = Callable[[int, int, str], None]
#: a control whose damage is a matter of chance gets another seed each time
SEED_STEP = 7919
LINE_LIMIT = 300
#: up to so many repetitions runs take a smaller load, so that their time says little about many
FEW = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What one row is to do."""

    seed: int
    repetitions: int
    form: str
    patience: float = 1.0


def silent(done: int, of: int, what: str) -> None:
    """Progress nobody watches."""


def run_fault(fault: Fault, asked: Asked, progress: Progress = silent) -> Record:
    """Make the fault, then show that the harness can fail; never raises for what the run or the control does."""
    load_before, began = load_now(), time.monotonic()
    measured, trouble, missing = _measure(fault, asked, progress)
    control: ControlRecord | None = None
    if measured is not None and fault.control is not None:
        control, missing = _run_control(fault, asked, progress)
    result, remark = judge(fault, measured, control, trouble, missing)
    return Record(
        id=fault.id,
        result=result,
        n=measured.n if measured else 0,
        seed=asked.seed,
        worst=measured.worst if measured else "",
        remark=remark,
        form=asked.form,
        repetitions=asked.repetitions,
        control=control,
        at=now_text(),
        commit=this_commit(),
        wall_s=round(time.monotonic() - began, 1),
        load_average=(load_before, load_now()),
        figures=dict(measured.figures) if measured else {},
        promises=fault.promises,
        goal=fault.goal,
        control_text=fault.control_text,
    )


def judge(
    fault: Fault, measured: Measured | None, control: ControlRecord | None, trouble: str, missing: str
) -> tuple[str, str]:
    """The result and the sentence beside it. A run whose control found nothing proves nothing, and counts as failed."""
    if missing:
        return NOT_RUN, missing
    if measured is None:
        return FAIL, trouble
    if not measured.passed:
        return FAIL, measured.remark
    if fault.control_text and control is None:
        return FAIL, _joined("the negative control is missing, so this run proves nothing", measured.remark)
    if control is not None and not control.found_damage:
        return FAIL, _joined("the negative control found no damage, so this run proves nothing", measured.remark)
    return PASS, measured.remark


def _measure(fault: Fault, asked: Asked, progress: Progress) -> tuple[Measured | None, str, str]:
    with _Folder(fault.id) as folder:
        try:
            return fault.run(FaultCase(folder, asked.seed, asked.repetitions, progress, asked.patience)), "", ""
        except NotRunHere as reason:
            return None, "", str(reason)
        except Exception as error:  # noqa: BLE001 - whatever a run raises is its failure, and is shown
            traceback.print_exc(file=sys.stderr)
            return None, f"the run itself broke: {_short(error)}", ""


def _run_control(fault: Fault, asked: Asked, progress: Progress) -> tuple[ControlRecord | None, str]:
    assert fault.control is not None
    began = time.monotonic()
    seen = ControlMeasured(False, "")
    for turn in range(fault.control_tries):
        progress(turn, fault.control_tries, "negative control")
        with _Folder(f"{fault.id}-control") as folder:
            case = FaultCase(folder, asked.seed + turn * SEED_STEP, asked.repetitions, progress, asked.patience)
            try:
                seen = fault.control(case)
            except NotRunHere as reason:
                return None, str(reason)
            except Exception as error:  # noqa: BLE001 - likewise
                traceback.print_exc(file=sys.stderr)
                seen = ControlMeasured(False, f"the control itself broke: {_short(error)}")
        if seen.found_damage:
            break
    return ControlRecord(seen.found_damage, seen.what, turn + 1, round(time.monotonic() - began, 1)), ""


class _Folder:
    """A place that PostgreSQL's own user may enter, too; gone afterwards."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix=f"mingyuan-{self._name.lower()}-"))
        self._path.chmod(0o755)
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:LINE_LIMIT]


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


# ── how much, when time is short ─────────────────────────────────────────────────────────────────────────────────────


def expected_s(fault: Fault, repetitions: int, kept: Record | None = None) -> float:
    """How long a row takes, control included: as measured last, else as its author thought."""
    plan = fault.repetitions
    if kept is not None and kept.repetitions and kept.n and kept.result != NOT_RUN:
        control_s = kept.control.wall_s if kept.control else 0.0
        each = plan.each_s
        if kept.repetitions > FEW:
            each = max(0.01, (kept.wall_s - control_s - plan.fixed_s) / kept.repetitions)
        return max(control_s, kept.wall_s + (repetitions - kept.repetitions) * each)
    if plan.short_s is not None and repetitions <= max(1, plan.short):
        return plan.short_s
    control_s = min(plan.fixed_s, 30.0) + min(repetitions, FEW) * min(plan.each_s, 10.0) if fault.control else 0.0
    return plan.fixed_s + repetitions * plan.each_s + control_s


def choose_for_ci(faults: Mapping[str, Fault], seconds: float) -> dict[str, Fault]:
    """The cheapest short forms that together fit into the time."""
    chosen: dict[str, Fault] = {}
    for row, one in sorted(faults.items(), key=lambda pair: expected_s(pair[1], pair[1].repetitions.short)):
        spent = sum(expected_s(other, other.repetitions.short) for other in chosen.values())
        if one.repetitions.short and spent + expected_s(one, one.repetitions.short) <= seconds:
            chosen[row] = one
    return chosen


def share_budget(
    faults: Mapping[str, Fault], minutes: float, kept: Mapping[str, Record], spent_s: float = 0.0
) -> dict[str, int]:
    """Repetitions for each row so that all fit into the time; at least the short form's (and 1) stay, whatever that takes."""
    left = minutes * 60 - spent_s
    low, high = 0.0, 1.0

    def shared(scale: float) -> dict[str, int]:
        return {row: max(1, one.repetitions.short, round(one.repetitions.full * scale)) for row, one in faults.items()}

    def cost(counts: dict[str, int]) -> float:
        return sum(expected_s(faults[row], count, kept.get(row)) for row, count in counts.items())

    if cost(shared(1.0)) <= left:
        return {row: one.repetitions.full for row, one in faults.items()}
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if cost(shared(middle)) <= left else (low, middle)
    return shared(low)
