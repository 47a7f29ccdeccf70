"""A backup made while others write comes back whole, elsewhere, with what the second journal holds beyond it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from server.accounts.models import Account
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from server.delivery.journal import BatchResult, Line, Outcome
from server.delivery.models import Attempt, JournalEntry
from server.delivery.second_journal import SecondJournal
from server.migrations import newest_revision, upgrade
from server.safekeeping.backup_files import list_backups, read_backup
from server.safekeeping.domain.disk_rules import Room
from server.safekeeping.records import latest_keeping
from server.safekeeping.services.make_backup import make_backup
from server.safekeeping.services.restore_backup import Restored, restore_backup
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import A_MORNING
from tests.factories.scheduling import STARTS_AT
from tests.factories.scoring import SatSitting, a_sat_sitting
from tests.support.postgres import PostgresCluster

KEY = b"\x07" * 32
VAULT = Vault(KEY)
PAPER = b"sealed script"
PAPER_NAME = f"{hashlib.sha256(PAPER).hexdigest()}.bin"


#: for what happens to files only, before a database is looked at
files_alone = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@dataclass
class Site:
    """A data folder with an exam that was sat, and one candidate who still answers."""

    settings: Settings
    uow: UnitOfWork
    sat: SatSitting
    answering: str

    def back_up(self, **more: object) -> Path:
        return make_backup(self.uow, VAULT, self.settings, **more).folder  # type: ignore[arg-type]


def stamp_newest(database: Database) -> None:
    """The tables of a test were made at once; say that no migration is missing."""
    with database.write_connection() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": newest_revision()})


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    data = tmp_path / "data"
    (data / "papers").mkdir(parents=True)
    (data / "papers" / PAPER_NAME).write_bytes(PAPER)
    (data / "records").mkdir()
    (data / "records" / "room-1.pdf").write_bytes(b"%PDF the room's record")
    (data / "keys").mkdir()
    (data / "keys" / "master.key").write_text(KEY.hex())
    (data / "settings.toml").write_text('node_name = "node-1"\n')
    stamp_newest(database)
    uow = UnitOfWork(database, InProcessBus(), ManualClock(A_MORNING))
    with uow() as work:
        sat = a_sat_sitting(work.session, VAULT, [{0: frozenset("A"), 1: frozenset("B")}, None])
        for script in sat.paper.scripts:
            script.file_name = PAPER_NAME
        record(work, SYSTEM, AuditAction.TAKEOVER_NODE_STARTED, "node:1")
    with uow() as work:
        absent = work.session.get_one(Attempt, sat.attempts[1].id)
        absent.state, absent.ended_at, absent.script_id, absent.epoch = "answering", None, sat.paper.scripts[1].id, 1
        answering = absent.id
    return Site(Settings(data=data, node_name="node-1"), uow, sat, answering)


@pytest.fixture
def elsewhere(database: Database, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address for the restored database: none on SQLite."""
    if database.is_sqlite:
        yield ""
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


def restore(site: Site, source: Path, into: Path, elsewhere: str, **more: object) -> Restored:
    return restore_backup(
        source, into, database_url=elsewhere, clock=site.uow.clock, key_file=site.settings.data / "keys" / "master.key", **more  # type: ignore[arg-type]
    )  # fmt: skip


def opened(restored: Restored, elsewhere: str) -> Database:
    return Database(elsewhere or f"sqlite:///{restored.data / 'mingyuan.db'}")


def a_line(site: Site, seq: int, value: str = "x") -> Line:
    item = site.sat.paper.scripts[1].layout[0]
    return Line(
        site.answering, "p" * 32, seq, 2, "answer", item["ref"], (value,), seq, seq,
        STARTS_AT + timedelta(minutes=30, seconds=seq), timedelta(0), "node-1", site.sat.furnished.id,
    )  # fmt: skip


def test_what_comes_back_is_what_was_there(site: Site, tmp_path: Path, elsewhere: str) -> None:
    folder = site.back_up()
    restored = restore(site, folder, tmp_path / "elsewhere", elsewhere)
    assert restored.ok
    assert (
        restored.examination.as_dict() | {"ok": True, "papers": 1, "ended": 1, "answers": 2, "attempts": 2}
        == restored.examination.as_dict()
    )
    assert (restored.data / "papers" / PAPER_NAME).read_bytes() == PAPER
    assert (restored.data / "records" / "room-1.pdf").read_bytes() == b"%PDF the room's record"
    assert (restored.data / "keys" / "master.key").read_text() == KEY.hex()
    assert (restored.data / "settings.toml").read_text() == 'node_name = "node-1"\n'
    database = opened(restored, elsewhere)
    database.check_durability()
    upgrade(database)
    with database.read() as session, site.uow.read() as original:
        for table in (Account, Attempt, JournalEntry):
            count = select(func.count()).select_from(table)
            assert session.scalar(count) == original.scalar(count)
    database.dispose()


def test_the_manifest_says_what_is_newest_and_the_readiness_page_can_tell(site: Site) -> None:
    backup = read_backup(site.back_up())
    manifest = backup.manifest
    assert manifest.rows["journal_entry"] == 2
    assert manifest.newest_answer_at == (STARTS_AT + timedelta(minutes=10, seconds=2)).isoformat()
    assert manifest.audit_seq == manifest.rows["audit_entry"]
    assert backup.taken_at == A_MORNING
    with site.uow.read() as session:
        row = latest_keeping(session, "backup")
    assert row is not None
    assert (row.at, row.place) == (A_MORNING, str(backup.folder))


def test_the_key_is_not_in_a_backup_unless_a_passphrase_is_given(site: Site, tmp_path: Path, elsewhere: str) -> None:
    plain = site.back_up()
    assert not [path for path in plain.rglob("*") if path.is_file() and KEY.hex().encode() in path.read_bytes()]
    assert not list(plain.glob("master.key*"))
    sealed = site.back_up(to=tmp_path / "stick", passphrase="十个字以上的一句口令吧")
    assert not [path for path in sealed.rglob("*") if path.is_file() and KEY.hex().encode() in path.read_bytes()]
    with pytest.raises(Forbidden, match="PASSPHRASE_WRONG"):
        restore_backup(sealed, tmp_path / "a", database_url=elsewhere, passphrase="another passphrase")
    restored = restore_backup(
        sealed, tmp_path / "b", database_url=elsewhere, passphrase="十个字以上的一句口令吧", clock=site.uow.clock
    )
    assert (restored.data / "keys" / "master.key").read_text() == KEY.hex()
    with pytest.raises(InvalidInput, match="PASSPHRASE_TOO_SHORT"):
        site.back_up(passphrase="short")


@files_alone
def test_a_foreign_key_is_told_before_anything_is_written(site: Site, tmp_path: Path, elsewhere: str) -> None:
    folder = site.back_up()
    wrong = tmp_path / "wrong.key"
    wrong.write_text("00" * 32)
    with pytest.raises(InvalidInput, match="KEY_DOES_NOT_FIT"):
        restore_backup(folder, tmp_path / "x", key_file=wrong, database_url=elsewhere)
    assert not (tmp_path / "x").exists()


def test_nothing_that_exists_is_overwritten(site: Site, tmp_path: Path, elsewhere: str) -> None:
    folder = site.back_up()
    with pytest.raises(Conflict, match="RESTORE_TARGET_NOT_EMPTY"):
        restore(site, folder, site.settings.data, elsewhere)
    if elsewhere:
        with pytest.raises(Conflict, match="RESTORE_DATABASE_NOT_EMPTY"):
            restore(site, folder, tmp_path / "x", str(site.uow.database.url.render_as_string(hide_password=False)))
        assert not (tmp_path / "x").exists()
        with pytest.raises(InvalidInput, match="DATABASE_ADDRESS_NEEDED"):
            restore(site, folder, tmp_path / "x", "")


def test_answers_newer_than_the_backup_come_from_the_second_journal(site: Site, tmp_path: Path, elsewhere: str) -> None:
    journal = SecondJournal(tmp_path / "disk2", VAULT, "node-1")
    journal.store([a_line(site, 1)], BatchResult([Outcome("counted")]))
    folder = site.back_up()
    journal.store(
        [a_line(site, 2, "y"), a_line(site, 3, "z")], BatchResult([Outcome("counted"), Outcome("late", late_by_ms=7)])
    )
    journal.store([a_line(site, 2, "y")], BatchResult([Outcome("counted", repeat=True)]))
    journal.close()
    restored = restore(site, folder, tmp_path / "elsewhere", elsewhere, journals=[tmp_path / "disk2"])
    assert restored.ok, restored
    assert (restored.replay.stored, restored.replay.added) == (0, 3)
    database = opened(restored, elsewhere)
    with database.read() as session:
        attempt = session.get_one(Attempt, site.answering)
        rows = session.scalars(
            select(JournalEntry).where(JournalEntry.attempt_id == site.answering).order_by(JournalEntry.client_seq)
        ).all()
        assert [(row.client_seq, row.value, row.standing, row.late_by_ms) for row in rows] == [
            (1, ["x"], "counted", 0), (2, ["y"], "counted", 0), (3, ["z"], "late", 7),
        ]  # fmt: skip
        assert (attempt.answered, attempt.last_seq, attempt.epoch) == (1, 3, 2)
        assert attempt.last_answer_at == STARTS_AT + timedelta(minutes=30, seconds=2)
    database.dispose()


def test_an_entry_the_backup_cannot_place_is_told_and_not_dropped_silently(
    site: Site, tmp_path: Path, elsewhere: str
) -> None:
    folder = site.back_up()
    journal = SecondJournal(tmp_path / "disk2", VAULT, "node-1")
    stranger = dataclasses.replace(a_line(site, 1), attempt_id="f" * 32)
    ended = dataclasses.replace(a_line(site, 9), attempt_id=site.sat.attempts[0].id)
    journal.store([stranger, ended], BatchResult([Outcome("counted"), Outcome("counted")]))
    journal.close()
    restored = restore(site, folder, tmp_path / "elsewhere", elsewhere, journals=[tmp_path / "disk2"])
    assert not restored.ok
    assert len(restored.replay.homeless) == len(restored.replay.contradicted) == 1
    assert restored.examination.wrong_digests == [], "an ended attempt keeps what its digest says"


@files_alone
@pytest.mark.parametrize("damage", ["paper gone", "database changed"])
def test_a_damaged_backup_is_refused_as_a_whole(site: Site, tmp_path: Path, elsewhere: str, damage: str) -> None:
    folder = site.back_up()
    backup = read_backup(folder)
    if damage == "paper gone":
        (folder / "papers" / PAPER_NAME).unlink()
    else:
        content = bytearray(backup.database.read_bytes())
        content[len(content) // 2] ^= 1
        backup.database.write_bytes(content)
    with pytest.raises(InvalidInput, match="BACKUP_DAMAGED"):
        restore(site, folder, tmp_path / "x", elsewhere)
    assert not (tmp_path / "x").exists()


@files_alone
def test_a_path_in_a_manifest_never_leads_outside(site: Site, tmp_path: Path, elsewhere: str) -> None:
    folder = site.back_up()
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"].append(
        {"path": f"../../../{outside.name}", "size": 1, "sha256": hashlib.sha256(b"x").hexdigest(), "mtime_ns": 0}
    )
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidInput, match="BACKUP_DAMAGED"):
        restore(site, folder, tmp_path / "deep" / "x", elsewhere)


def test_a_wrong_digest_or_a_changed_audit_entry_is_found(site: Site, tmp_path: Path, elsewhere: str) -> None:
    with site.uow() as work:
        work.session.get_one(Attempt, site.sat.attempts[0].id).answers_digest = "0" * 64
        work.session.execute(text("UPDATE audit_entry SET subject = 'node:2' WHERE seq = 1"))
    restored = restore(site, site.back_up(), tmp_path / "x", elsewhere)
    assert not restored.ok
    assert restored.examination.wrong_digests == [site.sat.attempts[0].id]
    assert restored.examination.audit_problem == "ENTRY_CHANGED 1"


@files_alone
def test_the_second_backup_links_what_the_first_one_has(site: Site) -> None:
    first = site.back_up()
    site.uow.clock.advance(60)  # type: ignore[attr-defined]
    second = site.back_up()
    papers = [folder / "papers" / PAPER_NAME for folder in (first, second)]
    assert papers[0].stat().st_ino == papers[1].stat().st_ino
    assert papers[0].stat().st_ino != (site.settings.data / "papers" / PAPER_NAME).stat().st_ino
    assert [backup.folder for backup in list_backups(site.settings.backup_store)] == [second, first]


@files_alone
def test_a_nearly_full_disk_takes_no_backup(site: Site) -> None:
    site.settings.disk_stop_percent = 100.0
    with pytest.raises(Unavailable, match="DISK_FULL") as refused:
        site.back_up()
    assert "作答照常保存" in refused.value.message_zh
    assert Room.FULL.rank > Room.LOW.rank


@files_alone
def test_a_failed_backup_leaves_nothing_half_made_and_is_on_record(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk was pulled out")

    monkeypatch.setattr("server.safekeeping.services.make_backup.copy_files", broken)
    with pytest.raises(OSError, match="pulled out"):
        site.back_up()
    assert list(site.settings.backup_store.iterdir()) == []
    with site.uow.read() as session:
        row = latest_keeping(session, "backup_failed")
        assert row is not None
        assert "pulled out" in row.detail["error"]


def test_a_place_without_a_backup_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="BACKUP_NOT_FOUND"):
        read_backup(tmp_path)


def test_the_copy_is_one_file_without_a_log(site: Site) -> None:
    folder = site.back_up()
    if site.uow.database.is_sqlite:
        assert sorted(path.name for path in folder.glob("database*")) == ["database.sqlite3"]
        copy = sqlite3.connect(f"file:{folder / 'database.sqlite3'}?mode=ro", uri=True)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        copy.close()
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, read_backup(folder).database))
