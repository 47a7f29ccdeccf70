"""A small disk in memory that can be filled to the last byte and freed again. Root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.registry import NotRunHere


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self) -> None:
        """Take the rest of the disk."""
        with self._filler.open("ab", buffering=0) as file:
            size = 64 * 1024
            while size >= 512:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    size //= 2

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[SmallDisk]:
    """So many MiB below `folder`, unmounted at the end. Raises `NotRunHere` where nothing can be mounted."""
    if os.geteuid() != 0:
        raise NotRunHere("only root can mount a small disk")
    place = folder / "small-disk"
    place.mkdir(parents=True, exist_ok=True)
    options = f"size={size_mib}m"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True)
    if done.returncode:
        raise NotRunHere(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
