"""The measured data behind the page: one record a fault, kept in `deploy/docs/faults.json`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sqlite3
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

DATA = ROOT / "deploy/docs/faults.json"
PAGE = ROOT / "deploy/docs/faults.md"

PASS, FAIL, NOT_RUN = "pass", "fail", "not run"


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """What the negative control showed; `tries` is how many seeds it took."""

    found_damage: bool
    what: str
    tries: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """One run of one fault as it is kept."""

    id: str
    result: str
    n: int
    seed: int
    worst: str
    remark: str
    #: short | full | budget: how many repetitions were asked for, and why
    form: str
    repetitions: int
    control: ControlRecord | None
    at: str
    commit: str
    wall_s: float
    #: one minute, before and after
    load_average: tuple[float, float]
    figures: dict[str, Any] = field(default_factory=dict)
    #: as the row was written when it ran
    promises: tuple[str, ...] = ()
    goal: str = ""
    control_text: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the newest run took place, and on what."""

    system: str
    processor: str
    cores: int
    memory_gib: int
    versions: dict[str, str]


@dataclass(slots=True)
class Records:
    """All of them, the machine of the newest, and which rows had a run written for them by then."""

    machine: Machine | None = None
    runs: dict[str, Record] = field(default_factory=dict)
    registered: list[str] = field(default_factory=list)


def read_records(path: Path = DATA) -> Records:
    """What is kept; empty where nothing has run yet."""
    if not path.is_file():
        return Records()
    document = json.loads(path.read_text(encoding="utf-8"))
    machine = Machine(**document["machine"]) if document["machine"] else None
    return Records(machine, {row: _record(one) for row, one in document["runs"].items()}, document["registered"])


def _record(document: dict[str, Any]) -> Record:
    control = ControlRecord(**document["control"]) if document["control"] else None
    return Record(
        **{
            **document,
            "control": control,
            "load_average": tuple(document["load_average"]),
            "promises": tuple(document["promises"]),
        }
    )


def write_records(records: Records, path: Path = DATA) -> None:
    """Keep them, in the order of the matrix, one line a figure so that a difference reads well."""
    runs = {row: asdict(records.runs[row]) for row in sorted(records.runs, key=lambda row: int(row.removeprefix("F")))}
    document = {
        "machine": asdict(records.machine) if records.machine else None,
        "registered": records.registered,
        "runs": runs,
    }
    half = path.with_suffix(".part")
    half.write_text(json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    half.replace(path)


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load_now() -> float:
    return round(os.getloadavg()[0], 2)


def this_commit() -> str:
    """Short; with a plus when the tree holds what was not committed."""
    name = _first_line(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"])
    changed = _first_line(["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", "*.py"])
    return name + ("+" if changed else "")


def this_machine() -> Machine:
    """What the figures were measured on."""
    processor = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {
        "mingyuan": importlib.metadata.version("mingyuan"),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _first_line([_postgres(), "--version"]).removeprefix("postgres (PostgreSQL) "),
        "Redis": _between(_first_line(["redis-server", "--version"]), "v=", " "),
        "nginx": _first_line(["nginx", "-v"]).removeprefix("nginx version: nginx/"),
    }
    return Machine(
        f"{platform.system()} {platform.release()}", processor, os.cpu_count() or 1, round(memory),
        {name: found for name, found in versions.items() if found},
    )  # fmt: skip


def _postgres() -> str:
    from tests.support.postgres import find_programs

    programs = find_programs()
    return str(programs / "postgres") if programs else "postgres"


def _first_line(command: list[str]) -> str:
    if not (shutil.which(command[0]) or Path(command[0]).is_file()):
        return ""
    done = subprocess.run(command, capture_output=True, text=True)
    return ((done.stdout or done.stderr).strip().splitlines() or [""])[0]


def _between(text: str, before: str, after: str) -> str:
    return text.partition(before)[2].partition(after)[0]
