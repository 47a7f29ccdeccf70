"""Watches whether commits come back and whether the synchronous standby is there; tells the rooms when they do not.

Asking and judging are two threads: the question may hang with the database, the judgement must not.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from server.core.events import AlarmRaised
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting, SittingRoom
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.replication import (
    HANGS_AFTER_S,
    ReplicationView,
    Standing,
    Trouble,
    find_troubles,
    judge_standing,
)
from server.webkit.background import Background

log = logging.getLogger(__name__)
LOOK_EVERY_S = 2.0
#: boards keep such an alarm for a minute
TELL_AGAIN_S = 15.0
FILE_NAME = "replication.json"
ALARMING = frozenset({Trouble.STANDBY_LOST, Trouble.COMMITS_HANG, Trouble.NOT_DURABLE})

# Rows of other users' standbys are hidden from a role without pg_monitor: then the state is NULL.
_LOOK = text("""
    SELECT current_setting('synchronous_standby_names'),
           (SELECT CASE WHEN count(*) FILTER (WHERE sync_state IS NULL) > 0 THEN NULL
                        ELSE count(*) FILTER (WHERE sync_state IN ('sync', 'quorum') AND state = 'streaming') END
              FROM pg_stat_replication),
           current_setting('synchronous_commit')
""")


class StandbyWatch:
    """One a process; on SQLite there is nothing to watch."""

    def __init__(self, uow: UnitOfWork, data: Path, *, expects_standby: bool, stopping: threading.Event) -> None:
        self._uow = uow
        self._file = data / FILE_NAME
        self._expects_standby = expects_standby
        self._stopping = stopping
        self._view: ReplicationView | None = None
        self._looked_at = uow.clock.monotonic()
        self._told_at = -TELL_AGAIN_S
        self._last: list[Trouble] = []
        self._rooms: list[tuple[str, str]] = []
        self._written: tuple[str, datetime] | None = None

    def start(self, background: Background) -> None:
        """Begin watching."""
        if self._uow.database.is_sqlite:
            return
        background.every(LOOK_EVERY_S, "standby-look", self.look)
        background.every(1.0, "standby-judge", self.judge)

    def look(self) -> None:
        """Ask the database; may take long, or fail."""
        try:
            with self._uow.read() as session:
                names, synchronous, synchronous_commit = session.execute(_LOOK).one()
                self._rooms = [(sitting_id, room_id) for sitting_id, room_id in session.execute(_RUNNING_ROOMS)]
        except SQLAlchemyError as error:
            self._view = None
            log.warning("the database could not be asked about its standby: %s", type(error).__name__)
            return
        self._view = ReplicationView(names, synchronous, synchronous_commit)
        self._looked_at = self._uow.clock.monotonic()
        self._keep(judge_standing(self._view, expects_standby=self._expects_standby))

    def judge(self) -> list[Trouble]:
        """Tell what is wrong: once to the log, again and again to the boards of running rooms."""
        found = self.troubles()
        if found != self._last:
            log.log(logging.ERROR if found else logging.INFO, "the database: %s", ", ".join(found) or "all is well")
            self._last = found
        now = self._uow.clock.monotonic()
        if not ALARMING & set(found):
            self._told_at = now - TELL_AGAIN_S
        elif now - self._told_at >= TELL_AGAIN_S:
            self._told_at = now
            for sitting_id, room_id in self._rooms:
                self._uow.bus.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind="storage"))
        return found

    def troubles(self) -> list[Trouble]:
        """At this moment."""
        return find_troubles(
            self.view(), expects_standby=self._expects_standby, longest_commit_s=self._uow.database.commits.longest_s()
        )

    def view(self) -> ReplicationView | None:
        """What was last seen, unless that is too long ago."""
        is_fresh = self._uow.clock.monotonic() - self._looked_at < LOOK_EVERY_S + HANGS_AFTER_S
        return self._view if is_fresh else None

    def standing(self) -> Standing:
        """How answers are kept."""
        if self._uow.database.is_sqlite:
            return Standing.ALONE
        return judge_standing(self.view(), expects_standby=self._expects_standby)

    def commits_hang(self) -> bool:
        """Whoever wants to write now would wait for nobody knows how long."""
        return self._uow.database.commits.longest_s() > HANGS_AFTER_S

    def _keep(self, standing: Standing) -> None:
        """On this machine's own disk: whoever promotes the standby here must know whether it can have everything."""
        now = self._uow.clock.now()
        if self._written is not None and self._written[0] == standing and (now - self._written[1]).total_seconds() < 10:
            return
        self._written = (standing, now)
        line = json.dumps({"standing": standing.value, "seen_at": now.isoformat()})
        fresh = self._file.with_suffix(f".{threading.get_ident()}.new")
        fresh.write_text(line + "\n", encoding="utf-8")
        fresh.replace(self._file)


def last_seen_standing(data: Path) -> dict[str, Any] | None:
    """What a node of this machine saw last: `{"standing", "seen_at"}`; None when none ever looked."""
    try:
        found: dict[str, Any] = json.loads((data / FILE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


_RUNNING_ROOMS = (
    select(SittingRoom.sitting_id, SittingRoom.room_id)
    .join(Sitting, Sitting.id == SittingRoom.sitting_id)
    .where(Sitting.state.in_([SittingState.ADMITTING.value, SittingState.RUNNING.value]))
)
