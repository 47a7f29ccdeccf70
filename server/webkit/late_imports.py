"""Heavy packages that no node waits for when it starts, brought in afterwards so that no request waits for them either."""

from __future__ import annotations

import importlib

#: pinyin's dictionaries take half a second, the solver of assembly a third; a server back from the dead takes answers before
LATE = ("pypinyin", "scipy.optimize", "scipy.sparse")
AFTER_S = 20.0


def bring_in() -> None:
    """Import them; belongs into a real thread."""
    for name in LATE:
        importlib.import_module(name)
