"""Heavy packages that no node waits for when it starts in the middle of an exam; no answer and no clock needs them.

They are brought in by the event loop itself and not by a real thread: an import there and one here, each waiting for a
module the other one holds, would stand still for ever.
"""

from __future__ import annotations

import importlib

#: pinyin's dictionaries take half a second, the solver of assembly a third
LATE = ("pypinyin", "scipy.optimize", "scipy.sparse")


def bring_in() -> None:
    """Import them. Call it before handing to a real thread what needs them, and when nobody sits an exam."""
    for name in LATE:
        importlib.import_module(name)
