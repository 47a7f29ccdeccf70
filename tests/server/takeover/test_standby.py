"""The synchronous standby on two real servers: nothing is acknowledged that is on one machine alone, nothing hangs unsaid,
and the commands refuse whatever would split or lose answers."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

import server.schema  # noqa: F401 - every folder's tables
from server.audit.models import AuditEntry
from server.cli import app as mingyuan
from server.core.bus import InProcessBus
from server.core.clock import SystemClock
from server.core.errors import Conflict
from server.core.events import AlarmRaised, Event
from server.core.permissions import Role
from server.delivery.journal import Line
from server.delivery.journal_postgres import PostgresJournal
from server.delivery.models import Attempt
from server.storage.database import Database
from server.storage.postgres_connection import CommitNotReplicated
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain import replication
from server.takeover.domain.promotion import Situation, find_obstacle
from server.takeover.domain.replication import Standing, Trouble
from server.takeover.services.release_standby_wait import release_standby_wait
from server.takeover.standby_watch import StandbyWatch, last_seen_standing
from tests.factories.accounts import PASSWORD, an_account, somebody
from tests.factories.scheduling import STARTS_AT, a_furnished_sitting, a_vault
from tests.support import postgres
from tests.support.commands import Answer
from tests.support.postgres_pair import STANDBY_NAME, PostgresPair, postgres_pair
from tests.support.processes import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]
HERE = socket.gethostname()
ATTEMPT = "a" * 20
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'exams'"


@pytest.fixture(scope="module")
def pair(server_folder: Path) -> Iterator[PostgresPair]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(reason)
    with postgres_pair(server_folder / "pair") as running:
        url = running.new_database()
        database = Database(url)
        database.create_all()
        with database.write() as session:
            for name, role in (("head", Role.OFFICE_HEAD), ("tech", Role.SYSADMIN), ("clerk", Role.EXAM_CLERK)):
                an_account(session, [role], login_name=name)
            sitting = a_furnished_sitting(session, a_vault(), rooms=1, candidates_per_room=1)
            sitting.sitting.state = "running"
            ticket = sitting.tickets[0]
            session.add(
                Attempt(
                    id=ATTEMPT, ticket_id=ticket.id, sitting_id=ticket.sitting_id, room_id=ticket.room_id,
                    seat_id=ticket.seat_id, state="answering", epoch=1, deadline_at=STARTS_AT + timedelta(minutes=90),
                    preferences={},
                )
            )  # fmt: skip
        database.dispose()
        yield running


@pytest.fixture
def database(pair: PostgresPair) -> Iterator[Database]:
    database = Database(pair.both("exams"))
    yield database
    database.dispose()


@pytest.fixture
def uow(database: Database, published: list[Event]) -> UnitOfWork:
    bus = InProcessBus()
    bus.subscribe(published.append)
    return UnitOfWork(database, bus, SystemClock())


@pytest.fixture
def without_standby(pair: PostgresPair) -> Iterator[None]:
    """The standby is dead; it is back afterwards."""
    pair.standby.crash()
    wait_until(lambda: not pair.streaming(), seconds=20, what="the primary sees that the standby is gone")
    yield
    if not pair.standby.answers():
        pair.start_standby()
    pair.demand()


@pytest.fixture
def writing(database: Database) -> Iterator[Callable[[], Future[None]]]:
    """Begins a write in the background."""
    pool = ThreadPoolExecutor(2)

    def write() -> None:
        with database.write() as session:
            an_account(session)

    yield lambda: pool.submit(write)
    pool.shutdown(wait=False)


def hanging_pid(pair: PostgresPair) -> int:
    wait_until(lambda: bool(pair.primary.execute(WAITING)), seconds=20, what="a commit waits for the standby")
    return int(pair.primary.execute(WAITING)[0][0])


def a_watch(uow: UnitOfWork, folder: Path) -> StandbyWatch:
    return StandbyWatch(uow, folder, expects_standby=True, stopping=threading.Event())


# --- What is not on two machines is not acknowledged ------------------------------------------------------------------


def test_a_plain_connection_takes_a_cancelled_wait_for_success(pair: PostgresPair, without_standby: None) -> None:
    """The trap itself: without our connection the program would acknowledge what is on one machine only."""
    with ThreadPoolExecutor(1) as pool:

        def commit() -> None:
            with psycopg.connect(pair.primary.dsn("exams")) as plain:
                plain.execute("CREATE TABLE trap (n int)")

        done = pool.submit(commit)
        pair.primary.execute(f"SELECT pg_cancel_backend({hanging_pid(pair)})")
        done.result(timeout=20)


def test_a_commit_whose_wait_was_cancelled_is_no_commit_to_us(
    pair: PostgresPair, database: Database, without_standby: None, writing: Callable[[], Future[None]]
) -> None:
    write = writing()
    pid = hanging_pid(pair)
    assert database.commits.longest_s() > 0
    pair.primary.execute(f"SELECT pg_cancel_backend({pid})")
    with pytest.raises(OperationalError) as refusal:
        write.result(timeout=20)
    assert isinstance(refusal.value.orig, CommitNotReplicated)
    assert database.commits.longest_s() == 0
    assert database.commits.not_replicated == 1


def test_a_wait_that_an_administrator_ends_is_no_commit_either(
    pair: PostgresPair, without_standby: None, writing: Callable[[], Future[None]]
) -> None:
    write = writing()
    pair.primary.execute(f"SELECT pg_terminate_backend({hanging_pid(pair)})")
    with pytest.raises(OperationalError):
        write.result(timeout=20)


def test_a_repeat_of_what_one_server_alone_has_waits_for_the_standby_as_well(
    pair: PostgresPair, database: Database, without_standby: None
) -> None:
    """It changes nothing, yet it must not be acknowledged from what the primary alone can see."""
    journal, at = PostgresJournal(database), STARTS_AT + timedelta(minutes=20)
    lines = [Line(ATTEMPT, "a" * 32, 1, 1, "answer", "q1", ("o1",), 0, 0, at, timedelta(seconds=10), "node")]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(journal.commit, lines)
        pair.primary.execute(f"SELECT pg_cancel_backend({hanging_pid(pair)})")
        assert isinstance(first.exception(timeout=20), OperationalError)

        again = pool.submit(journal.commit, lines)
        hanging_pid(pair)
        assert not again.done()
        pair.start_standby()
        (outcome,) = again.result(timeout=30).outcomes
    assert (outcome.standing, outcome.repeat) == ("counted", True)


# --- Nothing hangs unsaid ---------------------------------------------------------------------------------------------


def test_a_lost_standby_is_told_to_the_rooms_before_anybody_asks(
    pair: PostgresPair,
    uow: UnitOfWork,
    published: list[Event],
    writing: Callable[[], Future[None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replication, "HANGS_AFTER_S", 0.5)
    watch = a_watch(uow, tmp_path)
    watch.look()
    assert (watch.judge(), watch.standing()) == ([], Standing.SYNCHRONOUS)
    assert last_seen_standing(tmp_path)["standing"] == "synchronous"  # type: ignore[index]

    pair.standby.crash()
    wait_until(lambda: not pair.streaming(), seconds=20, what="the primary sees it")
    write = writing()
    watch.look()
    assert watch.standing() is Standing.STANDBY_LOST
    wait_until(lambda: Trouble.COMMITS_HANG in watch.troubles(), seconds=5, what="the hanging commit is noticed")
    assert set(watch.judge()) == {Trouble.STANDBY_LOST, Trouble.COMMITS_HANG}
    alarms = [event for event in published if isinstance(event, AlarmRaised)]
    assert [alarm.kind for alarm in alarms] == ["storage"], "the one running room, once"
    watch.judge()
    assert len([event for event in published if isinstance(event, AlarmRaised)]) == 1, "not again at once"

    pair.start_standby()
    write.result(timeout=30)
    wait_until(lambda: pair.streaming() == ["sync"], seconds=20, what="it is back")
    watch.look()
    assert watch.judge() == []


def test_without_an_answer_of_the_database_a_hanging_commit_is_known_all_the_same() -> None:
    assert replication.find_troubles(None, expects_standby=True, longest_commit_s=6) == [Trouble.COMMITS_HANG]
    assert replication.judge_standing(None, expects_standby=True) is Standing.UNKNOWN


# --- Releasing the wait -----------------------------------------------------------------------------------------------


@pytest.fixture
def at_the_console(pair: PostgresPair, tmp_path: Path) -> Callable[..., Answer]:
    """`mingyuan …` on this machine, as two people with their passwords."""

    def run(*arguments: str, **settings: str) -> Answer:
        environment = {
            "MINGYUAN_DATA": str(tmp_path),
            "MINGYUAN_DATABASE_URL": pair.both("exams"),
            "MINGYUAN_STAFF_PASSWORD": PASSWORD,
            "MINGYUAN_SECOND_PASSWORD": PASSWORD,
            **{f"MINGYUAN_{name.upper()}": value for name, value in settings.items()},
        }
        said = CliRunner().invoke(mingyuan, [*arguments, "--json"], env=environment)
        assert said.exit_code == 0, said.stderr
        return Answer(said.exit_code, json.loads(said.stdout), said.stderr)

    return run


def entries(uow: UnitOfWork, action: str) -> list[dict[str, Any]]:
    with uow.read() as session:
        return [entry.detail for entry in session.scalars(select(AuditEntry).where(AuditEntry.action == action))]


def test_two_people_release_the_wait_and_demand_the_standby_again(
    pair: PostgresPair, uow: UnitOfWork, at_the_console: Callable[..., Answer], writing: Callable[[], Future[None]]
) -> None:
    primary = ("--primary", pair.primary.dsn("exams"))
    two = ("standby", "release", *primary, "--login", "tech", "--reason", "备机断电")
    pair.standby.crash()
    wait_until(lambda: not pair.streaming(), seconds=20, what="the primary sees it")
    write = writing()
    hanging_pid(pair)
    with pytest.raises(AssertionError, match="FORBIDDEN"):
        at_the_console(*two, "--second-login", "clerk", standby="release")
    here, there = somebody(Role.SYSADMIN), somebody(Role.OFFICE_HEAD)
    for code, people, allowed in (("RELEASE_NOT_ALLOWED", (here, there), False), ("SAME_PERSON", (here, here), True)):
        with pytest.raises(Conflict, match=code):
            release_standby_wait(uow, primary[1], people, "备机断电", is_allowed=allowed)
    assert not write.done()

    released = at_the_console(*two, "--second-login", "head", standby="release")
    assert released.facts == {"released": STANDBY_NAME}
    write.result(timeout=10)
    assert entries(uow, "takeover.standby.released")[0]["names"] == STANDBY_NAME

    again = ("standby", "require", *primary, "--login", "tech", "--names", STANDBY_NAME)
    with pytest.raises(AssertionError, match="STANDBY_NOT_STREAMING"):
        at_the_console(*again)
    pair.start_standby()
    wait_until(lambda: bool(pair.streaming()), seconds=20, what="it streams")
    assert at_the_console(*again).facts == {"required": STANDBY_NAME}
    wait_until(lambda: pair.streaming() == ["sync"], seconds=20, what="it counts")
    assert at_the_console("standby", "status", *primary).facts["synchronous"] == [STANDBY_NAME]


# --- Promoting ----------------------------------------------------------------------------------------------------------

PROVEN = Situation(True, [("db1:5432", "unreachable"), ("db2:5432", "standby")], "person: db1 is off", None, False)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("NOT_A_STANDBY", {"in_recovery": False}),
        ("PRIMARY_STILL_WRITES", {"others": [("db1:5432", "writes")]}),
        ("PRIMARY_STILL_WRITES", {"others": [("db1:5432", "answers")], "accepts_loss": True}),
        ("OLD_PRIMARY_NOT_FENCED", {"fenced_by": "", "accepts_loss": True}),
        ("STANDBY_MAY_MISS_ANSWERS", {"last_standing": Standing.RELEASED}),
        ("STANDBY_MAY_MISS_ANSWERS", {"last_standing": Standing.STANDBY_LOST}),
        (None, {"last_standing": Standing.SYNCHRONOUS}),
        (None, {"last_standing": Standing.RELEASED, "accepts_loss": True}),
        (None, {}),
    ],
)
def test_what_forbids_a_promotion(code: str | None, changed: dict[str, Any]) -> None:
    obstacle = find_obstacle(dataclasses.replace(PROVEN, **changed))
    assert (obstacle.code if obstacle else None) == code


# --- The last test: after it the pair is no pair any more ---------------------------------------------------------------


def test_a_promotion_refuses_what_would_split_or_lose_answers_and_then_works(
    pair: PostgresPair, database: Database, uow: UnitOfWork, at_the_console: Callable[..., Answer], tmp_path: Path
) -> None:
    promote = ("promote", "--standby", pair.standby.dsn("exams"), "--login", "tech", "--reason", "主库断电")
    fenced = {"fencing_command": '["true"]'}

    look = at_the_console("promote", "--standby", pair.standby.dsn("exams"), "--look")
    assert look.facts["done"] is False
    assert sorted(other["state"] for other in look.facts["outlook"]["others"]) == ["standby", "writes"]

    def refuses(code: str, *more: str, **settings: str) -> None:
        with pytest.raises(AssertionError, match=code):
            at_the_console(*promote, *more, **settings)
        assert pair.standby.execute("SELECT pg_is_in_recovery()") == [(True,)]

    refuses("PRIMARY_STILL_WRITES", "--yes", HERE, **fenced)
    # Both hosts carry the same settings file: without clearing them, the first commit after the promotion would hang.
    pair.standby.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'")
    pair.standby.execute("SELECT pg_reload_conf()")
    with uow() as work:
        an_account(work.session, login_name="lastword")
    pair.primary.crash()
    refuses("HOST_NAME_WRONG", "--yes", "some-other-host", **fenced)
    refuses("FENCING_FAILED", "--yes", HERE, fencing_command='["false"]')
    seen = tmp_path / "replication.json"
    seen.write_text(json.dumps({"standing": "released", "seen_at": "2026-05-16T01:00:00+00:00"}))
    refuses("STANDBY_MAY_MISS_ANSWERS", "--yes", HERE, **fenced)
    seen.unlink()

    done = at_the_console(*promote, "--yes", HERE, "--old-primary-is-off", "127.0.0.1")
    assert done.facts["done"] is True
    assert done.facts["cleared_names"] == STANDBY_NAME
    assert pair.standby.execute("SHOW synchronous_standby_names") == [("",)]

    # The nodes' address names both servers: whoever writes is found without anybody touching a setting.
    with uow() as work:
        an_account(work.session, login_name="afterwards")
    with uow.read() as session:
        assert session.execute(select(AuditEntry).where(AuditEntry.action == "takeover.node.promoted")).one()
    assert pair.standby.execute("SELECT count(*) FROM account WHERE login_name = 'lastword'", "exams") == [(1,)]
