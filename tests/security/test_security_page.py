"""The checklist names tests that exist, and states every line."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

PAGE = (ROOT / "deploy/docs/security.md").read_text(encoding="utf-8")
LINES = {"A": 9, "B": 11, "C": 8, "D": 6, "E": 12, "F": 6, "G": 8}


def test_every_line_of_the_checklist_has_one_honest_state() -> None:
    rows = re.findall(r"^\| ([A-G]\d+) \| [^|]+ \| (done|partly|not yet) \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert [line for line, _ in rows] == [
        f"{group}{number}" for group, count in LINES.items() for number in range(1, count + 1)
    ]


def test_every_test_that_is_named_is_there() -> None:
    named = 0
    path = ""
    for part in re.findall(r"`([\w/]*\.py)?((?:::\w+)?)`", PAGE):
        path = part[0] or path
        if not path or path.startswith(("server/adapters/vault", "server/audit/log", "deploy/")):
            continue
        source = (ROOT / "tests" / path).read_text(encoding="utf-8")
        if part[1]:
            named += 1
            assert f"def {part[1].removeprefix('::')}(" in source, (path, part[1])
    assert named > 50
