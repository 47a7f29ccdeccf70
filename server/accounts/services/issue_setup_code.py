"""Issue a one-time set-up code."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import select

from server.accounts.domain.setup_code import ALPHABET, GROUP, GROUPS, canonical_code, setup_done
from server.accounts.domain.sign_in_limits import SETUP_CODE_LIFETIME
from server.accounts.models import Account, SetupCode
from server.accounts.queries import require_account, token_hash
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM, Actor
from server.storage.unit_of_work import UnitOfWork


def issue_setup_code(
    uow: UnitOfWork,
    account_id: str | None = None,
    actor: Actor = SYSTEM,
    valid_for: timedelta = SETUP_CODE_LIFETIME,
) -> str:
    """A code of 100 random bits, e.g. `K7QMX-2NPWR-…`; only its hash is stored. Codes issued before lapse.

    Args:
        account_id: whose password the code will set; None: the code creates the very first account (checklist A2).

    Raises:
        NotFound: `ACCOUNT_NOT_FOUND`.
        Gone: `SETUP_DONE`: a first account was asked for, but there are accounts already.
    """
    code = "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    with uow() as work:
        if account_id is not None:
            require_account(work.session, account_id)
        elif work.session.scalars(select(Account.id).limit(1)).first():
            raise setup_done()
        now = work.clock.now()
        for old in work.session.scalars(select(SetupCode).where(SetupCode.used_at.is_(None))):
            if old.account_id == account_id:
                old.expires_at = min(old.expires_at, now)
        code_hash = token_hash(canonical_code(code))
        work.session.add(
            SetupCode(code_hash=code_hash, account_id=account_id, created_at=now, expires_at=now + valid_for)
        )
        record(work, actor, AuditAction.ACCOUNTS_SETUP_CODE_ISSUED, f"account:{account_id or 'first'}")
    return code
