"""The answer writer on real databases: what is acknowledged is stored, repeats are harmless, neighbours are not hurt."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from server.core.errors import Unavailable
from server.core.ids import new_id
from server.delivery import writer as writer_module
from server.delivery.journal import BatchResult, Line
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import counted_responses
from server.delivery.second_journal import SecondJournal
from server.delivery.writer import AnswerWriter
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.delivery import a_time_entry
from tests.factories.scheduling import STARTS_AT, a_furnished_sitting, a_vault
from tests.support.processes import wait_until

GRACE = timedelta(seconds=10)
DEADLINE = STARTS_AT + timedelta(minutes=90)
IN_TIME = STARTS_AT + timedelta(minutes=20)
PAGE = "a" * 32


class Committed:
    """What the writer told after its commits."""

    def __init__(self) -> None:
        self.results: list[BatchResult] = []
        self.failures: list[Unavailable] = []

    def on_commit(self, _lines: Sequence[Line], result: BatchResult) -> None:
        self.results.append(result)

    def on_failure(self, _lines: Sequence[Line], error: Unavailable) -> None:
        self.failures.append(error)


@pytest.fixture
def told() -> Committed:
    return Committed()


@pytest.fixture
def attempt_ids(database: Database) -> list[str]:
    """Three attempts that are answering, epoch 1."""
    with database.write() as session:
        sitting = a_furnished_sitting(session, a_vault(), rooms=1, candidates_per_room=3)
        ids = []
        for ticket in sitting.tickets:
            attempt = Attempt(
                id=new_id(),
                ticket_id=ticket.id,
                sitting_id=ticket.sitting_id,
                room_id=ticket.room_id,
                seat_id=ticket.seat_id,
                state="answering",
                epoch=1,
                deadline_at=DEADLINE,
                preferences={},
            )
            session.add(attempt)
            ids.append(attempt.id)
    return ids


@pytest.fixture
def writer(database: Database, told: Committed) -> Iterator[AnswerWriter]:
    writer = AnswerWriter(database, told.on_commit, told.on_failure)
    writer.start()
    yield writer
    writer.stop()


def line(
    attempt_id: str, seq: int, value: str = "o1", item: str = "q1", *, epoch: int = 1, at: datetime = IN_TIME
) -> Line:
    options = tuple(value.split()) if value else ()
    return Line(attempt_id, PAGE, seq, epoch, "answer", item, options, 0, 0, at, GRACE, "node")


def stored(database: Database, attempt_id: str) -> list[JournalEntry]:
    with database.read() as session:
        query = select(JournalEntry).where(JournalEntry.attempt_id == attempt_id).order_by(JournalEntry.entry_no)
        return list(session.scalars(query))


def test_an_acknowledged_answer_is_in_the_journal(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    outcomes = writer.record([line(attempt_ids[0], 1), line(attempt_ids[0], 2, "o2", "q2")])

    assert [o.standing for o in outcomes] == ["counted", "counted"]
    assert [(e.client_seq, e.value, e.standing) for e in stored(database, attempt_ids[0])] == [
        (1, ["o1"], "counted"),
        (2, ["o2"], "counted"),
    ]
    with database.read() as session:
        attempt = session.get_one(Attempt, attempt_ids[0])
        assert (attempt.answered, attempt.last_seq, attempt.last_answer_at) == (2, 2, IN_TIME)


def test_a_repeat_is_acknowledged_and_stored_once(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    first = writer.record([line(attempt_ids[0], 1)])
    again = writer.record([line(attempt_ids[0], 1), line(attempt_ids[0], 1)])

    assert [first[0].standing, again[0].standing, again[1].standing] == ["counted"] * 3
    assert again[0].repeat
    assert len(stored(database, attempt_ids[0])) == 1


def test_a_repeat_is_acknowledged_even_after_the_attempt_has_ended(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    writer.record([line(attempt_ids[0], 1)])
    with database.write() as session:
        session.get_one(Attempt, attempt_ids[0]).state = "submitted"

    again, new = writer.record([line(attempt_ids[0], 1), line(attempt_ids[0], 2)])

    assert (again.standing, new.standing, new.code) == ("counted", "closed", "SUBMITTED")


def test_a_repeat_with_another_value_is_told_apart_and_changes_nothing(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    writer.record([line(attempt_ids[0], 1, "o1")])
    (outcome,) = writer.record([line(attempt_ids[0], 1, "o9")])

    assert outcome.differs
    assert stored(database, attempt_ids[0])[0].value == ["o1"]


def test_a_lower_number_never_overwrites_a_higher_one(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    writer.record([line(attempt_ids[0], 5, "o5")])
    writer.record([line(attempt_ids[0], 3, "")])

    with database.read() as session:
        assert counted_responses(session, attempt_ids[0])["q1"].value == ("o5",)
        assert session.get_one(Attempt, attempt_ids[0]).answered == 1


def test_clearing_an_answer_takes_it_off_the_count(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    writer.record([line(attempt_ids[0], 1, "o1"), line(attempt_ids[0], 2, "")])

    with database.read() as session:
        assert session.get_one(Attempt, attempt_ids[0]).answered == 0


def test_answers_of_a_superseded_page_are_kept_but_not_counted(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    (outcome,) = writer.record([line(attempt_ids[0], 1, epoch=0)])

    assert (outcome.standing, outcome.code) == ("superseded", "SESSION_MOVED")
    assert stored(database, attempt_ids[0])[0].standing == "superseded"
    with database.read() as session:
        assert counted_responses(session, attempt_ids[0]) == {}


def test_an_answer_after_the_deadline_and_its_grace_is_kept_as_evidence(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    in_grace, too_late = writer.record(
        [
            line(attempt_ids[0], 1, at=DEADLINE + GRACE),
            line(attempt_ids[0], 2, at=DEADLINE + GRACE + timedelta(milliseconds=1)),
        ]
    )

    assert (in_grace.standing, in_grace.late_by_ms) == ("counted", 10_000)
    assert (too_late.standing, too_late.code) == ("late", "TIME_OVER")
    assert [entry.standing for entry in stored(database, attempt_ids[0])] == ["counted", "late"]


def test_an_unknown_attempt_does_not_hurt_its_neighbours(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    unknown, known = writer.record([line("0" * 32, 1), line(attempt_ids[0], 1)])

    assert (unknown.standing, known.standing) == ("refused", "counted")


def test_many_candidates_at_once_share_commits_and_each_hears_of_its_own(
    writer: AnswerWriter, database: Database, attempt_ids: list[str], told: Committed
) -> None:
    outcomes: dict[tuple[str, int], str] = {}

    def answer(attempt_id: str) -> None:
        for seq in range(1, 41):
            (outcome,) = writer.record([line(attempt_id, seq, f"o{seq}", f"q{seq % 7}")])
            outcomes[(attempt_id, seq)] = outcome.standing

    threads = [threading.Thread(target=answer, args=(attempt_id,)) for attempt_id in attempt_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(outcomes.values()) == {"counted"}
    assert len(outcomes) == 120
    assert sum(len(stored(database, attempt_id)) for attempt_id in attempt_ids) == 120
    assert len(told.results) <= 120


def test_a_stopped_writer_asks_to_send_again(database: Database, attempt_ids: list[str], told: Committed) -> None:
    writer = AnswerWriter(database, told.on_commit, told.on_failure)
    writer.start()
    writer.stop()

    with pytest.raises(Unavailable) as refusal:
        writer.record([line(attempt_ids[0], 1)])
    assert refusal.value.code == "SERVER_STOPPING"


def test_a_batch_whose_connection_breaks_is_repeated_and_stored_once(
    database: Database, attempt_ids: list[str], told: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = AnswerWriter(database, told.on_commit, told.on_failure)
    real, tries = writer._store.commit, []

    def commit(lines: Sequence[Line]) -> BatchResult:
        tries.append(len(lines))
        if len(tries) == 1:
            real(lines)  # it was committed, and nobody heard of it
        if len(tries) < 4:
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))
        return real(lines)

    monkeypatch.setattr(writer._store, "commit", commit)
    writer.start()
    (outcome,) = writer.record([line(attempt_ids[0], 1)])
    writer.stop()

    assert (outcome.standing, outcome.repeat) == ("counted", True)
    assert len(tries) == 4
    assert len(stored(database, attempt_ids[0])) == 1


def test_the_writer_survives_a_database_that_stays_away_and_ears_that_fail(
    database: Database, attempt_ids: list[str], told: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_can_be_told(_lines: Sequence[Line], error: Unavailable) -> None:
        told.failures.append(error)
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    def away(_lines: Sequence[Line]) -> BatchResult:
        raise OperationalError("BEGIN", {}, Exception("connection refused"))

    monkeypatch.setattr(writer_module, "WAIT_S", 1.5)
    monkeypatch.setattr(writer_module, "TELL_AFTER_S", 0.1)
    writer = AnswerWriter(database, told.on_commit, nobody_can_be_told)
    with monkeypatch.context() as while_away:
        while_away.setattr(writer._store, "commit", away)
        writer.start()
        with pytest.raises(Unavailable) as refusal:
            writer.record([line(attempt_ids[0], 1)])
        wait_until(lambda: len(told.failures) == 2, seconds=5, what="told early and at the end")
    (outcome,) = writer.record([line(attempt_ids[0], 1)])
    writer.stop()

    assert refusal.value.code in {"STORAGE_UNAVAILABLE", "STORAGE_SLOW"}
    assert {failure.code for failure in told.failures} == {"STORAGE_UNAVAILABLE"}
    assert (outcome.standing, outcome.repeat) == ("counted", False)


class FullDisk(SecondJournal):
    def _append(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_acknowledges_nothing_and_says_so(
    uow: UnitOfWork, sqlite_database: Database, told: Committed, tmp_path: Path
) -> None:
    with sqlite_database.write() as session:
        sitting = a_furnished_sitting(session, a_vault(), rooms=1, candidates_per_room=1)
        ticket = sitting.tickets[0]
        attempt_id = new_id()
        session.add(
            Attempt(
                id=attempt_id,
                ticket_id=ticket.id,
                sitting_id=ticket.sitting_id,
                room_id=ticket.room_id,
                seat_id=ticket.seat_id,
                state="answering",
                epoch=1,
                deadline_at=DEADLINE,
                preferences={},
            )
        )
    writer = AnswerWriter(
        sqlite_database, told.on_commit, told.on_failure, FullDisk(tmp_path, a_vault(), "node", go_on=False)
    )
    writer.start()

    with pytest.raises(Unavailable) as refusal:
        writer.record([line(attempt_id, 1)])
    writer.stop()

    assert refusal.value.code == "STORAGE_FULL"
    assert [failure.code for failure in told.failures] == ["STORAGE_FULL"]


def lose_contact(
    database: Database, attempt_id: str, since: datetime, until: datetime | None, **changes: object
) -> None:
    with database.write() as session:
        a_time_entry(
            session, session.get_one(Attempt, attempt_id), status="proposed", from_at=since, to_at=until, **changes
        )  # fmt: skip


@pytest.mark.parametrize("back_after_s", [None, 300])
def test_a_recorded_interruption_of_this_candidate_lets_a_late_answer_count_and_says_how_late(
    writer: AnswerWriter, database: Database, attempt_ids: list[str], back_after_s: int | None
) -> None:
    until = None if back_after_s is None else DEADLINE + timedelta(seconds=back_after_s)
    lose_contact(database, attempt_ids[0], DEADLINE - timedelta(seconds=30), until)
    at = DEADLINE + timedelta(seconds=305)

    outcomes = writer.record([line(attempt_ids[0], 1, at=at), line(attempt_ids[1], 1, at=at)])

    assert [(o.standing, o.code, o.late_by_ms) for o in outcomes] == [
        ("counted", None, 305_000),
        ("late", "TIME_OVER", 305_000),
    ]
    assert [e.late_by_ms for e in stored(database, attempt_ids[0])] == [305_000]


def test_an_interruption_that_does_not_reach_to_the_receipt_excuses_nothing(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    over = DEADLINE + timedelta(seconds=60)
    lose_contact(database, attempt_ids[0], DEADLINE - timedelta(seconds=30), over)
    lose_contact(database, attempt_ids[1], DEADLINE + GRACE + timedelta(milliseconds=1), None)

    late = over + GRACE + timedelta(milliseconds=1)
    outcomes = writer.record([line(attempt_ids[0], 1, at=late), line(attempt_ids[1], 1, at=late)])

    assert [o.standing for o in outcomes] == ["late", "late"]


def test_the_room_s_own_interruption_excuses_its_candidates_and_a_reversed_one_nobody(
    writer: AnswerWriter, database: Database, attempt_ids: list[str]
) -> None:
    with database.write() as session:
        first, second = (session.get_one(Attempt, each) for each in attempt_ids[:2])
        cut = a_time_entry(
            session, sitting_id=first.sitting_id, room_id=first.room_id, from_at=DEADLINE, status="provisional"
        )
        a_time_entry(session, second, kind="reversal", reverses_id=cut.id, status="confirmed")
    at = DEADLINE + timedelta(seconds=60)

    outcomes = writer.record([line(attempt_ids[0], 1, at=at), line(attempt_ids[1], 1, at=at)])

    assert [o.standing for o in outcomes] == ["counted", "late"]


def test_nobody_waits_for_a_commit_that_never_ends(
    database: Database, attempt_ids: list[str], told: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the batch that hangs and those who gather behind it are told to send again; what gathered is given up."""
    monkeypatch.setattr(writer_module, "WAIT_S", 0.3)
    monkeypatch.setattr(writer_module, "WATCH_EVERY_S", 0.05)
    hangs, goes_on = threading.Event(), threading.Event()
    writer = AnswerWriter(database, told.on_commit, told.on_failure)
    commit = writer._store.commit

    def hang(lines: Sequence[Line]) -> BatchResult:
        hangs.set()
        goes_on.wait(10)
        return commit(lines)

    monkeypatch.setattr(writer._store, "commit", hang)
    writer.start()
    codes = []

    def send(number: int) -> None:
        try:
            writer.record([line(attempt_ids[0], number)])
        except Unavailable as refusal:
            codes.append(refusal.code)

    first = threading.Thread(target=send, args=(1,))
    first.start()
    assert hangs.wait(5)
    second = threading.Thread(target=send, args=(2,))
    second.start()
    first.join(5)
    second.join(5)
    goes_on.set()
    outcomes = [writer.record([line(attempt_ids[0], number)])[0] for number in (1, 2)]
    writer.stop()

    assert codes == ["STORAGE_SLOW", "STORAGE_SLOW"]
    assert [outcome.repeat for outcome in outcomes] == [True, False]
