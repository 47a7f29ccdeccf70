"""The one answer writer of a process: group commit, and the acknowledgement only after it (realtime.md 1, 4).

Handlers put their lines into the gathering batch and wait. The writer commits what has gathered, then releases all
waiters at once; while it commits, the next batch gathers by itself. No timer, no fixed delay.

An acknowledgement therefore means: the line is in the database, committed with full durability, and in the second
journal when one is configured (what a failure of that disk means is said in `second_journal.py`).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gevent
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from server.adapters.real_thread import in_real_thread
from server.core.errors import Unavailable
from server.delivery.journal import BatchResult, JournalStore, Line, Outcome
from server.delivery.journal_postgres import PostgresJournal
from server.delivery.journal_sqlite import SqliteJournal
from server.delivery.second_journal import SecondJournal
from server.storage.database import Database

log = logging.getLogger(__name__)

MAX_WAITING_LINES = 10_000
#: shorter than ping_timeout: the reader of a waiting client cannot answer pings meanwhile
WAIT_S = 8.0
WATCH_EVERY_S = 0.25
RECONNECT_S = 0.25
#: waits between tries grow up to this
LONGEST_PAUSE_S = 1.0
#: a stopping process does not wait for a database that is away; the pages send again elsewhere
PATIENCE_WHEN_STOPPING_S = 1.0
#: a database that moves to another host is not yet trouble; after this long the proctors are told
TELL_AFTER_S = 1.0
#: what says that nothing is wrong with the lines: the line broke, the server is away, going, read-only, or not replicated.
#: Whether the batch was committed is then unknown, and it is repeated.
STORAGE_ERRORS = (OperationalError, InterfaceError, InternalError, PoolTimeout, sqlite3.OperationalError, OSError)


@dataclass
class _Waiter:
    lines: Sequence[Line]
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass
class _Batch:
    waiters: list[_Waiter] = field(default_factory=list)
    size: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    #: when somebody began to wait for it
    since: float = 0.0
    error: Exception | None = None


def store_for(database: Database) -> JournalStore:
    """The journal store that fits the database."""
    if database.is_sqlite:
        return SqliteJournal(str(database.url.database))
    return PostgresJournal(database)


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
        self._committing = self._gathering
        self._kick = threading.Event()
        self._stopping = False
        #: the last batch could not be stored; the health address says so
        self.is_failing = False
        self._thread = threading.Thread(target=self._run, name="answer-writer", daemon=True)

    def start(self) -> None:
        """Begin committing."""
        self._thread.start()
        threading.Thread(target=self._watch, name="answer-writer-watch", daemon=True).start()

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
        if not batch.waiters:
            batch.since = time.monotonic()
        batch.waiters.append(waiter)
        batch.size += len(lines)
        self._kick.set()
        batch.done.wait()  # however the batch ends; `_watch` ends the waiting for one that does not
        if batch.error is not None:
            raise batch.error
        return waiter.outcomes

    def _run(self) -> None:
        while True:
            self._kick.wait()
            self._kick.clear()
            batch, self._gathering = self._gathering, _Batch()
            self._committing = batch
            if batch.waiters:
                self._settle(batch)
            elif self._stopping:
                return
            if self._stopping:
                self._kick.set()

    def _watch(self) -> None:
        """Nobody waits longer than `WAIT_S`: one look at two batches costs less than an alarm clock for every waiter."""
        while self._thread.is_alive():
            for batch in (self._committing, self._gathering):
                if batch.waiters and not batch.done.is_set() and time.monotonic() - batch.since > WAIT_S:
                    if batch is self._gathering:
                        self._gathering = _Batch()  # nobody waits for it any more, and everybody sends it again
                    batch.error = _storage_slow()
                    batch.done.set()
            time.sleep(WATCH_EVERY_S)

    def _settle(self, batch: _Batch) -> None:
        lines = [line for waiter in batch.waiters for line in waiter.lines]
        try:
            result = self._commit(lines)
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("a batch of %d lines failed in an unexpected way", len(lines))
                error = _storage_unavailable()
            batch.error = error
            batch.done.set()
            self._tell_failure(lines, error)
            return
        self.is_failing = False
        outcomes = iter(result.outcomes)
        for waiter in batch.waiters:
            waiter.outcomes = [next(outcomes) for _ in waiter.lines]
        batch.done.set()
        try:
            self._on_commit(lines, result)
        except Exception:
            log.exception("a reaction to a committed batch failed")

    def _tell_failure(self, lines: Sequence[Line], error: Unavailable) -> None:
        self.is_failing = True
        try:
            self._on_failure(lines, error)
        except Exception:  # who is to be told may be known to the database alone; the writer goes on
            log.exception("a failed batch could not be told")

    def _commit(self, lines: Sequence[Line]) -> BatchResult:
        """Repeat the same batch while anybody waits for it: a commit whose connection broke may have happened.

        Longer would help nobody: by then everybody has been told to send again, and does.
        """
        began, pause, has_told = time.monotonic(), RECONNECT_S, False
        while True:
            try:
                return self._commit_once(lines)
            except STORAGE_ERRORS as error:
                if _is_disk_full(error):
                    raise _storage_full() from error
                lasted = time.monotonic() - began
                if lasted + pause >= WAIT_S or (self._stopping and lasted >= PATIENCE_WHEN_STOPPING_S):
                    raise _storage_unavailable() from error
                log.warning("the journal commit failed, trying again: %s", _name_of(error))
                if lasted >= TELL_AFTER_S and not has_told:
                    has_told = True
                    self._tell_failure(lines, _storage_unavailable())
            gevent.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _commit_once(self, lines: Sequence[Line]) -> BatchResult:
        try:
            result = self._store_lines(lines)
        except STORAGE_ERRORS:
            raise
        except Exception:
            log.exception("a batch of %d lines was refused by the database, going line by line", len(lines))
            result = self._commit_line_by_line(lines)
        if self._second is not None:
            self._second.store(lines, result)
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


def _name_of(error: BaseException) -> str:
    return type(getattr(error, "orig", None) or error).__name__


def _storage_slow() -> Unavailable:
    return Unavailable(
        "STORAGE_SLOW",
        "服务器保存较慢，答案已保存在本机，将自动重发。",
        "Storing takes long; it is sent again by itself.",
    )


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
