"""Every setting has its line in the operators' documentation, and no line speaks of a setting that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from server.settings import Settings

PAGE = Path(__file__).parents[2] / "deploy" / "docs" / "settings.md"


def test_every_setting_has_its_line_and_every_line_its_setting() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert documented == set(Settings.model_fields)
