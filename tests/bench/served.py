"""`python -m tests.bench.served serve …`: the real server, with what only a measurement needs beside it.

* a message `bench_nothing` on the candidates' namespace: same channel, same parsing of frames and packets, acknowledged
  without any work. The product has no such message;
* a far higher allowance of messages a connection (the check is made all the same): otherwise the limit is what saturates;
* figures at SIGUSR1, written to the file `BENCH_FIGURES`: statements, flushes, lines;
* `BENCH_COUNT_EVERYTHING`, `BENCH_EAGER_BOARDS`: controls of the fault matrix, protections taken away;
* `BENCH_SLOW_FLUSH_MS`: so much longer lasts every commit of the answer writer; `BENCH_COUNT_STATEMENTS=1` counts the SQL of starts and of the answer writer.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - after the patch
import os  # noqa: E402
import signal  # noqa: E402
import sqlite3  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from flask import has_request_context, request  # noqa: E402
from sqlalchemy import Engine, event  # noqa: E402

from server.delivery import socket, writer  # noqa: E402
from server.delivery.journal import BatchResult, Line  # noqa: E402
from server.webkit import socket_base  # noqa: E402

real_sleep = monkey.get_original("time", "sleep")
figures = {"statements": 0, "flushes": 0, "lines": 0}
CONTROL = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"})


def count_statements() -> None:
    """SQLAlchemy's statements by its own event, the SQLite journal's by the driver's trace."""

    def count(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if statement.split(None, 1)[0].upper() not in CONTROL:
            is_begin = has_request_context() and request.path.endswith("/begin")
            figures["statements"] += (
                is_begin or (not has_request_context() and "journal_entry" in statement) or in_journal(statement)
            )

    def in_journal(statement: str) -> bool:
        return statement.lstrip().startswith("UPDATE attempt SET answered")

    event.listen(Engine, "before_cursor_execute", count)
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        if not options.get("factory"):
            connection.set_trace_callback(lambda statement: count(None, None, statement))
        return connection

    from server.delivery import journal_sqlite

    journal_sqlite.sqlite3 = _Driver(traced)  # type: ignore[attr-defined]


class _Driver:
    """The module `sqlite3` as the journal sees it, with another way to connect."""

    def __init__(self, connect: Callable[..., sqlite3.Connection]) -> None:
        self.connect = connect

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)


def watch_flushes(slow_by_ms: float) -> None:
    """Count the writer's commits and lines; make each last longer."""
    store_for = writer.store_for

    def watched(*arguments: Any) -> Any:
        store = store_for(*arguments)
        commit = store.commit
        in_thread = type(store).__name__ == "SqliteJournal"

        def slow(lines: Sequence[Line]) -> BatchResult:
            result = commit(lines)
            if slow_by_ms:
                (real_sleep if in_thread else gevent.sleep)(slow_by_ms / 1000)
            figures["flushes"] += 1
            figures["lines"] += len(lines)
            return result

        store.commit = slow
        return store

    writer.store_for = watched


def count_everything() -> None:
    """A control: whatever arrives counts, in time or not, ended or not."""
    from server.delivery import journal
    from server.delivery.domain.journal_rules import Standing, Verdict

    journal.judge_entry = lambda **_facts: Verdict(Standing.COUNTED)  # type: ignore[assignment]


def tell_boards_at_once() -> None:
    """A control: every change is read and sent to its boards at once, one by one."""
    from proctor import board_feed

    note = board_feed.BoardFeed.note

    def eager(self: Any, happened: Any) -> None:
        note(self, happened)
        if (happened.sitting_id, happened.room_id) in self._rooms:
            gevent.spawn(self._refresh, (happened.sitting_id, happened.room_id))

    board_feed.BoardFeed.note = eager  # type: ignore[method-assign]


def answer_nothing() -> None:
    """One more message on the candidates' channel."""
    made = socket.CandidateChannel.__init__

    def with_nothing(self: Any, server: Any, *others: Any) -> None:
        made(self, server, *others)
        server.on("bench_nothing", lambda _sid, _data=None: {"ok": True}, namespace="/candidate")

    socket.CandidateChannel.__init__ = with_nothing  # type: ignore[method-assign]


def report() -> None:
    """The figures up to now, into the file whose name the environment says."""
    file = Path(os.environ["BENCH_FIGURES"])
    new = file.with_suffix(".new")
    new.write_text(json.dumps(figures))
    new.replace(file)


def main() -> None:
    socket_base.RATE_PER_SECOND = 1e6
    socket_base.BURST = 1e6
    if os.environ.get("BENCH_COUNT_STATEMENTS"):
        count_statements()
    watch_flushes(float(os.environ.get("BENCH_SLOW_FLUSH_MS", "0")))
    answer_nothing()
    if os.environ.get("BENCH_COUNT_EVERYTHING"):
        count_everything()
    if os.environ.get("BENCH_EAGER_BOARDS"):
        tell_boards_at_once()
    if os.environ.get("BENCH_FIGURES"):
        gevent.signal_handler(signal.SIGUSR1, report)
    from server.entry import main as serve

    serve()


if __name__ == "__main__":
    main()
