"""The planted exam in this process, a fresh copy for each test or one for a whole module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.exam_world import ExamWorld, exam_world, make_template
from tests.security.planted_site import PlantedSite


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PlantedSite]:
    """The folder with the site in it, and what is known about it."""
    folder = tmp_path_factory.mktemp("planted")
    return folder, make_template(folder)


@pytest.fixture
def world(planted: tuple[Path, PlantedSite], tmp_path: Path) -> Iterator[ExamWorld]:
    """An hour before T."""
    with exam_world(*planted, tmp_path / "data") as made:
        yield made


@pytest.fixture
def running(world: ExamWorld) -> ExamWorld:
    """All gates passed, T + 1 s."""
    world.start()
    return world
