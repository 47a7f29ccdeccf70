"""Create a staff account."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from server.accounts.domain.login_name import canonical_login_name
from server.accounts.domain.password_policy import check_password
from server.accounts.domain.role_sets import check_roles
from server.accounts.models import Account
from server.accounts.passwords import hash_password
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput
from server.core.ids import new_id
from server.core.permissions import Role
from server.storage.unit_of_work import UnitOfWork, Work

#: Stored while nobody has chosen a password yet; no password fits it.
NO_PASSWORD = ""


def create_account(
    uow: UnitOfWork,
    login_name: str,
    display_name: str,
    roles: Collection[Role],
    password: str | None,
    actor: Actor,
) -> Account:
    """Create an account. Without a password nobody can sign in until a set-up code was used (`issue_setup_code`).

    Raises:
        InvalidInput: `LOGIN_NAME_WRONG`, `DISPLAY_NAME_WRONG`, `ROLES_…`, `PASSWORD_…`.
        Conflict: `LOGIN_NAME_TAKEN`.
    """
    canonical = canonical_login_name(login_name)
    check_roles(roles)
    if password is not None:
        check_password(password, canonical)
    password_hash = NO_PASSWORD if password is None else hash_password(password)
    with uow() as work:
        account = add_account(work, canonical, display_name, roles, password_hash)
        record(work, actor, AuditAction.ACCOUNTS_ACCOUNT_CREATED, f"account:{account.id}",
               {"login_name": account.login_name, "roles": account.roles, "has_password": password is not None})  # fmt: skip
    return account


def add_account(work: Work, canonical: str, display_name: str, roles: Collection[Role], password_hash: str) -> Account:
    """Add the row in the caller's transaction; the caller has checked roles and password.

    Raises:
        InvalidInput: `DISPLAY_NAME_WRONG`.
        Conflict: `LOGIN_NAME_TAKEN`.
    """
    if not display_name.strip() or len(display_name) > 80 or "\x00" in display_name:
        raise InvalidInput(
            "DISPLAY_NAME_WRONG",
            "姓名不能为空，最多 80 个字符。",
            "The name must not be empty and has at most 80 characters.",
        )
    if work.session.scalars(select(Account.id).where(Account.login_name == canonical)).first():
        raise Conflict(
            "LOGIN_NAME_TAKEN",
            f"登录名“{canonical}”已被使用，请换一个。",
            f"The login name '{canonical}' is taken. Choose another one.",
        )
    account = Account(
        id=new_id(),
        login_name=canonical,
        display_name=display_name,
        roles=sorted({Role(role).value for role in roles}),
        password_hash=password_hash,
        is_active=True,
        created_at=work.clock.now(),
    )
    work.session.add(account)
    work.session.flush()
    return account
