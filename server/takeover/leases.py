"""Where leases live: one row a duty, changed by compare-and-set on its generation and expiry, on both databases.

Leases run by the database's clock, the only one all nodes share: a node whose own clock is ten minutes ahead would else see
every lease as run out. `FencedUnitOfWork` puts the check of the fencing number into every transaction of a duty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.core.clock import Clock
from server.core.errors import Conflict
from server.storage.database import FROZEN_AFTER
from server.storage.unit_of_work import UnitOfWork, Work
from server.takeover.domain.lease import LeaseState, give_up_lease, take_lease
from server.takeover.models import Lease

TTL = timedelta(seconds=3)
#: a duty's own transaction may be using the lease at this moment; renewing waits no longer, the next round tries again
RENEWAL_WAIT = "500ms"


def lease_time(session: Session, clock: Clock) -> datetime:
    """The moment leases are judged by: the database server's; on SQLite, where there is one machine, our own."""
    if session.get_bind().dialect.name != "postgresql":
        return clock.now()
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def acquire_lease(uow: UnitOfWork, duty: str, holder: str, ttl: timedelta = TTL) -> LeaseState | None:
    """Take or renew the lease; None: somebody else holds it, or was quicker."""
    with uow() as work:
        if work.session.get_bind().dialect.name == "postgresql":
            work.session.execute(text(f"SET LOCAL lock_timeout = '{RENEWAL_WAIT}'"))
        current = read_lease(work.session, duty)
        now = lease_time(work.session, work.clock)
        wanted = take_lease(current, duty=duty, holder=holder, now=now, ttl=ttl)
        if wanted is None or not swap_lease(work.session, current, wanted):
            return None
        return wanted


def release_lease(uow: UnitOfWork, lease: LeaseState) -> None:
    """Give the lease up, so that the next one need not wait. Harmless when it is no longer ours."""
    with uow() as work:
        current = read_lease(work.session, lease.duty)
        if current is not None and (current.holder, current.generation) == (lease.holder, lease.generation):
            swap_lease(work.session, current, give_up_lease(current, lease_time(work.session, work.clock)))


def require_lease(session: Session, lease: LeaseState, now: datetime) -> None:
    """Fence: call it inside the transaction that does the duty's writes. The row stays as it is until the commit.

    Args:
        now: `lease_time` of that transaction.

    Raises:
        Conflict: `LEASE_LOST`: another holder took over, or it ran out while we were away.
    """
    current = read_lease(session, lease.duty, lock=True, read=True)
    if current is None or current.generation != lease.generation or not current.is_held_by(lease.holder, now):
        raise _lost(lease.duty)


def read_lease(session: Session, duty: str, *, lock: bool = False, read: bool = False) -> LeaseState | None:
    """The stored lease, as committed; with `lock` nobody changes it before our commit (`read`: others may lock it so too)."""
    query = select(Lease).where(Lease.duty == duty).execution_options(populate_existing=True)
    # Several transactions of one duty may hold the row at once; whoever wants to change it waits for them.
    row = session.scalars(query.with_for_update(read=read) if lock else query).one_or_none()
    return None if row is None else LeaseState(row.duty, row.holder, row.generation, row.expires_at)


class FencedUnitOfWork(UnitOfWork):
    """Transactions of a single-actor duty: each begins by showing the lease, and nobody can take it before the commit.

    Raises (when a transaction begins):
        Conflict: `LEASE_LOST`: another node took over, however sure this one still was.
    """

    def __init__(self, uow: UnitOfWork, lease: Callable[[], LeaseState | None]) -> None:
        super().__init__(uow.database, uow.bus, uow.clock)
        self._lease = lease

    @contextmanager
    def __call__(self) -> Iterator[Work]:
        lease = self._lease()
        if lease is None:
            raise _lost("-")
        with super().__call__() as work:
            if not self.database.is_sqlite:  # a frozen holder must not keep the row from the next one
                work.session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_AFTER}'"))
            require_lease(work.session, lease, lease_time(work.session, work.clock))
            yield work


def swap_lease(session: Session, seen: LeaseState | None, wanted: LeaseState) -> bool:
    """Write `wanted` if the row still is what was `seen`; True when it was written."""
    values = {"holder": wanted.holder, "generation": wanted.generation, "expires_at": wanted.expires_at}
    if seen is None:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        insert = dialect.insert(Lease).values(duty=wanted.duty, **values).on_conflict_do_nothing()
        return session.execute(insert.returning(Lease.duty)).one_or_none() is not None
    swap = (
        update(Lease)
        .where(Lease.duty == seen.duty, Lease.generation == seen.generation, Lease.expires_at == seen.expires_at)
        .values(**values)
        .returning(Lease.duty)
        .execution_options(synchronize_session=False)
    )
    return session.execute(swap).one_or_none() is not None


def _lost(duty: str) -> Conflict:
    return Conflict("LEASE_LOST", "该任务已由另一节点接管。", "Another node has taken this duty over.", duty=duty)
