"""Where leases live: one row a duty, changed by compare-and-set on its generation and expiry, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.core.errors import Conflict
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.lease import LeaseState, give_up_lease, take_lease
from server.takeover.models import Lease

TTL = timedelta(seconds=3)


def acquire_lease(uow: UnitOfWork, duty: str, holder: str, ttl: timedelta = TTL) -> LeaseState | None:
    """Take or renew the lease; None: somebody else holds it, or was quicker."""
    with uow() as work:
        current = read_lease(work.session, duty)
        wanted = take_lease(current, duty=duty, holder=holder, now=work.clock.now(), ttl=ttl)
        if wanted is None or not swap_lease(work.session, current, wanted):
            return None
        return wanted


def release_lease(uow: UnitOfWork, lease: LeaseState) -> None:
    """Give the lease up, so that the next one need not wait. Harmless when it is no longer ours."""
    with uow() as work:
        current = read_lease(work.session, lease.duty)
        if current is not None and (current.holder, current.generation) == (lease.holder, lease.generation):
            swap_lease(work.session, current, give_up_lease(current, work.clock.now()))


def require_lease(session: Session, lease: LeaseState, now: datetime) -> None:
    """Fence: call it inside the transaction that does the duty's writes. The row stays locked until the commit.

    Raises:
        Conflict: `LEASE_LOST`: another holder took over, or it ran out while we were away.
    """
    current = read_lease(session, lease.duty, lock=True)
    if current is None or current.generation != lease.generation or not current.is_held_by(lease.holder, now):
        raise Conflict(
            "LEASE_LOST", "该任务已由另一节点接管。", "Another node has taken this duty over.", duty=lease.duty
        )


def read_lease(session: Session, duty: str, *, lock: bool = False) -> LeaseState | None:
    """The stored lease, as committed."""
    query = select(Lease).where(Lease.duty == duty).execution_options(populate_existing=True)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else LeaseState(row.duty, row.holder, row.generation, row.expires_at)


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
