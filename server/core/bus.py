"""Events after the commit: the protocol and the in-process bus (the default)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from server.core.events import Event

Handler = Callable[[Event], None]
log = logging.getLogger(__name__)


class EventBus(Protocol):
    """Tells every node, this one included, what happened."""

    def publish(self, event: Event) -> None:
        """Never raises and never blocks for long: what was committed stays committed."""
        ...

    def subscribe(self, handler: Handler) -> None:
        """Call `handler` for every event from now on."""
        ...


class InProcessBus:
    """All subscribers live in this process. A failing reaction is logged; the others go on."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    def subscribe(self, handler: Handler) -> None:
        self._handlers.append(handler)

    def publish(self, event: Event) -> None:
        for handler in self._handlers:
            try:
                handler(event)
            except Exception:
                log.exception("a reaction to %s failed", type(event).__name__)


class channel:  # noqa: N801 - a namespace of functions, read as channel.room(id)
    """Names of Socket.IO rooms, made in one place."""

    @staticmethod
    def room(sitting_id: str, room_id: str) -> str:
        """Proctors of one room of one sitting."""
        return f"room:{sitting_id}:{room_id}"
