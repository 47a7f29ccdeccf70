"""The one answer writer of a process: group commit, and the acknowledgement only after it (realtime.md 1, 4).

Handlers put their lines into the gathering batch and wait. The writer commits what has gathered, then releases all
waiters at once; while it commits, the next batch gathers by itself. No timer, no fixed delay.

An acknowledgement therefore means: the line is in the database, committed with full durability, and in the second
journal file when one is configured.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from sqlalchemy.exc import OperationalError

from server.adapters.real_thread import in_real_thread
from server.core.errors import Unavailable
from server.delivery.journal import BatchResult, JournalStore, Line, Outcome, to_text
from server.delivery.journal_postgres import PostgresJournal
from server.delivery.journal_sqlite import SqliteJournal
from server.storage.database import Database

log = logging.getLogger(__name__)

MAX_WAITING_LINES = 10_000
#: shorter than ping_timeout: the reader of a waiting client cannot answer pings meanwhile
WAIT_S = 8.0
RECONNECT_S = 0.25
STORAGE_ERRORS = (OperationalError, sqlite3.OperationalError, OSError)


@dataclass
class _Waiter:
    lines: Sequence[Line]
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass
class _Batch:
    waiters: list[_Waiter] = field(default_factory=list)
    size: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


def store_for(database: Database) -> JournalStore:
    """The journal store that fits the database."""
    if database.is_sqlite:
        return SqliteJournal(str(database.url.database))
    return PostgresJournal(database)


class SecondJournal:
    """An append-only copy on another disk, one JSON line an entry, fsynced before the acknowledgement."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def append(self, lines: Sequence[Line], result: BatchResult) -> None:
        """Write and fsync what the batch holds; a repeat may stand twice, its key tells.

        Raises:
            OSError: the other disk is full or gone; the batch is then not acknowledged.
        """
        for line, outcome in zip(lines, result.outcomes, strict=True):
            if outcome.standing == "refused":
                continue
            document = {
                "attempt": line.attempt_id,
                "page": line.page_id,
                "seq": line.client_seq,
                "epoch": line.epoch,
                "kind": line.kind,
                "item": line.item_ref,
                "value": line.value,
                "received_at": to_text(line.received_at),
                "standing": outcome.standing,
            }
            self._file.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Give the file back."""
        try:
            self._file.close()
        except OSError:
            log.exception("the second journal could not be closed")


class AnswerWriter:
    """See the module. `on_commit(lines, result)` is called after the waiters were released."""

    def __init__(
        self,
        database: Database,
        on_commit: Callable[[Sequence[Line], BatchResult], None],
        on_failure: Callable[[Sequence[Line], Unavailable], None],
        second_journal: SecondJournal | None = None,
    ) -> None:
        self._database = database
        self._store = store_for(database)
        self._second = second_journal
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._gathering = _Batch()
        self._kick = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="answer-writer", daemon=True)

    def start(self) -> None:
        """Begin committing."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what has gathered, acknowledge it, refuse what comes later with `retry`."""
        self._stopping = True
        self._kick.set()
        self._thread.join(timeout=WAIT_S)
        self._store.close()
        if self._second is not None:
            self._second.close()

    def record(self, lines: Sequence[Line]) -> list[Outcome]:
        """Store the lines and wait for the commit.

        Raises:
            Unavailable: nothing of it is acknowledged; sending the same again is right (`QUEUE_FULL`, `SERVER_STOPPING`,
                `STORAGE_FULL`, `STORAGE_UNAVAILABLE`, `STORAGE_SLOW`).
        """
        if self._stopping:
            raise Unavailable(
                "SERVER_STOPPING",
                "服务器正在切换，答案已保存在本机，将自动重发。",
                "The server is stopping; it is sent again by itself.",
            )
        batch = self._gathering
        if batch.size + len(lines) > MAX_WAITING_LINES:
            raise Unavailable(
                "QUEUE_FULL",
                "服务器繁忙，答案已保存在本机，将自动重发。",
                "The server is busy; it is sent again by itself.",
            )
        waiter = _Waiter(lines)
        batch.waiters.append(waiter)
        batch.size += len(lines)
        self._kick.set()
        if not batch.done.wait(WAIT_S):
            raise Unavailable(
                "STORAGE_SLOW",
                "服务器保存较慢，答案已保存在本机，将自动重发。",
                "Storing takes long; it is sent again by itself.",
            )
        if batch.error is not None:
            raise batch.error
        return waiter.outcomes

    def _run(self) -> None:
        while True:
            self._kick.wait()
            self._kick.clear()
            batch, self._gathering = self._gathering, _Batch()
            if batch.waiters:
                self._settle(batch)
            elif self._stopping:
                return
            if self._stopping:
                self._kick.set()

    def _settle(self, batch: _Batch) -> None:
        lines = [line for waiter in batch.waiters for line in waiter.lines]
        try:
            result = self._commit(lines)
        except Unavailable as error:
            batch.error = error
            batch.done.set()
            self._on_failure(lines, error)
            return
        outcomes = iter(result.outcomes)
        for waiter in batch.waiters:
            waiter.outcomes = [next(outcomes) for _ in waiter.lines]
        batch.done.set()
        try:
            self._on_commit(lines, result)
        except Exception:
            log.exception("a reaction to a committed batch failed")

    def _commit(self, lines: Sequence[Line]) -> BatchResult:
        for is_last_try in (False, True):
            try:
                return self._commit_once(lines)
            except STORAGE_ERRORS as error:
                if _is_disk_full(error):
                    raise _storage_full() from error
                if is_last_try:
                    raise _storage_unavailable() from error
                log.warning("the journal commit failed, trying again: %s", type(error).__name__)
            gevent.sleep(RECONNECT_S)  # a commit whose connection broke may have happened: repeat, do not guess
        raise AssertionError("unreachable")

    def _commit_once(self, lines: Sequence[Line]) -> BatchResult:
        try:
            result = self._store_lines(lines)
        except STORAGE_ERRORS:
            raise
        except Exception:
            log.exception("a batch of %d lines was refused by the database, going line by line", len(lines))
            result = self._commit_line_by_line(lines)
        if self._second is not None:
            in_real_thread(self._second.append, lines, result)
        return result

    def _store_lines(self, lines: Sequence[Line]) -> BatchResult:
        if not self._database.is_sqlite:
            return self._store.commit(lines)  # psycopg gives way to other greenlets while it waits
        with self._database.write_turn:
            return in_real_thread(self._store.commit, lines)

    def _commit_line_by_line(self, lines: Sequence[Line]) -> BatchResult:
        """One bad line must not fail its neighbours."""
        whole = BatchResult()
        for line in lines:
            try:
                one = self._store_lines([line])
            except STORAGE_ERRORS:
                raise
            except Exception:
                log.exception("a line was refused by the database")
                whole.outcomes.append(Outcome("refused", "ENTRY_REJECTED"))
                continue
            whole.outcomes.extend(one.outcomes)
            whole.changed.update(one.changed)
        return whole


def _is_disk_full(error: Any) -> bool:
    text = str(error).lower()
    return "disk is full" in text or "no space left" in text or "disk full" in text


def _storage_unavailable() -> Unavailable:
    return Unavailable(
        "STORAGE_UNAVAILABLE",
        "服务器暂时无法保存，答案已保存在本机，将自动重发，可继续答题。",
        "The server cannot store at the moment; it is sent again by itself.",
    )


def _storage_full() -> Unavailable:
    return Unavailable(
        "STORAGE_FULL",
        "服务器存储空间已满，答案已保存在本机，暂时不能上传。请举手告知监考员，可继续答题。",
        "The server's disk is full. Answers are kept on this computer; tell the proctor. You can go on answering.",
    )
