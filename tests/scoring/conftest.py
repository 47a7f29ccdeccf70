"""What tests of scores need: both databases, a clock moved by hand, the three people of a release."""

from __future__ import annotations

import pytest

from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.permissions import Role
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import somebody
from tests.factories.scheduling import a_vault
from tests.factories.scoring import ENDS_AT


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(ENDS_AT)


@pytest.fixture
def uow(database: Database, clock: ManualClock) -> UnitOfWork:
    """On SQLite and on PostgreSQL, one run each."""
    return UnitOfWork(database, InProcessBus(), clock)


@pytest.fixture
def vault() -> Vault:
    return a_vault()


@pytest.fixture
def clerk() -> Actor:
    return somebody(Role.EXAM_CLERK, "考务员")


@pytest.fixture
def office_head() -> Actor:
    return somebody(Role.OFFICE_HEAD, "办公室主任")


@pytest.fixture
def proctor() -> Actor:
    return somebody(Role.PROCTOR, "监考员")
