"""Creating accounts, choosing passwords, set-up codes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.accounts.domain.login_name import canonical_login_name
from server.accounts.domain.password_policy import check_password
from server.accounts.domain.role_sets import check_roles
from server.accounts.models import Account, SetupCode
from server.accounts.services.create_account import create_account
from server.accounts.services.disable_account import disable_account
from server.accounts.services.issue_setup_code import issue_setup_code
from server.accounts.services.sign_in import sign_in
from server.accounts.services.use_setup_code import use_setup_code
from server.core.actor import SYSTEM
from server.core.clock import ManualClock
from server.core.errors import Conflict, Gone, InvalidInput, MingyuanError, NotSignedIn
from server.core.permissions import Role
from server.storage.unit_of_work import UnitOfWork

GOOD = "three blue kettles"


def code_of(step: object, *args: object, **named: object) -> str:
    with pytest.raises(MingyuanError) as refused:
        step(*args, **named)  # type: ignore[operator]
    return refused.value.code


@pytest.mark.parametrize(
    "password",
    ["Passw0rd", "passw0rd123", "P@ssw0rd!", "12345678", "qwertyui", "QWERTY123", "aaaaaaaa", "abababab", "iloveyou", "admin888",
     "Admin@123", "woaini1314", "1qaz2wsx", "abcd1234", "87654321", "mingyuan2026", "zhangsan1", "Zhangsan!!"],
)  # fmt: skip
def test_common_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_password(password, "zhangsan")
    assert refused.value.code == "PASSWORD_TOO_COMMON"


@pytest.mark.parametrize(
    "password", [GOOD, "kX7#mq2Lp", "春眠不觉晓处处闻", "x" * 63 + "yz", "correct horse battery staple", "7 chars!7"]
)
def test_other_passwords_are_taken(password: str) -> None:
    check_password(password, "zhangsan")


def test_the_length_has_two_bounds() -> None:
    assert code_of(check_password, "kX7#mq2", "a") == "PASSWORD_TOO_SHORT"
    assert code_of(check_password, "kX7#mq2L" * 200, "a") == "PASSWORD_TOO_LONG"


def test_a_login_name_has_one_form() -> None:
    assert canonical_login_name("  ＺｈＡＮＧ ") == canonical_login_name("zhang") == "zhang"
    assert canonical_login_name("张三") == "张三"


@pytest.mark.parametrize("name", ["", "  ", "a b", "a\x00b", "a\u200bb", "a" * 81])
def test_a_wrong_login_name_is_refused(name: str) -> None:
    assert code_of(canonical_login_name, name) == "LOGIN_NAME_WRONG"


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ([], "ROLES_MISSING"),
        ([Role.CANDIDATE], "ROLE_NOT_FOR_STAFF"),
        ([Role.SYSADMIN, Role.AUDITADMIN], "ROLES_EXCLUSIVE"),
        ([Role.SECADMIN, Role.PROCTOR, Role.SYSADMIN], "ROLES_EXCLUSIVE"),
    ],
)
def test_a_set_of_roles_one_person_must_not_hold_is_refused(roles: list[Role], code: str) -> None:
    assert code_of(check_roles, roles) == code


def test_two_accounts_never_share_a_name(uow: UnitOfWork) -> None:
    create_account(uow, "Zhang", "张", [Role.PROCTOR], None, SYSTEM)
    with pytest.raises(Conflict) as refused:
        create_account(uow, "ｚｈａｎｇ", "张", [Role.PROCTOR], None, SYSTEM)
    assert refused.value.code == "LOGIN_NAME_TAKEN"


def test_display_names_keep_their_characters(uow: UnitOfWork) -> None:
    assert create_account(uow, "y", "𠮷野·Ａ", [Role.PROCTOR], None, SYSTEM).display_name == "𠮷野·Ａ"
    assert code_of(create_account, uow, "z", "  ", [Role.PROCTOR], None, SYSTEM) == "DISPLAY_NAME_WRONG"


def test_an_account_without_password_opens_for_nothing(uow: UnitOfWork) -> None:
    create_account(uow, "zhang", "张", [Role.PROCTOR], None, SYSTEM)
    for password in ("", " ", "zhang", GOOD):
        assert code_of(sign_in, uow, "zhang", password, "m") == "NAME_OR_PASSWORD_WRONG"


def test_there_is_no_account_in_an_empty_system(uow: UnitOfWork) -> None:
    with uow.read() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 0
    assert code_of(sign_in, uow, "admin", "admin", "m") == "NAME_OR_PASSWORD_WRONG"


def test_the_first_code_makes_the_first_administrator_once(uow: UnitOfWork) -> None:
    code = issue_setup_code(uow)
    account = use_setup_code(uow, code, GOOD, "root", "管理员")
    assert account.roles == [Role.SYSADMIN.value]
    assert sign_in(uow, "root", GOOD, "m")
    with pytest.raises(Gone) as refused:
        use_setup_code(uow, code, GOOD, "root2", "管理员")
    assert refused.value.code == "SETUP_DONE"
    assert code_of(issue_setup_code, uow) == "SETUP_DONE"


def test_an_accounts_code_sets_its_password_once(uow: UnitOfWork) -> None:
    account = create_account(uow, "zhang", "张", [Role.PROCTOR], None, SYSTEM)
    code = issue_setup_code(uow, account.id)
    use_setup_code(uow, f" {code.lower().replace('-', ' ')} ", GOOD)
    assert sign_in(uow, "zhang", GOOD, "m")
    assert code_of(use_setup_code, uow, code, "another good sentence") == "SETUP_DONE"
    assert sign_in(uow, "zhang", GOOD, "m")


def test_a_weak_password_does_not_use_up_the_code(uow: UnitOfWork) -> None:
    account = create_account(uow, "zhang", "张", [Role.PROCTOR], None, SYSTEM)
    code = issue_setup_code(uow, account.id)
    assert code_of(use_setup_code, uow, code, "Passw0rd") == "PASSWORD_TOO_COMMON"
    assert code_of(use_setup_code, uow, code, "zhang1234") == "PASSWORD_TOO_COMMON"
    assert use_setup_code(uow, code, GOOD).id == account.id


def test_wrong_old_and_replaced_codes_are_refused(uow: UnitOfWork, clock: ManualClock) -> None:
    account = create_account(uow, "zhang", "张", [Role.PROCTOR], None, SYSTEM)
    first = issue_setup_code(uow, account.id)
    second = issue_setup_code(uow, account.id, valid_for=timedelta(hours=1))
    with pytest.raises(NotSignedIn):
        use_setup_code(uow, "AAAAA-AAAAA-AAAAA-AAAAA", GOOD)
    assert code_of(use_setup_code, uow, first, GOOD) == "SETUP_CODE_EXPIRED"
    clock.advance(3600)
    assert code_of(use_setup_code, uow, second, GOOD) == "SETUP_CODE_EXPIRED"


def test_the_code_itself_is_stored_nowhere(uow: UnitOfWork) -> None:
    code = issue_setup_code(uow)
    with uow.read() as session:
        [stored] = session.scalars(select(SetupCode)).all()
    assert code.replace("-", "") not in str(vars(stored))
    assert len(stored.code_hash) == 64


def test_the_last_system_administrator_stays(uow: UnitOfWork) -> None:
    one = create_account(uow, "one", "一", [Role.SYSADMIN], None, SYSTEM)
    assert code_of(disable_account, uow, one.id, SYSTEM, "x") == "LAST_SYSADMIN"
    create_account(uow, "two", "二", [Role.SYSADMIN], None, SYSTEM)
    disable_account(uow, one.id, SYSTEM, "x")
    assert code_of(disable_account, uow, "nobody", SYSTEM, "x") == "ACCOUNT_NOT_FOUND"
