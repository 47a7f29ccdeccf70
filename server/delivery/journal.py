"""The answer journal 作答流水: append and judge one batch in one transaction; nothing here updates or deletes a line.

A batch is judged against the database itself, in the transaction that stores it, with the attempts' rows locked: no
node needs a memory of its own to refuse a stale epoch or an ended attempt. Repeats are looked for before any other
check and are answered with what is stored.

Two stores with the same two steps, each a statement or two for the whole batch: SQLite on one raw connection that belongs
to the writer's thread (a commit there must not stop the event loop), PostgreSQL on a pooled connection (realtime.md 4).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from server.delivery.domain.journal_rules import Standing, Verdict, judge_entry
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope, TimeRow, covers_gap

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it goes to the journal; already valid against the candidate's script."""

    attempt_id: str
    page_id: str
    client_seq: int
    epoch: int
    kind: str
    item_ref: str
    value: tuple[str, ...]
    client_time_ms: int
    client_monotonic_ms: int
    received_at: datetime
    grace: timedelta
    node_id: str
    #: says in which file of the second journal the line is kept
    sitting_id: str = ""

    @property
    def key(self) -> Key:
        return self.attempt_id, self.page_id, self.client_seq


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line. `differs`: a repeat came with another value than is stored (a client bug or worse)."""

    standing: str
    code: str | None = None
    late_by_ms: int = 0
    repeat: bool = False
    differs: bool = False


@dataclass(slots=True)
class AttemptRow:
    """The attempt as the batch found it, and as the batch leaves it."""

    state: AttemptState
    epoch: int
    deadline_at: datetime | None
    answered: int
    last_seq: int
    last_answer_at: datetime | None


@dataclass(slots=True)
class BatchResult:
    """Outcomes in the order of the lines, and the attempts whose counted answers changed."""

    outcomes: list[Outcome] = field(default_factory=list)
    changed: dict[str, AttemptRow] = field(default_factory=dict)


class JournalStore(Protocol):
    """Where the journal lives."""

    def commit(self, lines: Sequence[Line]) -> BatchResult:
        """Judge and store all lines in one durable transaction."""
        ...

    def close(self) -> None:
        """Give back what is held between batches."""
        ...


@dataclass(slots=True)
class Found:
    """What the database holds that a batch is judged by."""

    #: attempt → its row, locked for this transaction
    attempts: dict[str, AttemptRow] = field(default_factory=dict)
    #: keys that are stored already → standing, item, value
    stored: dict[Key, tuple[str, str, tuple[str, ...]]] = field(default_factory=dict)
    #: (attempt, item) → epoch, number and "has an answer" of the response that counts now
    current: dict[tuple[str, str], tuple[int, int, bool]] = field(default_factory=dict)


class Steps(Protocol):
    """What a store can do inside the open transaction."""

    def read(self, lines: Sequence[Line]) -> Found:
        """Lock the lines' attempts and read what they are judged by."""
        ...

    def append(self, rows: Sequence[tuple[Line, Outcome]], attempts: dict[str, AttemptRow]) -> None:
        """Insert the new lines and set what their attempts derive from them."""
        ...

    def ledger_of(self, attempt_id: str) -> tuple[str, list[TimeRow]]:
        """The attempt's room and its sitting's interruptions and reversals; asked for late lines alone."""
        ...


def judge_and_append(steps: Steps, lines: Sequence[Line]) -> BatchResult:
    """The one way a batch enters the journal; the caller commits."""
    found = steps.read(lines)
    attempts, stored, current = found.attempts, found.stored, found.current
    result = BatchResult()
    new: list[tuple[Line, Outcome]] = []
    ledgers: dict[str, tuple[str, list[TimeRow]]] = {}
    for line in lines:
        attempt = attempts.get(line.attempt_id)
        if attempt is None:
            result.outcomes.append(Outcome("refused", "NOT_FOUND"))
            continue
        if line.key in stored:
            standing, item_ref, value = stored[line.key]
            result.outcomes.append(
                Outcome(standing, repeat=True, differs=(item_ref, value) != (line.item_ref, line.value))
            )
            continue
        verdict = _judge(line, attempt)
        if verdict.standing is Standing.LATE and _is_covered(steps, ledgers, line, attempt):
            verdict = _judge(line, attempt, covered=True)
        outcome = Outcome(verdict.standing, verdict.code, verdict.late_by_ms)
        result.outcomes.append(outcome)
        if outcome.standing == "refused":
            continue
        stored[line.key] = (outcome.standing, line.item_ref, line.value)
        new.append((line, outcome))
        attempt.last_seq = max(attempt.last_seq, line.client_seq)
        if outcome.standing == "counted":
            if line.kind == "answer":
                _count(attempt, current, line)
            attempt.last_answer_at = line.received_at
            result.changed[line.attempt_id] = attempt
    if new:
        steps.append(new, {line.attempt_id: attempts[line.attempt_id] for line, _ in new})
    return result


def _judge(line: Line, attempt: AttemptRow, *, covered: bool = False) -> Verdict:
    return judge_entry(
        attempt_state=attempt.state,
        epoch_of_attempt=attempt.epoch,
        entry_epoch=line.epoch,
        received_at=line.received_at,
        deadline_at=attempt.deadline_at,
        grace=line.grace,
        covered_by_interruption=covered,
    )


def _is_covered(steps: Steps, ledgers: dict[str, tuple[str, list[TimeRow]]], line: Line, attempt: AttemptRow) -> bool:
    """A recorded interruption explains why the line came so late (architecture 4.7); the ledger is read for late lines only."""
    if attempt.deadline_at is None:
        return False
    if line.attempt_id not in ledgers:
        ledgers[line.attempt_id] = steps.ledger_of(line.attempt_id)
    room_id, rows = ledgers[line.attempt_id]
    return covers_gap(
        rows,
        room_id=room_id,
        attempt_id=line.attempt_id,
        deadline_at=attempt.deadline_at,
        received_at=line.received_at,
        grace=line.grace,
    )


def _count(attempt: AttemptRow, current: dict[tuple[str, str], tuple[int, int, bool]], line: Line) -> None:
    pair = (line.attempt_id, line.item_ref)
    epoch, seq, had_answer = current.get(pair, (-1, -1, False))
    if (line.epoch, line.client_seq) < (epoch, seq):
        return  # a lower number never overwrites
    has_answer = bool(line.value)
    attempt.answered += int(has_answer) - int(had_answer)
    current[pair] = (line.epoch, line.client_seq, has_answer)


#: of the ledger what `covers_gap` reads, with the attempt's room first; `{}` is the driver's place for the attempt's id
LEDGER_SQL = (
    "SELECT a.room_id, t.id, t.scope, t.kind, t.status, t.room_id, t.attempt_id, t.from_at, t.to_at, t.reverses_id "
    "FROM attempt a LEFT JOIN time_entry t ON t.sitting_id = a.sitting_id AND t.kind <> 'grant' WHERE a.id = {}"
)


def ledger_from(
    rows: Sequence[Sequence[Any]], moment: Callable[[Any], datetime | None] = lambda value: value
) -> tuple[str, list[TimeRow]]:
    """The answer to `LEDGER_SQL` as `Steps.ledger_of` returns it; `moment` reads a stored moment."""
    found = [
        TimeRow(
            id=row[1],
            scope=Scope(row[2]),
            kind=RowKind(row[3]),
            status=RowStatus(row[4]),
            room_id=row[5],
            attempt_id=row[6],
            from_at=moment(row[7]),
            to_at=moment(row[8]),
            reverses_id=row[9],
        )
        for row in rows
        if row[1] is not None
    ]
    return (rows[0][0] if rows else ""), found


def to_text(moment: datetime) -> str:
    """A moment as SQLAlchemy stores it on SQLite."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def from_text(text: str | None) -> datetime | None:
    """Inverse of `to_text`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def value_text(value: tuple[str, ...]) -> str:
    """A response as stored: a JSON list."""
    return json.dumps(value)
