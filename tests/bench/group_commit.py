"""The same lines on SQLite: one commit an answer, commits of many, and the writer with many waiting at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import server.schema  # noqa: F401 - every folder's tables
from server.core.ids import new_id
from server.delivery.journal import Line
from server.delivery.models import Attempt
from server.delivery.writer import AnswerWriter, store_for
from server.storage.database import Database
from tests.bench.measures import percentiles
from tests.factories.scheduling import STARTS_AT, a_furnished_sitting, a_vault

PEOPLE = 24
LINES = 3_000
BATCHES = (1, 8, 32, 128)
WAITING = 32


@contextmanager
def fresh_database(file: Path) -> Iterator[tuple[Database, list[str]]]:
    """A new file with so many people answering."""
    database = Database(f"sqlite:///{file}")
    database.create_all()
    with database.write() as session:
        sitting = a_furnished_sitting(session, a_vault(), rooms=1, candidates_per_room=PEOPLE)
        attempts = [
            Attempt(
                id=new_id(), ticket_id=ticket.id, sitting_id=ticket.sitting_id, room_id=ticket.room_id, seat_id=ticket.seat_id,
                state="answering", epoch=1, started_at=STARTS_AT, deadline_at=STARTS_AT + timedelta(minutes=90), preferences={},
            )
            for ticket in sitting.tickets
        ]  # fmt: skip
        session.add_all(attempts)
        ids = [attempt.id for attempt in attempts]
    yield database, ids
    database.dispose()


def some_lines(ids: Sequence[str]) -> list[Line]:
    return [
        Line(
            attempt_id=ids[number % len(ids)], page_id="a" * 32, client_seq=number // len(ids) + 1, epoch=1, kind="answer",
            item_ref=f"item{number // len(ids) % 90}", value=("option1",), client_time_ms=0, client_monotonic_ms=0,
            received_at=STARTS_AT + timedelta(minutes=20), grace=timedelta(seconds=10), node_id="bench",
        )
        for number in range(LINES)
    ]  # fmt: skip


def measure_batches(folder: Path) -> dict[str, float]:
    """Answers a second by size of the batch."""
    rates = {}
    for size in BATCHES:
        with fresh_database(folder / f"batch{size}.db") as (database, ids):
            store, lines = store_for(database), some_lines(ids)
            if size == 1:
                lines = lines[: LINES // 3]
            began = time.monotonic()
            for start in range(0, len(lines), size):
                store.commit(lines[start : start + size])
            rates[f"batch_{size}"] = round(len(lines) / (time.monotonic() - began))
            store.close()
    return rates


def measure_writer(folder: Path) -> dict[str, Any]:
    """The writer itself, with `WAITING` handlers that each send one answer and wait for its acknowledgement."""
    commits: list[int] = []
    with fresh_database(folder / "writer.db") as (database, ids):
        writer = AnswerWriter(database, lambda lines, _result: commits.append(len(lines)), lambda *_: None)
        writer.start()
        lines = some_lines(ids)
        waits: list[float] = []

        def handler(mine: Sequence[Line]) -> None:
            for line in mine:
                began = time.monotonic()
                writer.record([line])
                waits.append((time.monotonic() - began) * 1000)

        threads = [threading.Thread(target=handler, args=(lines[first::WAITING],)) for first in range(WAITING)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(lines) / (time.monotonic() - began)
        writer.stop()
    return {
        "answers_per_s": round(rate),
        "mean_batch": round(len(lines) / len(commits), 1),
        "save_ms": percentiles(waits),
    }


def measure(folder: Path) -> dict[str, Any]:
    """All of it; `ratio` compares commits of 128 with one commit an answer."""
    rates = measure_batches(folder)
    return {
        "answers_per_s": rates,
        "ratio": round(rates[f"batch_{BATCHES[-1]}"] / rates["batch_1"], 1),
        "writer": measure_writer(folder),
    }
