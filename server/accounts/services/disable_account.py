"""Disable an account."""

from __future__ import annotations

from sqlalchemy import select

from server.accounts.models import Account
from server.accounts.queries import require_account, roles_of
from server.accounts.services.end_sessions import end_sessions
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.permissions import Role
from server.storage.unit_of_work import UnitOfWork


def disable_account(uow: UnitOfWork, account_id: str, actor: Actor, reason: str) -> None:
    """Nobody signs in with this account any more, and whoever is signed in is out at once. Nothing is deleted.

    Raises:
        NotFound: `ACCOUNT_NOT_FOUND`.
        Conflict: `LAST_SYSADMIN`: nobody would be left who can manage accounts.
    """
    with uow() as work:
        account = require_account(work.session, account_id)
        others = work.session.scalars(select(Account).where(Account.is_active, Account.id != account_id))
        if Role.SYSADMIN in roles_of(account) and not any(Role.SYSADMIN in roles_of(other) for other in others):
            raise Conflict(
                "LAST_SYSADMIN",
                "这是最后一个系统管理员账号，停用后无人能管理账号；请先建立另一个系统管理员。",
                "This is the last system administrator. Create another one first.",
            )
        account.is_active = False
        ended = end_sessions(work, account_id)
        record(
            work,
            actor,
            AuditAction.ACCOUNTS_ACCOUNT_DISABLED,
            f"account:{account_id}",
            {"sessions_ended": ended},
            reason,
        )
