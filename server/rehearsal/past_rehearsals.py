"""Rehearsals that were: one JSON file each in `<data>/rehearsals/`, so that readiness can say "rehearsal passed on …".

A file and not a table: most rehearsals run beside the site's own database, never in it.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
FOLDER = "rehearsals"


@dataclass(frozen=True, slots=True)
class PastRehearsal:
    """What readiness needs to know. `facts` is everything (outcome.py)."""

    made_at: datetime
    passed: bool
    candidates: int
    saves_per_s: float
    faults: tuple[str, ...]
    #: `load` or `drill`
    kind: str
    path: Path
    facts: dict[str, Any]


def store_rehearsal(data: Path, facts: dict[str, Any]) -> Path:
    """Keep an outcome; written whole or not at all."""
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    stamp = facts["made_at"].replace(":", "").replace("-", "").partition("+")[0]
    path = folder / f"{stamp}-{facts.get('kind', 'load')}-{os.getpid()}.json"
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(facts, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return path


def past_rehearsals(data: Path) -> list[PastRehearsal]:
    """All of a data folder, the latest first; a file that cannot be read is left out and logged."""
    found = []
    for path in sorted((data / FOLDER).glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            found.append(
                PastRehearsal(
                    datetime.fromisoformat(facts["made_at"]),
                    bool(facts["passed"]),
                    int(facts.get("candidates", 0)),
                    float(facts.get("saves_per_s", 0.0)),
                    tuple(facts.get("faults", ())),
                    str(facts.get("kind", "load")),
                    path,
                    facts,
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("the rehearsal file %s cannot be read", path.name)
    return sorted(found, key=lambda one: one.made_at, reverse=True)


def last_rehearsal(data: Path, kind: str = "load") -> PastRehearsal | None:
    """The latest rehearsal (or drill) of a data folder, whether it passed or not."""
    return next((one for one in past_rehearsals(data) if one.kind == kind), None)
