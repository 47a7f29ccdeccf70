"""The restore drill: the newest backup into a folder of its own, a server on it, a log-in, a candidate's state, the time."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from sqlalchemy import select

from server.accounts.services.create_account import create_account
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.bus import InProcessBus
from server.core.errors import NotFound
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.rehearsal.server_process import ServerDidNotStart, ServerProcess, free_port
from server.rehearsal.staff import StaffMember, StaffRefused
from server.safekeeping.backup_files import list_backups
from server.safekeeping.domain.readiness import DRILL_GOAL
from server.safekeeping.records import note_keeping
from server.safekeeping.services.restore_backup import restore_backup
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.webkit.platform import Platform

LOGIN = "restore-drill"


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """How the drill went; `seconds` from the first byte to the answer of the restored server."""

    ok: bool
    seconds: float
    backup: str
    newest_answer_at: str | None
    candidates_checked: int
    words_zh: str
    words_en: str


def run_drill(platform: Platform, source: Path | None = None, *, database_url: str = "") -> DrillOutcome:
    """Restore, start, sign in, compare; whatever was made is removed, and the outcome is on record.

    Raises:
        NotFound: `BACKUP_NOT_FOUND`: there is nothing to restore.
        InvalidInput: as `restore_backup`.
    """
    newest = next(iter(list_backups(platform.settings.backup_store)), None)
    place = source or (newest.folder if newest else None)
    if place is None:
        raise NotFound("BACKUP_NOT_FOUND", "还没有备份可供演练。", "There is no backup to try.")
    key_file = platform.settings.master_key_file or platform.settings.data / "keys" / "master.key"
    folder = Path(tempfile.mkdtemp(prefix="mingyuan-drill-"))
    began = time.monotonic()
    node: ServerProcess | None = None
    try:
        restored = restore_backup(
            place,
            folder / "data",
            database_url=database_url,
            key_file=key_file,
            with_settings=False,
            clock=platform.clock,
        )
        database = Database(database_url or f"sqlite:///{folder / 'data' / 'mingyuan.db'}")
        try:
            password = secrets.token_urlsafe(24)
            uow = UnitOfWork(database, InProcessBus(), platform.clock)
            create_account(uow, LOGIN, "恢复演练", [Role.OFFICE_HEAD], password, SYSTEM)
            node = ServerProcess(folder / "data", "127.0.0.1", free_port(), _environment(database_url))
            node.start()
            checked, differs = _compare(node.base_url, password, uow)
        finally:
            database.dispose()
        ok = restored.ok and not differs
        words = ("核对一致", "everything agrees") if ok else ("核对不一致", "something does not agree")
        newest_at = restored.examination.newest_answer_at
    except (ServerDidNotStart, StaffRefused, httpx.HTTPError, OSError) as error:
        ok, checked, newest_at = False, 0, None
        words = (f"没有完成：{str(error)[-300:]}", f"not finished: {str(error)[-300:]}")
    finally:
        if node is not None:
            node.stop()
        seconds = time.monotonic() - began
        shutil.rmtree(folder, ignore_errors=True)
    if ok and seconds > DRILL_GOAL.total_seconds():
        words = (f"{words[0]}，但超过 15 分钟的目标", f"{words[1]}, but it took more than the goal of 15 min")
    outcome = DrillOutcome(ok, round(seconds, 2), str(place), newest_at, checked, *words)
    _note(platform, outcome)
    return outcome


def _environment(database_url: str) -> dict[str, str]:
    """Nothing of the real node reaches the tried one: no deliveries, no Redis, no second journal."""
    for name in [name for name in os.environ if name.startswith("MINGYUAN_")]:
        del os.environ[name]
    quiet = {"MINGYUAN_BACKUP_EVERY_OPEN": "0", "MINGYUAN_BACKUP_EVERY_IDLE": "0", "MINGYUAN_NODE_NAME": "drill"}
    return {**quiet, **({"MINGYUAN_DATABASE_URL": database_url} if database_url else {})}


def _compare(base_url: str, password: str, uow: UnitOfWork) -> tuple[int, int]:
    """Candidates the restored server shows on its boards, and how many of them differ from the database."""
    person = StaffMember(base_url, LOGIN, password)
    checked = differs = 0
    try:
        with uow.read() as session:
            attempts = session.execute(
                select(Attempt.id, Attempt.sitting_id, Attempt.room_id, Attempt.answered, Attempt.state)
            ).all()
        for sitting_id, room_id in sorted({(one.sitting_id, one.room_id) for one in attempts}):
            shown = {
                status["attempt_id"]: status["answered"]
                for status in person.board(sitting_id, room_id)["statuses"]
                if status.get("attempt_id")
            }
            for one in attempts:
                if one.id in shown:
                    checked += 1
                    differs += shown[one.id] != one.answered
    finally:
        person.close()
    return checked, differs


def _note(platform: Platform, outcome: DrillOutcome) -> None:
    now = platform.clock.now()
    detail = asdict(outcome)
    note_keeping(
        platform.uow, platform.settings.node_name, "drill", now, ok=outcome.ok, place=outcome.backup, detail=detail
    )
    with platform.uow() as work:
        record(
            work, SYSTEM, AuditAction.SAFEKEEPING_RESTORE_DRILLED, f"backup:{Path(outcome.backup).name[:60]}",
            {"ok": outcome.ok, "seconds": outcome.seconds, "candidates": outcome.candidates_checked},
        )  # fmt: skip
