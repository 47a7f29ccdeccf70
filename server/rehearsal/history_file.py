"""The history of a load run as a file: written line by line while it happens, read by the checker afterwards.

One JSON array a line: `["i", attempt, page, seq, item, [options], clicked_at]` before it is sent,
`["o", attempt, page, seq, standing, save_ms, acked_at]` when it was acknowledged, `["r", seconds]` a reconnection.
Moments are `time.monotonic()`.
"""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import Any

from server.rehearsal.history import History, Key, Sent


class HistoryWriter:
    """A notebook on disk; keeps in memory the last seconds only."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._recent: deque[tuple[float, float]] = deque()
        self.clicked = 0
        self.acked = 0

    def invoke(self, entry: Sent) -> None:
        """Before it is sent."""
        self.clicked += 1
        self._write(
            ["i", entry.attempt_id, entry.page_id, entry.seq, entry.item, entry.value, round(entry.clicked_at, 4)]
        )

    def ok(self, key: Key, standing: str, save_ms: float) -> None:
        """The server acknowledged it."""
        now = time.monotonic()
        self.acked += standing == "counted"
        self._recent.append((now, save_ms))
        self._write(["o", *key, standing, round(save_ms, 3), round(now, 4)])

    def reconnected(self, seconds: float) -> None:
        """The server is there again."""
        self._write(["r", round(seconds, 3)])

    def recent(self, seconds: float = 2.0) -> list[float]:
        """`save_ms` of what was acknowledged within the last seconds."""
        since = time.monotonic() - seconds
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        return [save_ms for _, save_ms in self._recent]

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """No more lines."""
        self._file.close()

    def _write(self, line: list[Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")


def read_history(path: Path) -> History:
    """The history a load process wrote, also one that was killed: a half line at the end is left out."""
    history = History()
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                break
            kind, *rest = json.loads(line)
            if kind == "i":
                attempt, page, seq, item, value, clicked_at = rest
                history.sent[(attempt, page, seq)] = Sent(attempt, page, seq, item, tuple(value), clicked_at=clicked_at)
            elif kind == "o":
                attempt, page, seq, standing, save_ms, acked_at = rest
                entry = history.sent[(attempt, page, seq)]
                entry.acked, entry.standing, entry.save_ms, entry.acked_at = True, standing, save_ms, acked_at
            else:
                history.reconnect_s.append(rest[0])
    return history
