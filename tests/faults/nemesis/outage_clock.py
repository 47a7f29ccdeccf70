"""Half an hour in a moment: a clock for a real server process that is put ahead while the process is down.

    clock = OutageClock(case.folder)
    with exam_scene(case, sabotage=clock.orders, duration=timedelta(minutes=80)) as scene:
        scene.begin()
        scene.server.kill()
        clock.pass_time(timedelta(minutes=29, seconds=30))     # for the server; nobody waits
        scene.server.start()                                   # finds 29:30 (and what the restart took) without a beat

Both clocks of the machine move together, so the server sees time passing, not a clock that was set. Moments that the
*test* reads from its own clock (`scene.platform.clock`, `day.starts_at`) stay behind by `clock.passed`; pages measured
their own gap on a clock that did not move, so they report a shorter one, which the office then sees beside the server's.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path


class OutageClock:
    """Writes the file that the sabotage `clock_offset` reads at every look."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock_offset"
        self.passed = timedelta(0)

    @property
    def orders(self) -> str:
        """For `Node(sabotage=…)`, `exam_scene(sabotage=…)`; join others with a comma."""
        return f"clock_offset={self._file}"

    def pass_time(self, by: timedelta) -> None:
        """So much more has passed for every server that carries these orders."""
        self.passed += by
        half = self._file.with_suffix(".part")
        half.write_text(f"{self.passed.total_seconds():.3f}")
        half.replace(self._file)
