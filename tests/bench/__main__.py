"""`python -m tests.bench [--json FILE]`: the ratios behind the design, measured here and now, in under two minutes.

Ratios of one run may be compared; seconds of different machines may not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import group_commit, wire_load


def flat(facts: dict[str, Any], head: str = "") -> list[tuple[str, str]]:
    """One line a figure."""
    lines: list[tuple[str, str]] = []
    for name, value in facts.items():
        lines += flat(value, f"{head}{name}.") if isinstance(value, dict) else [(f"{head}{name}", str(value))]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    wanted = parser.parse_args()
    began = time.monotonic()
    facts: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    }
    with tempfile.TemporaryDirectory(prefix="mingyuan-bench-") as folder:
        facts["group_commit"] = group_commit.measure(Path(folder))
        data = Path(folder) / "exam"
        data.mkdir()
        facts["wire"] = wire_load.measure(data)
    facts["machine"]["load_at_end"] = round(os.getloadavg()[0], 1)
    facts["wall_s"] = round(time.monotonic() - began, 1)
    table = Table(title="Measured", show_header=False)
    for name, value in flat(facts):
        table.add_row(name, value)
    Console().print(table)
    print(json.dumps(facts))
    if wanted.json:
        wanted.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
