"""Hashing at next to no cost, except where the cost is what a test is about (`full_cost`)."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher


@pytest.fixture
def full_cost() -> None:
    """Ask for this to hash as the product does."""


@pytest.fixture(autouse=True)
def _cheap_hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "full_cost" in request.fixturenames:
        return
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr("server.accounts.passwords._HASHER", cheap)
    monkeypatch.setattr("server.accounts.services.sign_in.NOBODYS_HASH", cheap.hash("nobody knows"))
