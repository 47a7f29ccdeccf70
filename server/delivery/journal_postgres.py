"""The journal on PostgreSQL: a pooled connection, one `unnest` statement a step; runs in the writer's greenlet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow
from server.delivery.journal import (
    LEDGER_SQL,
    AttemptRow,
    BatchResult,
    Key,
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


class _PostgresSteps:
    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
        return self._db.exec_driver_sql(statement, parameters).all()

    def stored(self, keys: Sequence[Key]) -> dict[Key, tuple[str, str, tuple[str, ...]]]:
        attempts, pages, seqs = zip(*keys, strict=True)
        rows = self._rows(
            "SELECT j.attempt_id, j.page_id, j.client_seq, j.standing, j.item_ref, j.value "
            "FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS k(a, p, s) "
            "JOIN journal_entry j ON j.attempt_id = k.a AND j.page_id = k.p AND j.client_seq = k.s",
            (list(attempts), list(pages), list(seqs)),
        )
        return {(a, p, s): (standing, item_ref, tuple(value)) for a, p, s, standing, item_ref, value in rows}

    def lock_attempts(self, ids: Sequence[str]) -> dict[str, AttemptRow]:
        rows = self._rows(
            "SELECT id, state, epoch, deadline_at, answered, last_seq, last_answer_at FROM attempt "
            "WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE",
            (list(ids),),
        )
        return {row[0]: AttemptRow(AttemptState(row[1]), *row[2:]) for row in rows}

    def current(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int, bool]]:
        wanted = list(pairs)
        if not wanted:
            return {}
        attempts, items = zip(*wanted, strict=True)
        rows = self._rows(
            "SELECT DISTINCT ON (j.attempt_id, j.item_ref) j.attempt_id, j.item_ref, j.epoch, j.client_seq, j.value "
            "FROM unnest(%s::text[], %s::text[]) AS k(a, i) "
            "JOIN journal_entry j ON j.attempt_id = k.a AND j.item_ref = k.i "
            "WHERE j.kind = 'answer' AND j.standing = 'counted' "
            "ORDER BY j.attempt_id, j.item_ref, j.epoch DESC, j.client_seq DESC",
            (list(attempts), list(items)),
        )
        return {(a, i): (epoch, seq, bool(value)) for a, i, epoch, seq, value in rows}

    def insert(self, rows: Sequence[tuple[Line, Outcome]]) -> None:
        columns = list(
            zip(
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
        )
        self._db.exec_driver_sql(
            "INSERT INTO journal_entry (attempt_id, page_id, client_seq, epoch, kind, item_ref, value, client_time_ms, "
            "client_monotonic_ms, received_at, late_by_ms, standing, node_id) "
            "SELECT a, p, s, e, k, i, v::json, ct, cm, r, l, st, n FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::int[], "
            "%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[], %s::text[], "
            "%s::text[]) AS t(a, p, s, e, k, i, v, ct, cm, r, l, st, n)",
            tuple(list(column) for column in columns),
        )

    def update_attempts(self, attempts: dict[str, AttemptRow]) -> None:
        self._db.exec_driver_sql(
            "UPDATE attempt SET answered = u.answered, last_seq = u.last_seq, last_answer_at = u.at "
            "FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::timestamptz[]) AS u(id, answered, last_seq, at) "
            "WHERE attempt.id = u.id",
            (
                list(attempts),
                [row.answered for row in attempts.values()],
                [row.last_seq for row in attempts.values()],
                [row.last_answer_at for row in attempts.values()],
            ),
        )

    def ledger_of(self, attempt_id: str) -> tuple[str, list[TimeRow]]:
        return ledger_from(self._rows(LEDGER_SQL.format("%s"), (attempt_id,)))
