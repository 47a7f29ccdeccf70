"""A power cut: a file system in a file loses everything that was not synced, and the programs on it die at once.

Root, loop devices, xfsprogs or e2fsprogs. `xfs_io -x -c shutdown` stops the file system as a cut would: what was synced is
on the "disk", what was not is gone. Whoever writes must be killed in the same moment, or it reports errors instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.registry import NotRunHere

SIZE = 512 * 1024 * 1024
MAKE = {"xfs": ["mkfs.xfs", "-q", "-f"], "ext4": ["mkfs.ext4", "-q", "-F"]}


def need_power_cuts(*kinds: str) -> None:
    """Raises `NotRunHere` where there can be no power cut."""
    if os.geteuid() != 0:
        raise NotRunHere("power cuts need root (loop devices, mount)")
    for program in ("xfs_io", "losetup", "mount", *(MAKE[kind][0] for kind in kinds)):
        if shutil.which(program) is None:
            raise NotRunHere(f"{program} is missing (make test-tools)")


class CuttableDisk:
    """A mounted file system that can lose its power."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self._image = folder / f"{kind}.img"
        self.mount_point = folder / f"{kind}-disk"
        self.mount_point.mkdir(parents=True, exist_ok=True)
        self._is_mounted = False
        with self._image.open("wb") as image:
            image.truncate(SIZE)
        _run([*MAKE[kind], str(self._image)])

    def mount(self) -> None:
        """As at boot: the file system's own journal is replayed."""
        _run(["mount", "-t", self.kind, "-o", "loop", str(self._image), str(self.mount_point)])
        self._is_mounted = True

    def cut_power(self, kill: Callable[[], None]) -> None:
        """The file system stops, `kill` ends whoever writes there; then everything is taken away from the memory as well."""
        force = ["-F"] if self.kind == "ext4" else []
        _run(["xfs_io", *force, "-x", "-c", "shutdown", str(self.mount_point)])
        kill()
        self.unmount()

    def unmount(self) -> None:
        if self._is_mounted:
            _run(["umount", str(self.mount_point)])
            self._is_mounted = False

    def give_back(self) -> None:
        """Whatever happened: nothing stays mounted, no file stays."""
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.mount_point)], capture_output=True)
            self._is_mounted = False
        with contextlib.suppress(FileNotFoundError):
            self._image.unlink()


@contextmanager
def cuttable_disk(folder: Path, kind: str) -> Iterator[CuttableDisk]:
    """A fresh disk of the kind `xfs` or `ext4`, mounted.

    Raises:
        NotRunHere: the machine does not let us mount it.
    """
    need_power_cuts(kind)
    disk = CuttableDisk(folder, kind)
    try:
        try:
            disk.mount()
        except RuntimeError as error:
            raise NotRunHere(f"a {kind} file system cannot be mounted here: {error}") from error
        yield disk
    finally:
        disk.give_back()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
