"""Staff for tests: rows made directly, with a password hash that costs next to nothing."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Collection
from datetime import UTC, datetime

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from server.accounts.models import Account, StaffSession
from server.accounts.queries import token_hash
from server.core.actor import Actor
from server.core.ids import new_id
from server.core.permissions import Role

PASSWORD = "correct horse battery staple"
_CHEAP_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
_numbers = itertools.count(1)
A_MORNING = datetime(2026, 5, 16, 0, 30, tzinfo=UTC)


def an_account(
    session: Session,
    roles: Collection[Role] = (Role.PROCTOR,),
    login_name: str = "",
    display_name: str = "",
    created_at: datetime = A_MORNING,
) -> Account:
    """A row in the caller's transaction; its password is `PASSWORD`."""
    number = next(_numbers)
    account = Account(
        id=new_id(),
        login_name=login_name or f"staff{number}",
        display_name=display_name or f"监考{number}",
        roles=[role.value for role in roles],
        password_hash=_CHEAP_HASH,
        is_active=True,
        created_at=created_at,
    )
    session.add(account)
    session.flush()
    return account


def an_actor(account: Account, role: Role | None = None, machine: str = "10.0.0.7", session: str = "") -> Actor:
    """The person behind an account, in one of the account's roles."""
    return Actor(account.id, role or Role(account.roles[0]), account.display_name, machine, session)


def somebody(role: Role = Role.EXAM_CLERK, name: str = "考务员") -> Actor:
    """An actor without an account, for services that only record who did it."""
    return Actor(new_id(), role, name, "10.0.0.5")


def a_sign_in(
    session: Session, account: Account, machine: str = "10.0.0.7", at: datetime = A_MORNING
) -> tuple[str, StaffSession]:
    """A log-in of this account: the cookie's token and the row."""
    token = secrets.token_urlsafe(32)
    staff_session = StaffSession(
        token_hash=token_hash(token),
        account_id=account.id,
        csrf_token=secrets.token_urlsafe(32),
        machine=machine,
        created_at=at,
        last_used_at=at,
    )
    session.add(staff_session)
    session.flush()
    return token, staff_session
