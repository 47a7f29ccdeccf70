"""A process without a server, on SQLite and on PostgreSQL, on the morning of the exam."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.core.clock import ManualClock
from server.storage.database import Database
from server.webkit.platform import Platform
from tests.factories.proctor import MINUTE, T, a_platform


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T - 60 * MINUTE)


@pytest.fixture
def platform(database: Database, clock: ManualClock, tmp_path: Path) -> Platform:
    return a_platform(database, clock, tmp_path)
