"""The freeze at work: what a starting process is refused, and how an open sitting's build is remembered."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from datetime import datetime

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from server.core.clock import Clock
from server.core.errors import Conflict
from server.safekeeping.domain.freeze_rules import Build, SittingTimes, find_changes
from server.safekeeping.models import FreezeOverride, ServedSitting
from server.safekeeping.open_sittings import open_sittings
from server.scheduling.models import Sitting, SittingRoom
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork

PROGRAM = "mingyuan"
SITTING_TABLE, ROOM_TABLE = Sitting.__tablename__, SittingRoom.__tablename__
#: where things are and who is asked; a failover changes them in mid-exam, and must be able to
ADDRESSES = frozenset({
    "data", "database_url", "redis_url", "host", "port", "public_origins", "node_name", "node_addresses",
    "master_key_file", "second_journal", "backup_folder", "certification_url", "certification_folder",
})  # fmt: skip
_WORDS = {
    "migration": ("数据库结构升级", "a migration of the database"),
    "version": ("程序版本变更", "another version of the program"),
    "revision": ("数据库结构变更", "another schema"),
    "settings": ("设置变更", "changed settings"),
}


def build_of(settings: Settings, revision: str) -> Build:
    """What this process is, as far as the freeze is concerned."""
    behaviour = settings.model_dump(mode="json", exclude=set(ADDRESSES))
    # a setting that a newer version adds with its default is no change of settings
    text = json.dumps(
        {name: value for name, value in behaviour.items() if name in settings.model_fields_set}, sort_keys=True
    )
    return Build(importlib.metadata.version(PROGRAM), revision, hashlib.sha256(text.encode()).hexdigest())


def check_start(
    database: Database, settings: Settings, clock: Clock, *, revision: str | None, head: str, serving: bool
) -> None:
    """Refuse what would change the system under an open sitting; asked before any migration runs.

    Args:
        revision: the database's present schema, None when it is empty; head: what this program brings.
        serving: also compare the build with the one the open sittings are served with.

    Raises:
        Conflict: `FROZEN`, with what differs and which sittings are open.
    """
    if revision is None or (revision == head and not serving):
        return
    tables = set(inspect(database.engine).get_table_names())
    if not {SITTING_TABLE, ROOM_TABLE} <= tables:
        return
    with database.read() as session:
        now = clock.now()
        sittings = open_sittings(session, now)
        if not sittings or (FreezeOverride.__tablename__ in tables and active_override(session, now) is not None):
            return
        changes = ["migration"] if revision != head else []
        if serving and ServedSitting.__tablename__ in tables:
            served = _served(session, sittings)
            changes += find_changes(build_of(settings, head), served, settings.node_name)
    if changes:
        raise _frozen(changes, sittings)


def require_unfrozen(session: Session, now: datetime, words_zh: str, words_en: str) -> None:
    """Refuse a command that must not run while a sitting is open.

    Raises:
        Conflict: `FROZEN`.
    """
    sittings = open_sittings(session, now)
    if sittings and active_override(session, now) is None:
        raise _frozen([], sittings, (words_zh, words_en))


def active_override(session: Session, now: datetime) -> FreezeOverride | None:
    """The override in force, if any."""
    query = select(FreezeOverride).where(FreezeOverride.at <= now, FreezeOverride.expires_at > now)
    return session.scalars(query.order_by(FreezeOverride.expires_at.desc())).first()


def note_served(uow: UnitOfWork, node_name: str, build: Build) -> int:
    """Remember for every open sitting with what this node serves it; an override lets the new build stand.

    Returns: how many rows were written.
    """
    written = 0
    now = uow.clock.now()
    with uow.read() as session:
        sittings = open_sittings(session, now)
        known = {one.sitting_id: one for one in _rows(session, sittings) if one.node_name == node_name}
        overridden = bool(sittings) and active_override(session, now) is not None
    todo = [one.id for one in sittings if one.id not in known or (overridden and _build_of(known[one.id]) != build)]
    if not todo:
        return 0
    with uow() as work:
        for sitting_id in todo:
            row = work.session.get(ServedSitting, (sitting_id, node_name))
            if row is None:
                row = ServedSitting(sitting_id=sitting_id, node_name=node_name)
                work.session.add(row)
            row.version, row.revision, row.settings_digest = build.version, build.revision, build.settings_digest
            row.at = now
            written += 1
    return written


def _served(session: Session, sittings: list[SittingTimes]) -> list[tuple[str, Build]]:
    return [(row.node_name, _build_of(row)) for row in _rows(session, sittings)]


def _rows(session: Session, sittings: list[SittingTimes]) -> list[ServedSitting]:
    query = select(ServedSitting).where(ServedSitting.sitting_id.in_([one.id for one in sittings]))
    return list(session.scalars(query))


def _build_of(row: ServedSitting) -> Build:
    return Build(row.version, row.revision, row.settings_digest)


def _frozen(changes: list[str], sittings: list[SittingTimes], words: tuple[str, str] | None = None) -> Conflict:
    zh = words[0] if words else "、".join(_WORDS[change][0] for change in changes)
    en = words[1] if words else ", ".join(_WORDS[change][1] for change in changes)
    names = "、".join(one.name for one in sittings)
    return Conflict(
        "FROZEN",
        f"有场次正在进行（{names}），系统已冻结，拒绝：{zh}。请等场次结束；确有必要时由两名负责人执行 mingyuan freeze lift。",
        f"A sitting is open, the system is frozen and refuses {en}. Wait until it has ended; if it cannot wait, two "
        "responsible people run mingyuan freeze lift.",
        changes=changes,
        sittings=[one.id for one in sittings],
    )
