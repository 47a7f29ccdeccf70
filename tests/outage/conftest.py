"""Fixtures of the outage tests: a small room in which candidates answer, and small disks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer
from tests.support.raw_candidate import RawCandidate

BEFORE_START = timedelta(seconds=8)
LONG = timedelta(minutes=12)
SmallDisk = Callable[[int], Path]
RunningExam = Callable[..., LiveServer]


@pytest.fixture(scope="module")
def running_exam(live_exam: Callable[..., LiveServer]) -> RunningExam:
    """A started exam, by default long enough for whatever the test does to it."""

    def start(**day: object) -> LiveServer:
        exam = live_exam(**{"candidates": 8, "before_start": BEFORE_START, "duration": LONG, **day})
        exam.pass_gates()
        return exam

    return start


@pytest.fixture
def answering() -> Iterator[Callable[[LiveServer], RawCandidate]]:
    """Seats the next candidate of a started exam, ready to answer over the live channel."""
    seated: list[RawCandidate] = []

    def seat(exam: LiveServer) -> RawCandidate:
        one = RawCandidate(exam.base_url, exam.next_ticket())
        seated.append(one)
        one.enter()
        one.begin()
        one.connect()
        return one

    yield seat
    for one in seated:
        one.close()


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """A disk of so many MiB, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted: list[Path] = []

    def mount(size_mib: int) -> Path:
        folder = tmp_path_factory.mktemp("disk")
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
