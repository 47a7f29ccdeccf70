"""The command `mingyuan` as somebody at a shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT


@dataclass(frozen=True)
class Answer:
    """What the command printed; `facts` is its one JSON object."""

    status: int
    facts: dict[str, Any]
    words: str


def mingyuan(*arguments: str | Path, environment: Mapping[str, str] | None = None, seconds: float = 60) -> Answer:
    """Run one command with `--json`; fails when standard output is not exactly one JSON object."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MINGYUAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "server.entry", *(str(one) for one in arguments), "--json"],
        cwd=ROOT,
        env={**clean, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    try:
        facts = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(
            f"no JSON object, status {done.returncode}: {done.stdout[-500:]}{done.stderr[-3000:]}"
        ) from None
    return Answer(done.returncode, facts, done.stderr)
