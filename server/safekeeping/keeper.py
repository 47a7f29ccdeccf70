"""The duties of safekeeping in a serving node: watch the disks, remember the build, copy everything now and then."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

from server.adapters.real_thread import in_real_thread
from server.core.errors import Unavailable
from server.safekeeping.backup_files import Backup, list_backups
from server.safekeeping.disk_watch import LOOK_EVERY_S, DiskWatch
from server.safekeeping.domain.freeze_rules import Build
from server.safekeeping.domain.keeping import KeepingScheme, choose_kept
from server.safekeeping.freeze import note_served
from server.safekeeping.open_sittings import open_sittings
from server.safekeeping.services.make_backup import clear_unfinished, make_backup
from server.settings import Settings
from server.webkit.background import Background
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
ROUND_EVERY_S = 5.0
#: a starting node has better things to do
FIRST_AFTER_S = 20.0
#: a dump reads the whole database anew; meanwhile the standby holds the second copy (ha.md)
LEAST_DUMP_INTERVAL = timedelta(minutes=10)
RETRY_AFTER_S = 60.0
ROLLING = "rolling"


class Keeper:
    """One a process; `leads()` says whether this node does the single-actor duties now."""

    def __init__(self, platform: Platform, build: Build, leads: Callable[[], bool]) -> None:
        self._platform = platform
        self._build = build
        self._leads = leads
        self.disks = DiskWatch(platform)
        self._began = platform.clock.monotonic()
        self._not_before = self._began + FIRST_AFTER_S
        self._taken_at: datetime | None = None

    def start(self, background: Background) -> None:
        """Look at the disks before anything else is done."""
        self.disks.round()
        background.every(LOOK_EVERY_S, "disk-watch", self.disks.round)
        background.every(ROUND_EVERY_S, "safekeeping", self.round)

    def round(self) -> None:
        """What is due."""
        note_served(self._platform.uow, self._platform.settings.node_name, self._build)
        if self._leads() and self._platform.clock.monotonic() >= self._not_before:
            self.back_up_if_due()

    def back_up_if_due(self) -> Backup | None:
        """A rolling backup when the last one is older than the interval; afterwards the scheme decides which ones stay."""
        platform, settings = self._platform, self._platform.settings
        interval = self._interval()
        if not interval:
            return None
        if self._taken_at is None:
            clear_unfinished(settings.backup_store)
            newest = next(iter(in_real_thread(list_backups, settings.backup_store)), None)
            self._taken_at = newest.taken_at if newest else datetime.min.replace(tzinfo=platform.clock.now().tzinfo)
        if platform.clock.now() - self._taken_at < interval:
            return None
        try:
            backup = make_backup(platform.uow, platform.vault, settings, kind=ROLLING)
        except (Unavailable, OSError):
            self._not_before = platform.clock.monotonic() + RETRY_AFTER_S
            raise
        self._taken_at = backup.taken_at
        in_real_thread(tidy, settings, platform.clock.now())
        return backup

    def _interval(self) -> timedelta:
        settings = self._platform.settings
        with self._platform.uow.read() as session:
            is_open = bool(open_sittings(session, self._platform.clock.now()))
        interval = settings.backup_every_open if is_open else settings.backup_every_idle
        if interval and not self._platform.database.is_sqlite:
            interval = max(interval, LEAST_DUMP_INTERVAL)
        return interval


def tidy(settings: Settings, now: datetime) -> list[str]:
    """Remove the rolling backups the scheme does not keep; those made by hand stay. Returns the removed names."""
    rolling = [backup for backup in list_backups(settings.backup_store) if backup.manifest.kind == ROLLING]
    scheme = KeepingScheme(settings.backup_keep_every, settings.backup_keep_hourly, settings.backup_keep_daily)
    kept = choose_kept((backup.taken_at for backup in rolling), now, scheme)
    removed = [backup for backup in rolling if backup.taken_at not in kept]
    for backup in removed:
        shutil.rmtree(backup.folder)
    return [backup.folder.name for backup in removed]
