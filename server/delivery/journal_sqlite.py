"""The journal on SQLite: one raw connection, used by the writer's thread alone, `BEGIN IMMEDIATE`, synchronous FULL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow
from server.delivery.journal import (
    LEDGER_SQL,
    AttemptRow,
    BatchResult,
    Key,
    Line,
    Outcome,
    from_text,
    judge_and_append,
    ledger_from,
    to_text,
    value_text,
)
from server.storage.database import prepare_sqlite


class SqliteJournal:
    """See `server.delivery.journal.JournalStore`. The connection is opened by the first thread that commits."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def commit(self, lines: Sequence[Line]) -> BatchResult:
        connection = self._connection or self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = judge_and_append(_SqliteSteps(connection), lines)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        prepare_sqlite(connection)
        self._connection = connection
        return connection

    def close(self) -> None:
        """Close the connection; the next commit opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _SqliteSteps:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def stored(self, keys: Sequence[Key]) -> dict[Key, tuple[str, str, tuple[str, ...]]]:
        found: dict[Key, tuple[str, str, tuple[str, ...]]] = {}
        for key in keys:
            row = self._db.execute(
                "SELECT standing, item_ref, value FROM journal_entry WHERE attempt_id=? AND page_id=? AND client_seq=?",
                key,
            ).fetchone()
            if row:
                found[key] = (row[0], row[1], tuple(json.loads(row[2])))
        return found

    def lock_attempts(self, ids: Sequence[str]) -> dict[str, AttemptRow]:
        found: dict[str, AttemptRow] = {}
        for attempt_id in ids:  # BEGIN IMMEDIATE has locked everything already
            row = self._db.execute(
                "SELECT state, epoch, deadline_at, answered, last_seq, last_answer_at FROM attempt WHERE id=?",
                (attempt_id,),
            ).fetchone()
            if row:
                found[attempt_id] = AttemptRow(
                    AttemptState(row[0]), row[1], from_text(row[2]), row[3], row[4], from_text(row[5])
                )
        return found

    def current(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int, bool]]:
        found: dict[tuple[str, str], tuple[int, int, bool]] = {}
        for pair in pairs:
            row = self._db.execute(
                "SELECT epoch, client_seq, value FROM journal_entry WHERE attempt_id=? AND item_ref=? AND kind='answer' "
                "AND standing='counted' ORDER BY epoch DESC, client_seq DESC LIMIT 1",
                pair,
            ).fetchone()
            if row:
                found[pair] = (row[0], row[1], row[2] != "[]")
        return found

    def insert(self, rows: Sequence[tuple[Line, Outcome]]) -> None:
        self._db.executemany(
            "INSERT INTO journal_entry (attempt_id, page_id, client_seq, epoch, kind, item_ref, value, client_time_ms, "
            "client_monotonic_ms, received_at, late_by_ms, standing, node_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                (
                    *line.key,
                    line.epoch,
                    line.kind,
                    line.item_ref,
                    value_text(line.value),
                    line.client_time_ms,
                    line.client_monotonic_ms,
                    to_text(line.received_at),
                    outcome.late_by_ms,
                    outcome.standing,
                    line.node_id,
                )
                for line, outcome in rows
            ],
        )

    def update_attempts(self, attempts: dict[str, AttemptRow]) -> None:
        self._db.executemany(
            "UPDATE attempt SET answered=?, last_seq=?, last_answer_at=? WHERE id=?",
            [
                (row.answered, row.last_seq, to_text(row.last_answer_at) if row.last_answer_at else None, attempt_id)
                for attempt_id, row in attempts.items()
            ],
        )

    def ledger_of(self, attempt_id: str) -> tuple[str, list[TimeRow]]:
        return ledger_from(self._db.execute(LEDGER_SQL.format("?"), (attempt_id,)).fetchall(), from_text)
