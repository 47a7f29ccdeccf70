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

from typer.testing import CliRunner

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
    return _answer(done.returncode, done.stdout, done.stderr)


def mingyuan_here(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Answer:
    """The same inside this process, seconds quicker: where the process itself is not what is tried.

    Raises:
        AssertionError: no JSON object, or the command broke with something that is not a refusal.
    """
    from server.cli import app

    clean = dict.fromkeys(name for name in os.environ if name.startswith("MINGYUAN_"))
    done = CliRunner().invoke(app, [*(str(one) for one in arguments), "--json"], env={**clean, **(environment or {})})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise AssertionError(f"{' '.join(map(str, arguments))} broke") from done.exception
    return _answer(done.exit_code, done.stdout, done.stderr)


def _answer(status: int, stdout: str, stderr: str) -> Answer:
    try:
        facts = json.loads(stdout)
    except ValueError:
        raise AssertionError(f"no JSON object, status {status}: {stdout[-500:]}{stderr[-3000:]}") from None
    return Answer(status, facts, stderr)
