"""The same exam in this process as the tests of security use."""

from __future__ import annotations

from tests.security.conftest import planted, world

__all__ = ["planted", "world"]
