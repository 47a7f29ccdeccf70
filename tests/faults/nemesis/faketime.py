"""Another wall clock for one process: libfaketime with a file that is read at every look; the monotonic clock stays true."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.faults.registry import NotRunHere

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
)


class WallClock:
    """`environment` for the process; `shift` moves its wall clock while it runs, by so much against the machine's."""

    def __init__(self, folder: Path) -> None:
        library = next((one for one in LIBRARIES if Path(one).is_file()), None)
        if library is None:
            raise NotRunHere("libfaketime is missing (make test-tools)")
        self._file = folder / "faketime"
        self.shift(timedelta(0))
        self.environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def shift(self, by: timedelta) -> None:
        """From now on the process believes it is `by` later."""
        half = self._file.with_suffix(".part")
        half.write_text(f"{by.total_seconds():+.3f}\n")
        half.replace(self._file)
