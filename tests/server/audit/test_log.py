"""The audit log: gapless, chained, and whatever is done to it is found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, text, update

from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.domain.chain import entry_hash
from server.audit.log import record, verify
from server.audit.models import AuditEntry, AuditHead, SignedHead
from server.audit.services.sign_head import sign_head
from server.core.actor import SYSTEM
from server.core.clock import ManualClock
from server.storage.unit_of_work import UnitOfWork

ENTRIES = 12


@pytest.fixture
def written(uow: UnitOfWork, clock: ManualClock) -> UnitOfWork:
    """A log with twelve entries."""
    for number in range(ENTRIES):
        clock.advance(1.25)
        with uow() as work:
            record(
                work,
                SYSTEM,
                AuditAction.SCHEDULING_SITTING_PLANNED,
                f"sitting:{number}",
                {"n": number, "名": "𠮷野"},
                "排考",
            )
    return uow


def verdict(uow: UnitOfWork) -> tuple[bool, int | None, str]:
    with uow.read() as session:
        found = verify(session)
    return found.ok, found.first_bad, found.problem


def test_an_empty_log_is_whole(uow: UnitOfWork) -> None:
    with uow.read() as session:
        assert verify(session).ok
        assert verify(session).entries == 0


def test_an_untouched_log_is_whole(written: UnitOfWork) -> None:
    with written.read() as session:
        found = verify(session)
    assert (found.ok, found.entries, found.first_bad) == (True, ENTRIES, None)


def test_numbers_have_no_gap_when_a_transaction_fails(written: UnitOfWork) -> None:
    def record_and_fail() -> None:
        with written() as work:
            record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_PLANNED, "sitting:lost")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_and_fail()
    with written() as work:
        assert record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_PLANNED, "sitting:kept").seq == ENTRIES + 1
    assert verdict(written) == (True, None, "")


def test_two_entries_of_one_transaction_follow_each_other(uow: UnitOfWork) -> None:
    with uow() as work:
        first = record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_PLANNED, "sitting:1")
        second = record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_PUBLISHED, "sitting:1")
    assert second.prev_hash == first.hash
    assert verdict(uow)[0]


def test_what_no_database_can_store_does_not_stop_the_log(uow: UnitOfWork) -> None:
    with uow() as work:
        record(
            work,
            SYSTEM,
            AuditAction.SCHEDULING_SITTING_PLANNED,
            "sitting:\x00" + "x" * 200,
            {"a": (1, "\ud800")},
            "\x00\ud800",
        )
    assert verdict(uow)[0]


def test_writers_at_the_same_time_make_one_chain(uow: UnitOfWork) -> None:
    failures: list[BaseException] = []

    def write_some() -> None:
        try:
            for _ in range(5):
                with uow() as work:
                    record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_CHANGED, "sitting:1")
        except BaseException as failure:  # noqa: BLE001 - shown by the assertion below
            failures.append(failure)

    threads = [threading.Thread(target=write_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with uow.read() as session:
        found = verify(session)
    assert (found.ok, found.entries) == (True, 20)


Tamper = Callable[[UnitOfWork], None]


def change(**values: object) -> Tamper:
    def tamper(uow: UnitOfWork) -> None:
        with uow() as work:
            work.session.execute(update(AuditEntry).where(AuditEntry.seq == 5).values(**values))

    return tamper


def drop_a_row(uow: UnitOfWork) -> None:
    with uow() as work:
        work.session.execute(delete(AuditEntry).where(AuditEntry.seq == 5))


def swap_two_rows(uow: UnitOfWork) -> None:
    with uow() as work:
        for old, new in ((5, 1000), (6, 5), (1000, 6)):
            work.session.execute(update(AuditEntry).where(AuditEntry.seq == old).values(seq=new))


def cut_the_tail(uow: UnitOfWork) -> None:
    with uow() as work:
        work.session.execute(delete(AuditEntry).where(AuditEntry.seq >= 5))


def change_and_hash_again(uow: UnitOfWork) -> None:
    """One entry is rewritten with a hash that fits; the next one still knows the old hash."""
    with uow() as work:
        entry = work.session.get(AuditEntry, 4)
        assert entry is not None
        entry.reason = "别的"
        rewritten = {
            name: getattr(entry, name)
            for name in ("seq", "actor", "role", "machine", "action", "subject", "detail", "reason")
        }
        entry.hash = entry_hash(entry.prev_hash, rewritten | {"at": entry.at.isoformat(timespec="microseconds")})


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (change(reason="排烤"), "ENTRY_CHANGED"),
        (change(actor="somebody"), "ENTRY_CHANGED"),
        (change(detail={"n": 4}), "ENTRY_CHANGED"),
        (change(hash="0" * 64), "ENTRY_CHANGED"),
        (drop_a_row, "ENTRY_MISSING"),
        (swap_two_rows, "ENTRY_CHANGED"),
        (cut_the_tail, "TAIL_CUT"),
        (change_and_hash_again, "CHAIN_BROKEN"),
    ],
)
def test_tampering_is_found_at_its_first_entry(written: UnitOfWork, tamper: Tamper, problem: str) -> None:
    tamper(written)
    assert verdict(written) == (False, 5, problem)


def test_a_changed_moment_is_found(written: UnitOfWork) -> None:
    with written() as work:
        entry = work.session.get(AuditEntry, 5)
        assert entry is not None
        entry.at += timedelta(microseconds=1)
    assert verdict(written) == (False, 5, "ENTRY_CHANGED")


def cut_tail_and_head(uow: UnitOfWork) -> None:
    """What an operator with all rights would do: drop the end and make the head fit."""
    with uow() as work:
        last = work.session.get(AuditEntry, 8)
        assert last is not None
        work.session.execute(delete(AuditEntry).where(AuditEntry.seq > 8))
        work.session.execute(update(AuditHead).values(seq=8, hash=last.hash))


def test_a_cut_tail_with_a_fitting_head_is_found_by_the_signed_head(written: UnitOfWork, vault: Vault) -> None:
    sign_head(written, vault, "node-1")
    cut_tail_and_head(written)
    assert verdict(written) == (False, 9, "TAIL_CUT")


def rewrite_everything(uow: UnitOfWork) -> None:
    with uow() as work:
        entries = work.session.query(AuditEntry).order_by(AuditEntry.seq).all()
        prev = "0" * 64
        for entry in entries:
            entry.prev_hash, entry.reason = prev, "改写"
            fields = {
                name: getattr(entry, name)
                for name in ("seq", "actor", "role", "machine", "action", "subject", "detail", "reason")
            }
            entry.hash = prev = entry_hash(prev, fields | {"at": entry.at.isoformat(timespec="microseconds")})
        work.session.execute(update(AuditHead).values(hash=prev))


def test_a_wholly_rewritten_chain_is_found_by_the_signed_head(written: UnitOfWork, vault: Vault) -> None:
    sign_head(written, vault, "node-1")
    rewrite_everything(written)
    assert verdict(written) == (False, ENTRIES, "HEAD_REWRITTEN")


def test_a_head_signed_with_a_stranger_key_is_not_believed(written: UnitOfWork, vault: Vault) -> None:
    stranger = Vault(b"\x09" * 32)
    sign_head(written, stranger, "node-1")
    with written.read() as session:
        assert verify(session).ok
        found = verify(session, frozenset({vault.public_key_hex()}))
    assert (found.ok, found.problem) == (False, "KEY_UNKNOWN")


def test_a_changed_signature_is_found(written: UnitOfWork, vault: Vault) -> None:
    sign_head(written, vault, "node-1")
    with written() as work:
        work.session.execute(update(SignedHead).values(signature="00" * 64))
    assert verdict(written) == (False, ENTRIES, "SIGNATURE_WRONG")


def test_signing_the_same_head_twice_gives_one_row(written: UnitOfWork, vault: Vault) -> None:
    first, second = sign_head(written, vault, "node-1"), sign_head(written, vault, "node-1")
    assert first is not None
    assert second is not None
    assert first.seq == second.seq == ENTRIES
    with written.read() as session:
        assert session.execute(text("SELECT count(*) FROM audit_signed_head")).scalar() == 1


def test_an_empty_log_has_no_head_to_sign(uow: UnitOfWork, vault: Vault) -> None:
    assert sign_head(uow, vault, "node-1") is None
