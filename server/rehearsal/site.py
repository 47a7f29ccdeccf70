"""A site for a rehearsal: rooms, made-up candidates, tickets, sealed bags, and a day whose start is near.

The sitting is marked as a rehearsal 模拟考; nobody confirms or releases its results.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import server.schema  # noqa: F401 - every folder's tables
from server.adapters.vault import Vault
from server.core.bus import InProcessBus
from server.core.clock import SystemClock
from server.core.ids import new_id
from server.migrations import upgrade
from server.rehearsal.demo_site import DemoDay, DemoSite, prepare_demo
from server.scheduling.domain.rule_profile import RuleProfile, load_profile
from server.settings import load_settings
from server.storage.database import Database
from server.webkit.platform import Platform

#: wall time from the making of the day to the start: something for the gates; for each candidate 40 ms of tickets and
#: sealing, which come after it, and 60 ms of signing in
BEFORE_START, BEFORE_START_EACH = timedelta(seconds=8), timedelta(milliseconds=100)
#: how the time before the start is shared: notes read, paper opened
NOTES_SHARE, OPEN_SHARE = 0.8, 0.6
#: the exam goes on so long after the answering
AFTER_THE_LOAD = timedelta(minutes=10)


@dataclass
class RehearsalSite:
    """What a load run needs: where the data lie, the platform over them, the sitting with its people."""

    data: Path
    database_url: str
    platform: Platform
    demo: DemoSite

    @property
    def sitting_id(self) -> str:
        """The rehearsal's own sitting."""
        return self.demo.sitting_id

    @property
    def day(self) -> DemoDay:
        """When it starts, how long it lasts, by which rules."""
        return self.demo.day

    def close(self) -> None:
        """Close the database; the data stay."""
        self.platform.database.dispose()


def open_site_platform(data: Path, database_url: str = "") -> Platform:
    """The platform over a data folder in any process, also one whose sockets are not cooperative (it serves nobody)."""
    settings = load_settings(data, **({"database_url": database_url} if database_url else {}))
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.effective_database_url)
    upgrade(database)
    vault = Vault.load_or_create(settings.master_key_file or settings.data / "keys" / "master.key")
    return Platform(settings, SystemClock(), database, InProcessBus(), vault, new_id(), threading.Event())


def rehearsal_day(
    now: datetime, before_start: timedelta, duration: timedelta, changes: Mapping[str, Any] | None = None
) -> DemoDay:
    """The default profile in real time, with every gate before the start within `before_start`.

    Args:
        changes: fields of the profile that are wanted otherwise.
    """
    profile: RuleProfile = dataclasses.replace(
        load_profile("default"),
        report_before=before_start,
        paper_fetch_before=before_start,
        admission_opens_before=before_start,
        notes_read_before=timedelta(seconds=round(before_start.total_seconds() * NOTES_SHARE)),
        paper_open_before=timedelta(seconds=round(before_start.total_seconds() * OPEN_SHARE)),
    )
    profile = dataclasses.replace(
        profile,
        earliest_submission_after=timedelta(seconds=1),
        late_entry_within=max(timedelta(seconds=1), duration / 2),
        warning_before_end=min(profile.warning_before_end, duration / 4),
    )
    if changes:
        profile = dataclasses.replace(profile, **changes)
    return DemoDay(now + before_start, duration, profile)


def prepare_site(
    data: Path,
    candidates: int,
    *,
    database_url: str = "",
    duration: timedelta = timedelta(minutes=30),
    before_start: timedelta | None = None,
    profile: Mapping[str, Any] | None = None,
    make_day: Callable[[datetime], DemoDay] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> RehearsalSite:
    """Set everything up; the start lies `before_start` after the return. Start the servers *before*: that takes seconds.

    A second call on the same data makes another sitting with other people.

    Args:
        database_url: empty: SQLite in the data folder.
        duration: of the exam; the load must end before it does.
        before_start: default: enough for the gates and for everybody to sign in.
        profile: fields of the rule profile that are wanted otherwise.
        make_day: another day altogether, made from the moment all is ready.
    """
    before = before_start or BEFORE_START + candidates * BEFORE_START_EACH
    before = timedelta(seconds=round(before.total_seconds()))
    platform = open_site_platform(data, database_url)

    def day() -> DemoDay:
        now = platform.clock.now()
        return make_day(now) if make_day is not None else rehearsal_day(now, before, duration, profile)

    try:
        # sealing and the like follow the making of the day; it must not eat the time before the start
        demo = prepare_demo(platform, candidates, day, progress)
    except BaseException:
        platform.database.dispose()
        raise
    return RehearsalSite(data, database_url, platform, demo)
