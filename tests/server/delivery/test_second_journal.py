"""The second journal: sealed, chained, readable to the end of what was acknowledged, and no single point of failure."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server.adapters.vault import Vault
from server.delivery import second_journal as module
from server.delivery.journal import BatchResult, Line, Outcome, to_text
from server.delivery.second_journal import SecondJournal, find_journal_files, read_second_journal
from tests.factories.scheduling import STARTS_AT, a_vault

VAULT = a_vault()
SECRET_ANSWER = "option-that-nobody-may-read"


def a_line(seq: int, sitting: str = "sitting-1", value: str = SECRET_ANSWER) -> Line:
    return Line(
        "attempt-1", "p" * 32, seq, 1, "answer", "item-1", (value,), seq * 1000, seq * 1000,
        STARTS_AT, timedelta(seconds=10), "node-1", sitting,
    )  # fmt: skip


def store(journal: SecondJournal, *lines: Line, standing: str = "counted") -> None:
    journal.store(lines, BatchResult([Outcome(standing) for _ in lines]))


def numbers(path: Path, vault: Vault = VAULT) -> list[int]:
    return [entry["client_seq"] for entry in read_second_journal(path, vault).entries]


@pytest.fixture
def journal(tmp_path: Path) -> SecondJournal:
    return SecondJournal(tmp_path / "other-disk", VAULT, "node-1")


def test_each_sitting_has_a_file_of_its_own_and_a_refused_line_has_no_copy(journal: SecondJournal) -> None:
    store(journal, a_line(1), a_line(2, "sitting-2"))
    store(journal, a_line(3))
    store(journal, a_line(4), standing="refused")
    journal.close()
    first, second = find_journal_files(journal.folder)
    assert numbers(first) == [1, 3]
    assert numbers(second) == [2]
    whole = read_second_journal(first, VAULT)
    assert (whole.sitting_id, whole.node_id, whole.problem, whole.torn_bytes) == ("sitting-1", "node-1", "", 0)
    assert whole.entries[0]["value"] == [SECRET_ANSWER]
    assert whole.entries[0]["received_at"] == to_text(STARTS_AT)


def test_a_passer_by_reads_nothing_and_another_key_opens_nothing(journal: SecondJournal) -> None:
    store(journal, a_line(1))
    journal.close()
    (path,) = find_journal_files(journal.folder)
    assert SECRET_ANSWER.encode() not in path.read_bytes()
    assert b"attempt-1" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    read = read_second_journal(path, Vault(b"x" * 32))
    assert (read.entries, read.problem) == ([], "RECORD_REJECTED")


@pytest.mark.parametrize("damage", ["changed", "taken out", "swapped", "renamed"])
def test_what_was_tampered_with_is_found(journal: SecondJournal, damage: str) -> None:
    for seq in (1, 2, 3):
        store(journal, a_line(seq))
    journal.close()
    (path,) = find_journal_files(journal.folder)
    header, records = _split(path)
    if damage == "changed":
        records[1] = records[1][:-1] + bytes([records[1][-1] ^ 1])
    elif damage == "taken out":
        del records[1]
    elif damage == "swapped":
        records[1], records[2] = records[2], records[1]
    else:
        path = path.rename(path.with_name("another-sitting-node-1.journal"))
    path.write_bytes(header + b"".join(records))
    read = read_second_journal(path, VAULT)
    assert read.problem == "RECORD_REJECTED"
    assert [entry["client_seq"] for entry in read.entries] == ([] if damage == "renamed" else [1])


@pytest.mark.parametrize("kept", range(0, 40, 3))
def test_half_a_record_at_the_end_is_told_and_the_rest_is_read(journal: SecondJournal, kept: int) -> None:
    store(journal, a_line(1))
    store(journal, a_line(2))
    journal.close()
    (path,) = find_journal_files(journal.folder)
    header, records = _split(path)
    path.write_bytes(header + records[0] + records[1][:kept])
    read = read_second_journal(path, VAULT)
    assert ([entry["client_seq"] for entry in read.entries], read.torn_bytes, read.problem) == ([1], kept, "")


def test_anything_else_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(os.urandom(200))
    assert read_second_journal(path, VAULT).problem == "NOT_A_JOURNAL"


class Disk:
    """Stands for `os.pwrite` on a disk that can be made to fail half-way through a record."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails = False
        self._write = os.pwrite
        monkeypatch.setattr(module.os, "pwrite", self.write)
        monkeypatch.setattr(module, "RETRY_EVERY_S", 0.0)

    def write(self, descriptor: int, content: bytes, offset: int) -> int:
        if self.fails:
            self._write(descriptor, content[: len(content) // 2], offset)
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(descriptor, content, offset)


def test_the_exam_goes_on_without_the_disk_and_the_copy_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Sequence[Line]] = []
    journal = SecondJournal(tmp_path, VAULT, "node-1", on_trouble=told.append)
    disk = Disk(monkeypatch)
    store(journal, a_line(1))
    disk.fails = True
    store(journal, a_line(2))
    store(journal, a_line(3))
    assert journal.owed == 2
    assert [line.client_seq for line in told[0]] == [2]
    disk.fails = False
    journal.settle()
    assert journal.owed == 0
    store(journal, a_line(4))
    journal.close()
    (path,) = find_journal_files(tmp_path)
    read = read_second_journal(path, VAULT)
    assert [entry["client_seq"] for entry in read.entries] == [1, 2, 3, 4]
    assert (read.torn_bytes, read.problem) == (0, ""), "half-written records were cut off again"


def test_the_strict_setting_refuses_what_has_no_second_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SecondJournal(tmp_path, VAULT, "node-1", go_on=False)
    disk = Disk(monkeypatch)
    store(journal, a_line(1))
    disk.fails = True
    with pytest.raises(OSError, match="No space left"):
        store(journal, a_line(2))
    disk.fails = False
    store(journal, a_line(2))
    journal.close()
    assert numbers(find_journal_files(tmp_path)[0]) == [1, 2]


def test_what_is_owed_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OWED_LINES", 10)
    journal = SecondJournal(tmp_path, VAULT, "node-1")
    disk = Disk(monkeypatch)
    disk.fails = True
    for seq in range(25):
        store(journal, a_line(seq))
    assert (journal.owed, journal.dropped) == (10, 15)
    disk.fails = False
    journal.close()
    assert numbers(find_journal_files(tmp_path)[0]) == list(range(15, 25))


def test_a_sitting_seen_again_after_many_others_gets_another_file(tmp_path: Path) -> None:
    journal = SecondJournal(tmp_path, VAULT, "node-1")
    for seq in range(module.MAX_OPEN_FILES + 2):
        store(journal, a_line(seq, f"sitting-{seq}"))
    store(journal, a_line(99, "sitting-0"))
    journal.close()
    found: dict[str, list[int]] = {}
    for path in find_journal_files(tmp_path):
        read: Any = read_second_journal(path, VAULT)
        found.setdefault(read.sitting_id, []).extend(entry["client_seq"] for entry in read.entries)
    assert sorted(found["sitting-0"]) == [0, 99]


def _split(path: Path) -> tuple[bytes, list[bytes]]:
    content = path.read_bytes()
    at = content.index(b"\n") + 1
    header, records = content[:at], []
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        records.append(content[at : at + 4 + length])
        at += 4 + length
    return header, records
