"""The exported log is judged by itself: no server, no database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.export_file import verify_export, write_export
from server.audit.log import record
from server.audit.services.sign_head import sign_head
from server.core.actor import SYSTEM
from server.storage.unit_of_work import UnitOfWork


@pytest.fixture
def exported(uow: UnitOfWork, vault: Vault, tmp_path: Path) -> Path:
    """Eight entries, a head signed after the eighth."""
    for number in range(8):
        with uow() as work:
            record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_PLANNED, f"sitting:{number}", {"n": number}, "排考")
    sign_head(uow, vault, "node-1")
    path = tmp_path / "audit.jsonl"
    with uow.read() as session, path.open("w", encoding="utf-8") as file:
        assert write_export(session, file) == 8
    return path


def test_an_untouched_file_is_whole(exported: Path, vault: Vault) -> None:
    found = verify_export(exported, frozenset({vault.public_key_hex()}))
    assert (found.ok, found.entries, found.first_bad) == (True, 8, None)


Lines = list[str]


def one_byte(lines: Lines) -> Lines:
    return [*lines[:4], lines[4].replace("排考", "排号"), *lines[5:]]


def dropped_row(lines: Lines) -> Lines:
    return lines[:4] + lines[5:]


def swapped_rows(lines: Lines) -> Lines:
    return [*lines[:4], lines[5], lines[4], *lines[6:]]


def unreadable_row(lines: Lines) -> Lines:
    return [*lines[:4], lines[4][:20], *lines[5:]]


def row_of_another_shape(lines: Lines) -> Lines:
    return [*lines[:4], "[1, 2]", *lines[5:]]


def cut_tail_with_heads_kept(lines: Lines) -> Lines:
    return lines[:4] + lines[8:]


def cut_file(lines: Lines) -> Lines:
    return lines[:4]


@pytest.mark.parametrize(
    "tamper",
    [one_byte, dropped_row, swapped_rows, unreadable_row, row_of_another_shape, cut_tail_with_heads_kept, cut_file],
)
def test_tampering_with_the_file_is_found_at_entry_five(exported: Path, tamper: Callable[[Lines], Lines]) -> None:
    lines = exported.read_text(encoding="utf-8").splitlines()
    exported.write_text("\n".join(tamper(lines)) + "\n", encoding="utf-8")
    found = verify_export(exported)
    assert not found.ok
    assert found.first_bad == 5
    assert found.problem


def test_a_cut_with_a_forged_closing_line_is_found_by_the_signed_head(exported: Path) -> None:
    lines = exported.read_text(encoding="utf-8").splitlines()
    fifth = json.loads(lines[4])
    forged = json.dumps({"type": "head", "seq": 5, "hash": fifth["hash"]})
    exported.write_text("\n".join([*lines[:5], lines[8], forged]) + "\n", encoding="utf-8")
    found = verify_export(exported)
    assert (found.ok, found.first_bad, found.problem) == (False, 6, "TAIL_CUT")
