"""The journal on PostgreSQL: a pooled connection, two statements a batch; runs in the writer's greenlet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow
from server.delivery.journal import (
    LEDGER_SQL,
    AttemptRow,
    BatchResult,
    Found,
    Line,
    Outcome,
    judge_and_append,
    ledger_from,
    value_text,
)
from server.storage.database import Database


class PostgresJournal:
    """See `server.delivery.journal.JournalStore`. Locks the batch's attempts in the order of their ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, lines: Sequence[Line]) -> BatchResult:
        with self._database.write_connection() as connection:
            return judge_and_append(_PostgresSteps(connection), lines)

    def close(self) -> None:
        """Nothing is held between batches."""


#: For each line: its attempt, locked; what is stored under its key; the item's current response. The journal is read as it
#: was when the statement began, the attempt as it is after the wait for its lock: `is_fresh` says whether that is one moment.
#: Whoever adds to the journal changes the attempt's row in the same transaction, so an unchanged row means an unchanged journal.
_READ = """
WITH locked AS MATERIALIZED (
  SELECT id, xmin::text AS version, state, epoch, deadline_at, answered, last_seq, last_answer_at
  FROM attempt WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE)
SELECT k.n, l.id, l.state, l.epoch, l.deadline_at, l.answered, l.last_seq, l.last_answer_at,
  j.standing, j.item_ref, j.value, c.epoch, c.client_seq, c.value::text <> '[]', l.version = seen.xmin::text AS is_fresh
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[]) WITH ORDINALITY AS k(a, p, s, i, n)
LEFT JOIN locked l ON l.id = k.a
LEFT JOIN attempt seen ON seen.id = k.a
LEFT JOIN journal_entry j ON j.attempt_id = k.a AND j.page_id = k.p AND j.client_seq = k.s
LEFT JOIN LATERAL (
  SELECT e.epoch, e.client_seq, e.value FROM journal_entry e
  WHERE e.attempt_id = k.a AND e.item_ref = k.i AND e.kind = 'answer' AND e.standing = 'counted'
  ORDER BY e.epoch DESC, e.client_seq DESC LIMIT 1) c ON true
"""
_APPEND = """
WITH added AS (
  INSERT INTO journal_entry (attempt_id, page_id, client_seq, epoch, kind, item_ref, value, client_time_ms,
    client_monotonic_ms, received_at, late_by_ms, standing, node_id)
  SELECT a, p, s, e, k, i, v::json, ct, cm, r, l, st, n FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::int[],
    %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[], %s::text[],
    %s::text[]) AS t(a, p, s, e, k, i, v, ct, cm, r, l, st, n))
UPDATE attempt SET answered = u.answered, last_seq = u.last_seq, last_answer_at = u.at
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::timestamptz[]) AS u(id, answered, last_seq, at)
WHERE attempt.id = u.id
"""


class _PostgresSteps:
    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
        return self._db.exec_driver_sql(statement, parameters).all()

    def read(self, lines: Sequence[Line]) -> Found:
        keys = [list(column) for column in zip(*((*line.key, line.item_ref) for line in lines), strict=True)]
        wanted = (sorted(set(keys[0])), *keys)
        rows = self._rows(_READ, wanted)
        if not all(row[-1] is not False for row in rows):
            rows = self._rows(_READ, wanted)  # somebody else had the lock; now it is ours and nothing moves any more
        found = Found()
        for row in rows:
            line, attempt_id = lines[row[0] - 1], row[1]
            if attempt_id is None:
                continue
            if attempt_id not in found.attempts:
                found.attempts[attempt_id] = AttemptRow(AttemptState(row[2]), *row[3:8])
            if row[8] is not None:
                found.stored[line.key] = (row[8], row[9], tuple(row[10]))
            if row[11] is not None:
                found.current[attempt_id, line.item_ref] = (row[11], row[12], row[13])
        return found

    def append(self, rows: Sequence[tuple[Line, Outcome]], attempts: dict[str, AttemptRow]) -> None:
        entries = zip(
            *(
                (
                    *line.key,
                    line.epoch,
                    line.kind,
                    line.item_ref,
                    value_text(line.value),
                    line.client_time_ms,
                    line.client_monotonic_ms,
                    line.received_at,
                    outcome.late_by_ms,
                    outcome.standing,
                    line.node_id,
                )
                for line, outcome in rows
            ),
            strict=True,
        )
        derived = zip(
            *((attempt_id, row.answered, row.last_seq, row.last_answer_at) for attempt_id, row in attempts.items()),
            strict=True,
        )
        self._db.exec_driver_sql(_APPEND, tuple(list(column) for column in (*entries, *derived)))

    def ledger_of(self, attempt_id: str) -> tuple[str, list[TimeRow]]:
        return ledger_from(self._rows(LEDGER_SQL.format("%s"), (attempt_id,)))
