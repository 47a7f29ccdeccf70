"""Tell who somebody is without writing anything: for the moments when nothing can be written."""

from __future__ import annotations

from server.accounts.passwords import NOBODYS_HASH, password_matches
from server.accounts.queries import find_account, roles_of
from server.core.actor import Actor
from server.core.errors import Forbidden, NotSignedIn
from server.core.permissions import Permission, may
from server.storage.unit_of_work import UnitOfWork


def recognise_person(uow: UnitOfWork, login_name: str, password: str, permission: Permission, machine: str) -> Actor:
    """Check name, password and permission by reading alone; no log-in begins, so the caller's own entry must tell it.

    Raises:
        NotSignedIn: `NAME_OR_PASSWORD_WRONG`.
        Forbidden: `FORBIDDEN`.
    """
    with uow.read() as session:
        account = find_account(session, login_name)
    is_right = password_matches(account.password_hash if account else NOBODYS_HASH, password)
    if account is None or not is_right or not account.is_active:
        raise NotSignedIn("NAME_OR_PASSWORD_WRONG", "登录名或密码不正确。", "Login name or password is wrong.")
    for role in roles_of(account):
        if may(role, permission):
            return Actor(account.id, role, account.display_name, machine[:64])
    raise Forbidden(
        "FORBIDDEN", "您的岗位没有这项权限。", "Your role does not allow this.", permission=permission.value
    )
