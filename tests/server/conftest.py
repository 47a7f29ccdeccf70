"""What tests of services need: a clock moved by hand, a bus that remembers, a unit of work, a vault."""

from __future__ import annotations

import pytest

from server.adapters.vault import Vault
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.events import Event
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import A_MORNING
from tests.factories.scheduling import a_vault


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(A_MORNING)


@pytest.fixture
def published() -> list[Event]:
    """Every event that left after a commit, in order."""
    return []


@pytest.fixture
def uow(database: Database, clock: ManualClock, published: list[Event]) -> UnitOfWork:
    """On SQLite and on PostgreSQL, one run each."""
    bus = InProcessBus()
    bus.subscribe(published.append)
    return UnitOfWork(database, bus, clock)


@pytest.fixture
def vault() -> Vault:
    return a_vault()
