"""Sign a member of staff in."""

from __future__ import annotations

import dataclasses
import secrets
from typing import NoReturn

from server.accounts.domain.role_sets import sessions_allowed
from server.accounts.domain.sign_in_limits import ATTEMPT_WINDOW, ATTEMPTS_PER_ACCOUNT, ATTEMPTS_PER_MACHINE
from server.accounts.models import Account, StaffSession
from server.accounts.passwords import NOBODYS_HASH, hash_password, is_outdated, password_matches
from server.accounts.queries import find_account, open_sessions, roles_of, token_hash
from server.adapters.throttle import Limit, Throttle
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM, Actor
from server.core.errors import NotSignedIn
from server.storage.unit_of_work import UnitOfWork, Work

PER_ACCOUNT = Limit(ATTEMPTS_PER_ACCOUNT, ATTEMPT_WINDOW)
PER_MACHINE = Limit(ATTEMPTS_PER_MACHINE, ATTEMPT_WINDOW)
TOKEN_BYTES = 32


def sign_in(
    uow: UnitOfWork, login_name: str, password: str, machine: str, throttle: Throttle | None = None
) -> tuple[str, StaffSession]:
    """Check name and password; returns the token for the cookie (256 random bits) and the new log-in.

    Unknown name, wrong password and disabled account get the same answer after the same work. Above the allowed
    number of log-ins (administrators 1, others 2) the oldest ones end.

    Args:
        machine: peer address or machine name, as the audit log will show it.

    Raises:
        NotSignedIn: `NAME_OR_PASSWORD_WRONG`.
        TooManyRequests: `TOO_MANY_ATTEMPTS`; data `retry_after`.
    """
    # The database's 64 characters; a proxy header must not be able to make the log-in fail.
    machine = machine[:64]
    with uow.read() as session:
        account = find_account(session, login_name)
    account_key = f"account:{account.id if account else token_hash(login_name)}"
    machine_key = f"machine:{machine}"
    if throttle is not None:
        machine_ticket = throttle.take(machine_key, PER_MACHINE)
        throttle.take(account_key, PER_ACCOUNT)
    else:
        machine_ticket = ""
    # No transaction is open while the hash is computed: it takes longer than everything else together.
    is_right = password_matches(account.password_hash if account else NOBODYS_HASH, password)
    if account is None or not is_right or not account.is_active:
        _refuse(uow, account, machine)
    new_hash = hash_password(password) if is_outdated(account.password_hash) else None
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with uow() as work:
        current = work.session.get(Account, account.id, with_for_update=True)
        if current is None or not current.is_active or current.password_hash != account.password_hash:
            raise _wrong()
        current.password_hash = new_hash or current.password_hash
        _end_oldest(work, current)
        now = work.clock.now()
        staff_session = StaffSession(
            token_hash=token_hash(token),
            account_id=current.id,
            csrf_token=secrets.token_urlsafe(TOKEN_BYTES),
            machine=machine,
            created_at=now,
            last_used_at=now,
        )
        work.session.add(staff_session)
        actor = Actor(current.id, roles_of(current)[0], current.display_name, machine, staff_session.token_hash)
        record(work, actor, AuditAction.ACCOUNTS_SESSION_STARTED, f"account:{current.id}")
    if throttle is not None:
        throttle.forget(account_key)
        throttle.give_back(machine_key, machine_ticket)
    return token, staff_session


def _end_oldest(work: Work, account: Account) -> None:
    others = open_sessions(work.session, account.id)
    for old in others[: max(0, len(others) + 1 - sessions_allowed(roles_of(account)))]:
        old.ended_at = work.clock.now()


def _refuse(uow: UnitOfWork, account: Account | None, machine: str) -> NoReturn:
    somebody = dataclasses.replace(SYSTEM, machine=machine)
    with uow() as work:
        subject = f"account:{account.id}" if account else "account:unknown"
        record(work, somebody, AuditAction.ACCOUNTS_SESSION_REFUSED, subject)
    raise _wrong()


def _wrong() -> NotSignedIn:
    return NotSignedIn(
        "NAME_OR_PASSWORD_WRONG",
        "登录名或密码不正确，请核对后再试。",
        "Login name or password is wrong. Check both and try again.",
    )
