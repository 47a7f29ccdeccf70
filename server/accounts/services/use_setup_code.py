"""Use a one-time set-up code: create the first account, or choose an account's password."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.domain.login_name import canonical_login_name
from server.accounts.domain.password_policy import check_password
from server.accounts.domain.setup_code import canonical_code, setup_done
from server.accounts.domain.sign_in_limits import ATTEMPT_WINDOW, ATTEMPTS_PER_MACHINE
from server.accounts.models import Account, SetupCode
from server.accounts.passwords import hash_password
from server.accounts.queries import require_account, token_hash
from server.accounts.services.create_account import add_account
from server.accounts.services.end_sessions import end_sessions
from server.adapters.throttle import Limit, Throttle
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.errors import Gone, NotSignedIn
from server.core.permissions import Role
from server.storage.unit_of_work import UnitOfWork, Work


def use_setup_code(
    uow: UnitOfWork,
    code: str,
    password: str,
    login_name: str = "",
    display_name: str = "",
    machine: str = "",
    throttle: Throttle | None = None,
) -> Account:
    """Set the password of the account the code belongs to; a first code creates the system administrator.

    Args:
        login_name, display_name: read only for the first account.

    Raises:
        NotSignedIn: `SETUP_CODE_WRONG`.
        Gone: `SETUP_DONE` for a used code, `SETUP_CODE_EXPIRED` for one past its time.
        InvalidInput: `PASSWORD_…`, `LOGIN_NAME_WRONG`, `DISPLAY_NAME_WRONG`.
        TooManyRequests: `TOO_MANY_ATTEMPTS`.
    """
    if throttle is not None:
        throttle.take(f"setup:{machine}", Limit(ATTEMPTS_PER_MACHINE, ATTEMPT_WINDOW))
    code_hash = token_hash(canonical_code(code))
    # First without a write, so that guessing costs the database nothing and a weak password does not use up the code.
    with uow.read() as session:
        found = check_setup_code(session, session.get(SetupCode, code_hash), uow.clock.now())
        login_name = (
            require_account(session, found.account_id).login_name
            if found.account_id
            else canonical_login_name(login_name)
        )
    check_password(password, login_name)
    password_hash = hash_password(password)
    with uow() as work:
        held = work.session.get(SetupCode, code_hash, with_for_update=True)
        setup_code = check_setup_code(work.session, held, uow.clock.now())
        setup_code.used_at = work.clock.now()
        account = _account(work, setup_code, login_name, display_name, password_hash)
        actor = dataclasses.replace(SYSTEM, machine=machine)
        record(work, actor, AuditAction.ACCOUNTS_SETUP_CODE_USED, f"account:{account.id}", {"roles": account.roles})
    return account


def _account(work: Work, setup_code: SetupCode, login_name: str, display_name: str, password_hash: str) -> Account:
    if setup_code.account_id is None:
        return add_account(work, login_name, display_name, [Role.SYSADMIN], password_hash)
    account = require_account(work.session, setup_code.account_id)
    account.password_hash = password_hash
    end_sessions(work, account.id)
    return account


def check_setup_code(session: Session, setup_code: SetupCode | None, now: datetime) -> SetupCode:
    """The code, when it still serves. A first code has served as soon as there is any account, however it came about.

    Raises:
        NotSignedIn: `SETUP_CODE_WRONG`.
        Gone: `SETUP_DONE`, `SETUP_CODE_EXPIRED`.
    """
    if setup_code is None:
        raise NotSignedIn(
            "SETUP_CODE_WRONG", "设置码不正确，请核对后再试。", "The set-up code is wrong. Check it and try again."
        )
    is_first = setup_code.account_id is None
    if setup_code.used_at is not None or (is_first and session.scalars(select(Account.id).limit(1)).first()):
        raise setup_done()
    if setup_code.expires_at <= now:
        raise Gone(
            "SETUP_CODE_EXPIRED",
            "设置码已过期，请让管理员重新生成。",
            "The set-up code has expired. Ask for a new one.",
        )
    return setup_code
