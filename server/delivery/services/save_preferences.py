"""Font size, theme and the like: kept with the attempt, so that another PC looks the same."""

from __future__ import annotations

from typing import Any

from server.delivery.models import Attempt
from server.storage.unit_of_work import UnitOfWork


def save_preferences(uow: UnitOfWork, attempt_id: str, preferences: dict[str, Any]) -> None:
    """Replace the stored preferences; already validated by the wire class."""
    with uow() as work:
        work.session.get_one(Attempt, attempt_id, with_for_update=True).preferences = preferences
