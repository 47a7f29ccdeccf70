"""Signing in: the same answer for unknown and wrong, throttled, ended at once when it must end."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.accounts.domain.sign_in_limits import ATTEMPTS_PER_ACCOUNT, ATTEMPTS_PER_MACHINE, SESSION_LIFETIME
from server.accounts.models import Account, StaffSession
from server.accounts.passwords import NOBODYS_HASH, hash_password, is_outdated
from server.accounts.queries import actor_for, session_actor, token_hash
from server.accounts.services.create_account import create_account
from server.accounts.services.disable_account import disable_account
from server.accounts.services.set_password import set_password
from server.accounts.services.sign_in import sign_in
from server.accounts.services.sign_out import sign_out
from server.adapters.throttle import InMemoryThrottle
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM
from server.core.clock import ManualClock
from server.core.errors import NotSignedIn, TooManyRequests
from server.core.permissions import Permission, Role
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import PASSWORD, an_account, an_actor

MACHINE = "10.0.0.7"


@pytest.fixture
def zhang(uow: UnitOfWork) -> Account:
    with uow() as work:
        return an_account(work.session, [Role.PROCTOR], "zhang", "张三")


def who(uow: UnitOfWork, token: str) -> str | None:
    with uow.read() as session:
        found = session_actor(session, token)
    return found[0].login_name if found else None


def wrong(uow: UnitOfWork, login_name: str, password: str, throttle: InMemoryThrottle | None = None) -> NotSignedIn:
    with pytest.raises(NotSignedIn) as refused:
        sign_in(uow, login_name, password, MACHINE, throttle)
    return refused.value


@pytest.mark.parametrize("spelling", ["zhang", "ZHANG", " Zhang ", "ｚｈａｎｇ"])
def test_the_right_password_opens_in_every_spelling_of_the_name(uow: UnitOfWork, zhang: Account, spelling: str) -> None:
    token, staff_session = sign_in(uow, spelling, PASSWORD, MACHINE)
    assert who(uow, token) == "zhang"
    assert len(token) >= 43  # 256 bits
    assert staff_session.token_hash == token_hash(token)
    assert token not in (staff_session.token_hash, staff_session.csrf_token)


def test_unknown_wrong_and_disabled_get_one_answer(uow: UnitOfWork, zhang: Account) -> None:
    with uow() as work:
        an_account(work.session, [Role.PROCTOR], "li").is_active = False
    answers = [
        wrong(uow, "nobody", PASSWORD),
        wrong(uow, "zhang", "not it"),
        wrong(uow, "li", PASSWORD),
        wrong(uow, "\x00" * 200, ""),
    ]
    assert {answer.code for answer in answers} == {"NAME_OR_PASSWORD_WRONG"}
    assert len({answer.message_zh for answer in answers}) == 1
    with uow.read() as session:
        refused = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "accounts.session.refused")
        assert session.scalar(refused) == 4


def test_unknown_and_wrong_take_the_same_time(uow: UnitOfWork, full_cost: None) -> None:
    """Both hash once at full cost; medians of a few tries, generous because the machine is shared."""
    create_account(uow, "wang", "王", [Role.PROCTOR], "a sentence nobody guesses", SYSTEM)

    def median(login_name: str) -> float:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            wrong(uow, login_name, "not it")
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    unknown, known = median("nobody"), median("wang")
    assert 0.5 < unknown / known < 2


def test_the_hash_for_nobody_costs_what_a_real_one_costs(full_cost: None) -> None:
    assert not is_outdated(NOBODYS_HASH)
    assert NOBODYS_HASH.split("$")[1:4] == hash_password("x").split("$")[1:4]


def test_a_cheap_hash_is_replaced_at_the_next_sign_in(uow: UnitOfWork, zhang: Account, full_cost: None) -> None:
    sign_in(uow, "zhang", PASSWORD, MACHINE)
    with uow.read() as session:
        assert not is_outdated(session.get_one(Account, zhang.id).password_hash)
    assert sign_in(uow, "zhang", PASSWORD, MACHINE)


def test_after_the_allowed_tries_one_waits(uow: UnitOfWork, zhang: Account, clock: ManualClock) -> None:
    throttle = InMemoryThrottle(clock)
    for _ in range(ATTEMPTS_PER_ACCOUNT):
        wrong(uow, "zhang", "not it", throttle)
    with pytest.raises(TooManyRequests) as refused:
        sign_in(uow, "zhang", PASSWORD, MACHINE, throttle)
    assert refused.value.data == {"retry_after": 60}
    clock.advance(59.5)
    with pytest.raises(TooManyRequests) as refused:
        sign_in(uow, "zhang", PASSWORD, "elsewhere", throttle)
    assert refused.value.data == {"retry_after": 1}
    clock.advance(1)
    assert sign_in(uow, "zhang", PASSWORD, MACHINE, throttle)


def test_one_machine_cannot_try_many_names(uow: UnitOfWork, zhang: Account, clock: ManualClock) -> None:
    throttle = InMemoryThrottle(clock)
    for number in range(ATTEMPTS_PER_MACHINE):
        wrong(uow, f"name{number}", "not it", throttle)
    with pytest.raises(TooManyRequests):
        sign_in(uow, "zhang", PASSWORD, MACHINE, throttle)
    assert sign_in(uow, "zhang", PASSWORD, "10.0.0.8", throttle)


def test_signing_in_rightly_uses_up_nothing(uow: UnitOfWork, zhang: Account, clock: ManualClock) -> None:
    throttle = InMemoryThrottle(clock)
    for _ in range(ATTEMPTS_PER_MACHINE + 1):
        sign_in(uow, "zhang", PASSWORD, MACHINE, throttle)


def test_signing_out_ends_this_log_in_alone(uow: UnitOfWork, zhang: Account) -> None:
    first, second = (sign_in(uow, "zhang", PASSWORD, MACHINE)[0] for _ in range(2))
    sign_out(uow, first, an_actor(zhang))
    sign_out(uow, first, an_actor(zhang))
    sign_out(uow, "no such token", an_actor(zhang))
    assert (who(uow, first), who(uow, second)) == (None, "zhang")


@pytest.mark.parametrize(("role", "allowed"), [(Role.PROCTOR, 2), (Role.SYSADMIN, 1)])
def test_too_many_log_ins_end_the_oldest(uow: UnitOfWork, clock: ManualClock, role: Role, allowed: int) -> None:
    with uow() as work:
        an_account(work.session, [role], "li")
    tokens = []
    for _ in range(3):
        tokens.append(sign_in(uow, "li", PASSWORD, MACHINE)[0])
        clock.advance(1)
    assert [who(uow, token) for token in tokens] == [None] * (3 - allowed) + ["li"] * allowed


def test_disabling_ends_every_log_in_at_once(uow: UnitOfWork, zhang: Account) -> None:
    token, _ = sign_in(uow, "zhang", PASSWORD, MACHINE)
    disable_account(uow, zhang.id, SYSTEM, "离职")
    assert who(uow, token) is None
    wrong(uow, "zhang", PASSWORD)


def test_a_new_password_ends_other_log_ins_and_keeps_ones_own(uow: UnitOfWork, zhang: Account) -> None:
    mine, other = (sign_in(uow, "zhang", PASSWORD, MACHINE) for _ in range(2))
    set_password(uow, zhang.id, "a new sentence for zhangsan", an_actor(zhang, session=mine[1].token_hash))
    assert (who(uow, mine[0]), who(uow, other[0])) == ("zhang", None)
    wrong(uow, "zhang", PASSWORD)
    assert sign_in(uow, "zhang", "a new sentence for zhangsan", MACHINE)


def test_a_log_in_ends_by_itself(uow: UnitOfWork, zhang: Account, clock: ManualClock) -> None:
    token, _ = sign_in(uow, "zhang", PASSWORD, MACHINE)
    with uow.read() as session:
        assert session_actor(session, token, clock.now() + SESSION_LIFETIME - timedelta(seconds=1))
        assert session_actor(session, token, clock.now() + SESSION_LIFETIME) is None


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "0" * 64])
def test_a_made_up_token_is_nobody(uow: UnitOfWork, zhang: Account, token: str) -> None:
    assert who(uow, token) is None


def test_the_stored_hash_is_no_token(uow: UnitOfWork, zhang: Account) -> None:
    _, staff_session = sign_in(uow, "zhang", PASSWORD, MACHINE)
    assert who(uow, staff_session.token_hash) is None


def test_a_person_acts_in_the_role_that_allows_it(uow: UnitOfWork) -> None:
    with uow() as work:
        account = an_account(work.session, [Role.EXAM_CLERK, Role.PROCTOR])
    staff_session = StaffSession(token_hash="h", account_id=account.id, machine=MACHINE)
    proctor = actor_for(account, staff_session, Permission.PROCTOR_BOARD_READ)
    clerk = actor_for(account, staff_session, Permission.SCHEDULING_SITTING_PLAN)
    assert proctor is not None
    assert clerk is not None
    assert (proctor.role, clerk.role) == (Role.PROCTOR, Role.EXAM_CLERK)
    assert actor_for(account, staff_session, Permission.BANK_ITEM_READ) is None


def test_a_100_character_passphrase_is_needed_in_full(uow: UnitOfWork) -> None:
    phrase = "一二三四五六七八九十" * 10
    create_account(uow, "long", "长", [Role.PROCTOR], phrase, SYSTEM)
    wrong(uow, "long", phrase[:-1])
    assert sign_in(uow, "long", phrase, MACHINE)
