"""One transaction, then the events it caused.

    with uow() as work:            # BEGIN
        attempt = work.session.get(Attempt, attempt_id)
        ...
        work.publish(AttemptChanged(...))
    # COMMIT, then the events go out

Services receive a `UnitOfWork` factory; nobody else opens a writing transaction except the answer writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from server.core.bus import EventBus
from server.core.clock import Clock
from server.core.events import Event
from server.storage.database import Database


class Work:
    """What a service sees of the transaction."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session = session
        self.clock = clock
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        """Tell others after the commit, and only then."""
        self.events.append(event)


class UnitOfWork:
    """Factory of transactions; bound to one database, bus and clock."""

    def __init__(self, database: Database, bus: EventBus, clock: Clock) -> None:
        self.database = database
        self.bus = bus
        self.clock = clock

    @contextmanager
    def __call__(self) -> Iterator[Work]:
        with self.database.write() as session:
            work = Work(session, self.clock)
            yield work
        for event in work.events:
            self.bus.publish(event)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A reading session of the same database."""
        with self.database.read() as session:
            yield session
