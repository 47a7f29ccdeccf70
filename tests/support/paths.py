"""Where things are, seen from the tests."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def find_shared_data() -> Path | None:
    """The folder of real banks, packages and response matrices. It is beside the repository, never in it."""
    named = os.environ.get("MINGYUAN_SHARED")
    places = [Path(named), Path(named) / "data"] if named else [ROOT.parent / "shared" / "data"]
    return next((place for place in places if (place / "MANIFEST.csv").is_file()), None)
