"""Reading accounts and log-ins."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.domain.login_name import canonical_login_name
from server.accounts.domain.sign_in_limits import SESSION_LIFETIME
from server.accounts.models import Account, StaffSession
from server.core.actor import Actor
from server.core.errors import InvalidInput, NotFound
from server.core.permissions import Permission, Role, may


def token_hash(token: str) -> str:
    """What is stored of a token or set-up code: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def session_actor(session: Session, token: str, now: datetime | None = None) -> tuple[Account, StaffSession] | None:
    """Who is signed in with this cookie: the account and its log-in, or None when nobody is, or no longer.

    Args:
        now: when given, a log-in older than `SESSION_LIFETIME` counts as ended.
    """
    staff_session = session.get(StaffSession, token_hash(token)) if token else None
    if staff_session is None or staff_session.ended_at is not None:
        return None
    if now is not None and now - staff_session.created_at >= SESSION_LIFETIME:
        return None
    account = session.get(Account, staff_session.account_id)
    return (account, staff_session) if account is not None and account.is_active else None


def roles_of(account: Account) -> list[Role]:
    """The account's roles, in the order they were given."""
    return [Role(role) for role in account.roles]


def actor_for(account: Account, staff_session: StaffSession, permission: Permission) -> Actor | None:
    """The signed-in person in the first role that may do this, or None when none of the roles may."""
    for role in roles_of(account):
        if may(role, permission):
            return Actor(account.id, role, account.display_name, staff_session.machine, staff_session.token_hash)
    return None


def find_account(session: Session, login_name: str) -> Account | None:
    """The account of that login name in whatever spelling; also a disabled one."""
    try:
        canonical = canonical_login_name(login_name)
    except InvalidInput:
        return None
    return session.scalars(select(Account).where(Account.login_name == canonical)).one_or_none()


def require_account(session: Session, account_id: str) -> Account:
    """The account with this id.

    Raises:
        NotFound: `ACCOUNT_NOT_FOUND`.
    """
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("ACCOUNT_NOT_FOUND", "没有找到这个账号。", "There is no such account.")
    return account


def list_accounts(session: Session) -> list[Account]:
    """All accounts by login name."""
    return list(session.scalars(select(Account).order_by(Account.login_name)))


def open_sessions(session: Session, account_id: str) -> list[StaffSession]:
    """Log-ins of an account that have not ended, oldest first."""
    query = select(StaffSession).where(StaffSession.account_id == account_id, StaffSession.ended_at.is_(None))
    return list(session.scalars(query.order_by(StaffSession.created_at, StaffSession.token_hash)))
