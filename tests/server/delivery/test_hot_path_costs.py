"""What a save and a start cost, counted: SQL statements and bytes, whatever the paper's length. No seconds here (make bench)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from server.core.clock import ManualClock
from server.delivery import journal_sqlite
from server.delivery.journal import JournalStore, Line
from server.delivery.models import Attempt, JournalEntry
from server.delivery.wire import Ack, AnswersRecorded, RecordAnswers
from server.delivery.writer import store_for
from server.storage.database import Database
from tests.factories.delivery import an_attempt
from tests.factories.proctor import MINUTE, T
from tests.factories.scheduling import STARTS_AT, a_furnished_sitting, a_vault
from tests.server.delivery.test_candidate_services import Exam

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")
PAGE = "a" * 32


def some_lines(attempt_ids: list[str], count: int, first: int = 1) -> list[Line]:
    return [
        Line(
            attempt_id=attempt_ids[number % len(attempt_ids)], page_id=PAGE, client_seq=first + number, epoch=1,
            kind="answer", item_ref=f"item{number}", value=("option1",), client_time_ms=0, client_monotonic_ms=0,
            received_at=STARTS_AT + timedelta(minutes=20), grace=timedelta(seconds=10), node_id="node",
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture
def attempts(database: Database) -> list[str]:
    with database.write() as session:
        sitting = a_furnished_sitting(session, a_vault(), rooms=1, candidates_per_room=4)
        return [
            an_attempt(session, ticket, started_at=STARTS_AT, deadline_at=STARTS_AT + timedelta(minutes=90)).id
            for ticket in sitting.tickets
        ]


@contextmanager
def counted(database: Database, store: JournalStore) -> Iterator[list[str]]:
    """The statements of the time inside, transactions' own words left out."""
    statements: list[str] = []

    def note(statement: str) -> None:
        if not statement.lstrip().upper().startswith((*CONTROL, "--")):
            statements.append(statement)

    if isinstance(store, journal_sqlite.SqliteJournal):
        assert store._connection is not None, "the store has to have committed something before"
        store._connection.set_trace_callback(note)
        yield statements
        store._connection.set_trace_callback(None)
        return

    def hear(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        note(statement)

    engine = database._writer_engine
    event.listen(engine, "before_cursor_execute", hear)
    yield statements
    event.remove(engine, "before_cursor_execute", hear)


@pytest.mark.parametrize("size", [1, 150])
def test_a_batch_costs_the_same_few_statements_whatever_its_size(
    database: Database, attempts: list[str], size: int
) -> None:
    store = store_for(database)
    store.commit(some_lines(attempts, 4))
    with counted(database, store) as statements:
        result = store.commit(some_lines(attempts, size, first=1000))
    store.close()
    assert [outcome.standing for outcome in result.outcomes] == ["counted"] * size
    assert len(statements) == (3 if database.is_sqlite else 2), statements


def test_a_batch_that_waited_for_anothers_lock_is_judged_by_what_that_one_stored(
    database: Database, attempts: list[str]
) -> None:
    """Two nodes get the same entries at once: the second one finds them stored, though it began to read before."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time from BEGIN on")
    line = some_lines(attempts[:1], 1)
    began, results = threading.Barrier(3), []

    def node() -> None:
        own = Database(database.url.render_as_string(hide_password=False))
        began.wait()
        results.append(store_for(own).commit(line))
        own.dispose()

    with database.engine.connect() as other, other.begin():
        other.execute(select(Attempt).where(Attempt.id == attempts[0]).with_for_update())
        threads = [threading.Thread(target=node) for _ in range(2)]
        for thread in threads:
            thread.start()
        began.wait()
        _wait_until_two_wait(database)
    for thread in threads:
        thread.join()
    assert sorted(result.outcomes[0].repeat for result in results) == [False, True]
    with database.read() as session:
        assert len(session.scalars(select(JournalEntry)).all()) == 1
        assert session.get_one(Attempt, attempts[0]).answered == 1


def _wait_until_two_wait(database: Database) -> None:
    from tests.support.processes import wait_until

    def two() -> bool:
        with database.engine.connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).scalar_one()
        return bool(found >= 2)

    wait_until(two, seconds=10, what="two transactions that wait for the lock")


def test_a_start_costs_at_most_ten_statements(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    exam = Exam(database, clock, tmp_path).ready()
    exam.at(T - MINUTE).open_paper()
    exam.at(T)
    statements: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if not statement.upper().startswith(CONTROL):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", hear)
    begun = exam.begin()
    event.remove(database.engine, "before_cursor_execute", hear)
    assert begun.is_first
    assert len(statements) <= 9, statements  # and one that looks the log-in up


@pytest.mark.parametrize("brief", [True, False])
def test_a_save_is_at_most_400_bytes_on_the_wire_both_ways(brief: bool) -> None:
    entry = {
        "seq": 1042, "kind": "answer", "item": "k7m2q9", "value": ["x4n8p1", "b2v6w3"],
        "client_time_ms": 1_790_000_000_000, "client_monotonic_ms": 5_399_000,
    } | ({} if brief else {"page_id": PAGE})  # fmt: skip
    message = RecordAnswers.model_validate({"page_id": PAGE, "epoch": 1, "entries": [entry]})
    ack = Ack(seq=1042, page_id=message.entries[0].page_id, standing="counted")
    reply = AnswersRecorded(ok=True, acks=[ack], server_now_ms=1_790_000_000_000).as_reply_to(message)
    sent = '42/candidate,17["record_answers",' + _compact({"page_id": PAGE, "epoch": 1, "entries": [entry]}) + "]"
    answered = "43/candidate,17[" + _compact(reply) + "]"
    framing = (2 + 2 + 4) + (2 + 2)
    assert (len(sent) + len(answered) + framing <= 400) is brief


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
