"""Set an account's password."""

from __future__ import annotations

from server.accounts.domain.password_policy import check_password
from server.accounts.passwords import hash_password
from server.accounts.queries import require_account
from server.accounts.services.end_sessions import end_sessions
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork


def set_password(uow: UnitOfWork, account_id: str, password: str, actor: Actor) -> None:
    """Replace the password and end every other log-in of the account; the actor's own one stays.

    Raises:
        InvalidInput: `PASSWORD_TOO_SHORT`, `PASSWORD_TOO_LONG`, `PASSWORD_TOO_COMMON`.
        NotFound: `ACCOUNT_NOT_FOUND`.
    """
    with uow.read() as session:
        check_password(password, require_account(session, account_id).login_name)
    password_hash = hash_password(password)
    with uow() as work:
        account = require_account(work.session, account_id)
        account.password_hash = password_hash
        ended = end_sessions(work, account_id, but_not=actor.session)
        record(work, actor, AuditAction.ACCOUNTS_PASSWORD_CHANGED, f"account:{account_id}", {"sessions_ended": ended})
