"""End one's own log-in."""

from __future__ import annotations

from server.accounts.models import StaffSession
from server.accounts.queries import token_hash
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork


def sign_out(uow: UnitOfWork, token: str, actor: Actor) -> None:
    """End the log-in of this token at once. Signing out twice, or with an unknown token, is no error."""
    with uow() as work:
        staff_session = work.session.get(StaffSession, token_hash(token))
        if staff_session is None or staff_session.ended_at is not None:
            return
        staff_session.ended_at = work.clock.now()
        record(work, actor, AuditAction.ACCOUNTS_SESSION_ENDED, f"account:{staff_session.account_id}")
