"""Published data with known results; they lie outside the project, and tests that need them are skipped where absent."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RESPONSES = Path("/work/shared/data/responses")


@dataclass(frozen=True)
class References:
    """Files of one data set."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def table(self, name: str) -> list[dict[str, str]]:
        with self.path(name).open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def document(self, name: str) -> Any:
        return json.loads(self.path(name).read_text(encoding="utf-8"))


def references(name: str) -> References:
    folder = RESPONSES / name
    if not folder.is_dir():
        pytest.skip(f"reference data {folder} are not on this machine")
    return References(folder)
