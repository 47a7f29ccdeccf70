"""The journal on SQLite: one raw connection, used by the writer's thread alone, `BEGIN IMMEDIATE`, synchronous FULL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow
from server.delivery.journal import (
    LEDGER_SQL,
    AttemptRow,
    BatchResult,
    Found,
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


#: For each line [attempt, page, number, item]: its attempt, what is stored under its key, the item's current response.
#: All of it as one JSON text: every row that is stepped to would give the interpreter's lock away and wait for it again.
_READ = """
SELECT json_group_array(json_array(k.value->>0, a.state, a.epoch, a.deadline_at, a.answered, a.last_seq, a.last_answer_at,
  j.standing, j.item_ref, j.value,
  json((SELECT json_array(c.epoch, c.client_seq, c.value != '[]') FROM journal_entry c
        WHERE c.attempt_id = k.value->>0 AND c.item_ref = k.value->>3 AND c.kind = 'answer' AND c.standing = 'counted'
        ORDER BY c.epoch DESC, c.client_seq DESC LIMIT 1))))
FROM json_each(?) k
LEFT JOIN attempt a ON a.id = k.value->>0
LEFT JOIN journal_entry j ON j.attempt_id = k.value->>0 AND j.page_id = k.value->>1 AND j.client_seq = k.value->>2
"""
_INSERT = """
INSERT INTO journal_entry (attempt_id, page_id, client_seq, epoch, kind, item_ref, value, client_time_ms,
  client_monotonic_ms, received_at, late_by_ms, standing, node_id)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9,
  value->>10, value->>11, value->>12 FROM json_each(?)
"""
_UPDATE = """
UPDATE attempt SET answered = u.value->>1, last_seq = u.value->>2, last_answer_at = u.value->>3
FROM json_each(?) u WHERE attempt.id = u.value->>0
"""


class _SqliteSteps:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def read(self, lines: Sequence[Line]) -> Found:  # BEGIN IMMEDIATE has locked everything already
        wanted = json.dumps([(*line.key, line.item_ref) for line in lines])
        rows = json.loads(self._db.execute(_READ, (wanted,)).fetchone()[0])
        found = Found()
        for line, row in zip(lines, rows, strict=True):
            attempt_id, state, epoch, deadline, answered, last_seq, last_answer, standing, item, value, current = row
            if state is not None and attempt_id not in found.attempts:
                found.attempts[attempt_id] = AttemptRow(
                    AttemptState(state), epoch, from_text(deadline), answered, last_seq, from_text(last_answer)
                )
            if standing is not None:
                found.stored[line.key] = (standing, item, tuple(json.loads(value)))
            if current is not None:
                found.current[attempt_id, line.item_ref] = (current[0], current[1], bool(current[2]))
        return found

    def append(self, rows: Sequence[tuple[Line, Outcome]], attempts: dict[str, AttemptRow]) -> None:
        entries = [
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
        ]
        derived = [
            (attempt_id, row.answered, row.last_seq, to_text(row.last_answer_at) if row.last_answer_at else None)
            for attempt_id, row in attempts.items()
        ]
        self._db.execute(_INSERT, (json.dumps(entries),))
        self._db.execute(_UPDATE, (json.dumps(derived),))

    def ledger_of(self, attempt_id: str) -> tuple[str, list[TimeRow]]:
        return ledger_from(self._db.execute(LEDGER_SQL.format("?"), (attempt_id,)).fetchall(), from_text)
