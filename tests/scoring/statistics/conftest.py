"""Reference data as fixtures."""

from __future__ import annotations

import pytest

from tests.scoring.statistics.reference_data import References, references


@pytest.fixture(params=["lsat6", "lsat7", "sat12"])
def data_set(request: pytest.FixtureRequest) -> References:
    return references(request.param)


@pytest.fixture
def sat12() -> References:
    return references("sat12")
