"""The parts every topic folder is handed: built once by `server.app` or by the command line, passed on, never global."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.adapters.vault import Vault
from server.core.bus import EventBus
from server.core.clock import Clock
from server.core.ids import new_id
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork


@dataclass
class Platform:
    """One process's plumbing."""

    settings: Settings
    clock: Clock
    database: Database
    bus: EventBus
    vault: Vault
    node_id: str = field(default_factory=new_id)
    #: set when the process is stopping; background loops wait on it instead of sleeping
    stopping: threading.Event = field(default_factory=threading.Event)
    #: a folder's own parts that its views and its sockets share, by "<folder>.<thing>"
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def uow(self) -> UnitOfWork:
        """A factory of transactions on this platform."""
        return UnitOfWork(self.database, self.bus, self.clock)

    @property
    def paper_store(self) -> Path:
        """Folder of encrypted script files; made on first use."""
        self.settings.paper_store.mkdir(parents=True, exist_ok=True)
        return self.settings.paper_store

    @property
    def record_store(self) -> Path:
        """Folder of room records and exports; made on first use."""
        self.settings.record_store.mkdir(parents=True, exist_ok=True)
        return self.settings.record_store
