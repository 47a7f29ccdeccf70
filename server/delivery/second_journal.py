"""A second copy of every answer on another disk: sealed, chained, fsynced in the same batch before the acknowledgement.

One file for each sitting and node, `<sitting>-<node>.journal`. First a line of JSON (who wrote it, since when), then one
record a batch: four bytes length, then AES-256-GCM of a JSON list under a key of its own. The associated data of a record
holds its number and the hash of everything before it, so that records cannot be read by passers-by, changed, moved or
taken out of the middle. What a power cut left half-written at the end was never acknowledged, and reading stops there.

`mingyuan restore --journal` reads it: answers newer than the backup come from here.

When that disk fails, the setting `second_journal_failure` decides. `go_on`: the first copy is durable and the candidates'
pages keep theirs until the receipt, so the exam goes on under a red alarm, and what is owed is written when the disk is
back. `refuse`: nothing is acknowledged without both copies.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.adapters.real_thread import in_real_thread, in_real_thread_within
from server.adapters.vault import Vault
from server.core.errors import Forbidden
from server.delivery.journal import BatchResult, Line, Outcome, to_text

log = logging.getLogger(__name__)

FORMAT = "mingyuan-second-journal/1"
SUFFIX = ".journal"
LENGTH_BYTES = 4
#: more than a batch can hold; a longer record is not one of ours
MAX_RECORD_BYTES = 64 * 1024 * 1024
MAX_OPEN_FILES = 8
#: a disk that takes longer counts as failed for this batch, where the exam may go on without it
PATIENCE_S = 2.0
#: how often a failed disk is tried again
RETRY_EVERY_S = 1.0
#: what is kept in memory for a failed disk; about 30 MB
MAX_OWED_LINES = 100_000
UNKNOWN_SITTING = "unknown"

#: fields of a record, as `journal_entry` has them
FIELDS = (
    "attempt_id", "page_id", "client_seq", "epoch", "kind", "item_ref", "value", "client_time_ms",
    "client_monotonic_ms", "received_at", "late_by_ms", "standing", "node_id",
)  # fmt: skip


class SecondJournal:
    """The writing side; one a process. `on_trouble()` is called for every batch that did not get its second copy."""

    def __init__(
        self,
        folder: Path,
        vault: Vault,
        node_id: str,
        *,
        go_on: bool = True,
        on_trouble: Callable[[Sequence[Line]], None] | None = None,
    ) -> None:
        self.folder = folder
        self._vault = vault
        self._node_id = node_id
        self._go_on = go_on
        self._on_trouble = on_trouble
        self._files: OrderedDict[str, _ChainedFile] = OrderedDict()
        self._owed: list[tuple[str, dict[str, Any]]] = []
        self._try_again_at = 0.0
        self._tell_again_at = 0.0
        self._in_flight = False
        #: lines that were given up because the disk stayed away for too long
        self.dropped = 0

    @property
    def owed(self) -> int:
        """Lines that still wait for their second copy."""
        return len(self._owed)

    def store(self, lines: Sequence[Line], result: BatchResult) -> None:
        """Write and fsync what the batch holds; a repeat may stand twice, its key tells.

        Raises:
            OSError: the disk is full or gone, and nothing may be acknowledged without it.
        """
        documents = [
            (line.sitting_id or UNKNOWN_SITTING, _document(line, outcome))
            for line, outcome in zip(lines, result.outcomes, strict=True)
            if outcome.standing != "refused"
        ]
        if not self._go_on:
            in_real_thread(self._append, documents)
            return
        self._owe(documents)
        if not self._owed:
            return
        if self._in_flight or time.monotonic() < self._try_again_at or not self._pay():
            self._tell_trouble(lines)

    def settle(self) -> None:
        """Write what is owed if the disk is back; called now and then, so that an exam's last answers get their copy too."""
        if self._owed and not self._in_flight and time.monotonic() >= self._try_again_at:
            self._pay()

    def close(self) -> None:
        """One last try for what is owed, then give the files back."""
        if self._owed and not self._in_flight and not self._pay():
            log.error("%d answers have no second copy", len(self._owed) + self.dropped)
        while self._files:
            self._files.popitem()[1].close()

    def _tell_trouble(self, lines: Sequence[Line]) -> None:
        now = time.monotonic()
        if self._on_trouble is not None and now >= self._tell_again_at:
            self._tell_again_at = now + RETRY_EVERY_S
            self._on_trouble(lines)

    def _owe(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        self._owed.extend(documents)
        excess = len(self._owed) - MAX_OWED_LINES
        if excess > 0:
            self.dropped += excess
            del self._owed[:excess]

    def _pay(self) -> bool:
        paying, self._owed = self._owed, []
        self._in_flight = True

        def finish(error: BaseException | None) -> None:
            # also called later, when a disk that hung for longer than our patience answers after all
            self._in_flight = False
            if error is not None:
                self._owed[:0] = paying
                self._try_again_at = time.monotonic() + RETRY_EVERY_S
                log.error("the second journal could not be written: %s", error)

        return in_real_thread_within(PATIENCE_S, finish, self._append, paying)

    def _append(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        by_sitting: dict[str, list[dict[str, Any]]] = {}
        for sitting_id, document in documents:
            by_sitting.setdefault(sitting_id, []).append(document)
        for sitting_id, batch in by_sitting.items():
            self._file_of(sitting_id).append(batch)

    def _file_of(self, sitting_id: str) -> _ChainedFile:
        file = self._files.get(sitting_id)
        if file is None:
            file = self._files[sitting_id] = _ChainedFile.begin(self.folder, self._vault, sitting_id, self._node_id)
            if len(self._files) > MAX_OPEN_FILES:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(sitting_id)
        return file


class _ChainedFile:
    """One growing file. A record that could not be written whole is cut off again before the next one."""

    def __init__(self, vault: Vault, name: str, descriptor: int, size: int, digest: bytes) -> None:
        self._vault = vault
        self._name = name
        self._descriptor = descriptor
        self._size = size
        self._digest = digest
        self._number = 0

    @classmethod
    def begin(cls, folder: Path, vault: Vault, sitting_id: str, node_id: str) -> _ChainedFile:
        folder.mkdir(parents=True, exist_ok=True)
        name, descriptor = _open_new(folder, f"{sitting_id}-{node_id}")
        header = json.dumps({"format": FORMAT, "sitting": sitting_id, "node": node_id}).encode() + b"\n"
        try:
            _write_at(descriptor, header, 0)
            os.fsync(descriptor)
            _sync_folder(folder)
        except OSError:
            os.close(descriptor)
            (folder / name).unlink(missing_ok=True)
            raise
        return cls(vault, name, descriptor, len(header), hashlib.sha256(header).digest())

    def append(self, documents: list[dict[str, Any]]) -> None:
        plain = json.dumps(documents, separators=(",", ":"), ensure_ascii=False).encode()
        sealed = self._vault.seal(plain, _aad(self._name, self._number, self._digest))
        record = len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed
        try:
            _write_at(self._descriptor, record, self._size)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(record)
        self._number += 1
        self._digest = hashlib.sha256(self._digest + record).digest()

    def close(self) -> None:
        try:
            os.close(self._descriptor)
        except OSError:
            log.exception("the second journal could not be closed")


@dataclass(frozen=True, slots=True)
class JournalFile:
    """What a file of the second journal holds.

    `problem`: "" · `NOT_A_JOURNAL` · `RECORD_REJECTED` (wrong key or changed bytes; `entries` end before it).
    `torn_bytes`: half a record at the end, never acknowledged.
    """

    path: Path
    sitting_id: str
    node_id: str
    entries: list[dict[str, Any]]
    torn_bytes: int = 0
    problem: str = ""


def read_second_journal(path: Path, vault: Vault) -> JournalFile:
    """Everything the file holds, in the order it was written.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        header = file.readline(4096)
        facts = _header(header)
        if facts is None:
            return JournalFile(path, "", "", [], problem="NOT_A_JOURNAL")
        entries: list[dict[str, Any]] = []
        digest = hashlib.sha256(header).digest()
        torn, problem = 0, ""
        for number, record in enumerate(_records(file)):
            if isinstance(record, int):
                torn = record
                break
            try:
                plain = vault.open(record[LENGTH_BYTES:], _aad(path.name, number, digest))
            except Forbidden:
                problem = "RECORD_REJECTED"
                break
            entries.extend(json.loads(plain))
            digest = hashlib.sha256(digest + record).digest()
    return JournalFile(path, facts["sitting"], facts["node"], entries, torn, problem)


def find_journal_files(place: Path) -> list[Path]:
    """The file itself, or every file of the second journal in a folder."""
    return sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]


def _records(file: Any) -> Iterator[bytes | int]:
    """Whole records with their length; an `int` at the end: so many bytes of an unfinished one."""
    while head := file.read(LENGTH_BYTES):
        length = int.from_bytes(head, "big")
        if len(head) < LENGTH_BYTES or length > MAX_RECORD_BYTES:
            yield len(head) + len(file.read())
            return
        body = file.read(length)
        if len(body) < length:
            yield len(head) + len(body)
            return
        yield head + body


def _header(line: bytes) -> dict[str, str] | None:
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None


def _aad(name: str, number: int, digest: bytes) -> str:
    return f"second_journal:{name}:{number}:{digest.hex()}"


def _document(line: Line, outcome: Outcome) -> dict[str, Any]:
    values = (
        *line.key, line.epoch, line.kind, line.item_ref, list(line.value), line.client_time_ms, line.client_monotonic_ms,
        to_text(line.received_at), outcome.late_by_ms, outcome.standing, line.node_id,
    )  # fmt: skip
    return dict(zip(FIELDS, values, strict=True))


def _open_new(folder: Path, stem: str) -> tuple[str, int]:
    for part in itertools.count():
        name = f"{stem}-{part}{SUFFIX}" if part else f"{stem}{SUFFIX}"
        try:
            return name, os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue  # closed for want of room among the open files, and needed again
    raise AssertionError("unreachable")


def _write_at(descriptor: int, content: bytes, offset: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, content[done:], offset + done)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
