"""Make the standby the primary, when a person has decided it and the old primary is proven off."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import func, select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Unavailable
from server.delivery.models import JournalEntry
from server.storage import postgres_control
from server.storage.postgres_connection import read_address
from server.storage.postgres_control import OtherServer, ServerView
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.promotion import Situation, find_obstacle
from server.takeover.domain.replication import Standing
from server.takeover.models import Node

log = logging.getLogger(__name__)
FENCE_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a person sees before deciding. The last beat is the last moment this standby knows of."""

    standby: ServerView
    others: list[OtherServer]
    last_beat_at: datetime | None
    last_answer_at: datetime | None
    last_standing: Standing | None


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was done: it writes, and the entry in the audit log proves it."""

    fenced_by: str
    cleared_names: str
    audit_seq: int


def look_ahead(uow: UnitOfWork, standby_address: str, database_url: str, last_standing: Standing | None) -> Outlook:
    """Look at the standby and at every configured server; changes nothing.

    Raises:
        Unavailable: `STANDBY_UNREACHABLE`.
    """
    try:
        with postgres_control.administrating(standby_address) as connection:
            view = postgres_control.look(connection)
    except psycopg.OperationalError as error:
        raise Unavailable(
            "STANDBY_UNREACHABLE",
            "连不上本机的备库，请确认 PostgreSQL 在运行、--standby 地址和用户正确。",
            f"The standby cannot be reached: {error}",
        ) from error
    with uow.read() as session:
        last_beat_at = session.scalar(select(func.max(Node.beat_at)))
        last_answer_at = session.scalar(select(func.max(JournalEntry.received_at)))
    others = postgres_control.ask_others(read_address(database_url))
    return Outlook(view, others, last_beat_at, last_answer_at, last_standing)


def fence(command: Sequence[str]) -> str:
    """Switch the old primary off by the site's own command; returns how, for the record.

    Raises:
        Conflict: `FENCING_FAILED`: it did not end well, so nothing is proven.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the site's own command, from its settings
            list(command), capture_output=True, text=True, timeout=FENCE_WITHIN_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _fencing_failed(str(error)) from error
    if done.returncode != 0:
        raise _fencing_failed((done.stderr or done.stdout)[-300:])
    return f"command {command[0]}"


def promote_standby(
    uow: UnitOfWork,
    standby_address: str,
    outlook: Outlook,
    actor: Actor,
    *,
    fenced_by: str,
    accepts_loss: bool,
    reason: str = "",
) -> Promotion:
    """Promote, forget the old `synchronous_standby_names`, prove by the audit entry that it writes.

    Args:
        uow: on the standby itself.
        outlook: taken after the fencing.

    Raises:
        Conflict: `NOT_A_STANDBY`, `PRIMARY_STILL_WRITES`, `OLD_PRIMARY_NOT_FENCED`, `STANDBY_MAY_MISS_ANSWERS`.
        Unavailable: `PROMOTION_FAILED`.
    """
    obstacle = find_obstacle(
        Situation(
            in_recovery=outlook.standby.in_recovery,
            others=[(f"{other.host}:{other.port}", other.state) for other in outlook.others],
            fenced_by=fenced_by,
            last_standing=outlook.last_standing,
            accepts_loss=accepts_loss,
        )
    )
    if obstacle is not None:
        raise obstacle
    try:
        with postgres_control.administrating(standby_address) as connection:
            # Before the promotion: its first commit would wait for a standby that is the dead primary's name for it.
            postgres_control.wait_for_nobody(connection)
            postgres_control.promote(connection)
    except (RuntimeError, psycopg.Error) as error:
        raise Unavailable(
            "PROMOTION_FAILED", "提升没有成功，请看数据库日志。", f"The promotion did not succeed: {error}"
        ) from error
    uow.database.dispose()  # connections made while it was a standby
    seen = outlook.standby
    detail = {
        "fenced_by": fenced_by,
        "cleared_names": seen.names,
        "replay_lsn": seen.replay_lsn or "",
        "last_beat_at": outlook.last_beat_at.isoformat() if outlook.last_beat_at else "",
        "last_standing": str(outlook.last_standing or ""),
        "accepts_loss": accepts_loss,
        "others": [f"{other.host}:{other.port} {other.state}" for other in outlook.others],
    }
    with uow() as work:
        entry = record(work, actor, AuditAction.TAKEOVER_NODE_PROMOTED, "database:standby", detail, reason)
    return Promotion(fenced_by, seen.names, entry.seq)


def _fencing_failed(words: str) -> Conflict:
    return Conflict(
        "FENCING_FAILED",
        "隔离命令没有成功，旧主库可能仍在运行，不能提升。请当面断电后用 --old-primary-is-off。",
        f"The fencing command failed; the old primary may be running: {words}",
    )
