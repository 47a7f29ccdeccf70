"""Which rolling backups stay: all of the last while, then one an hour, then one a day, always the newest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class KeepingScheme:
    """Ages up to which a backup stays as one of all, of its hour, of its day."""

    every: timedelta
    hourly: timedelta
    daily: timedelta


def choose_kept(moments: Iterable[datetime], now: datetime, scheme: KeepingScheme) -> set[datetime]:
    """The moments (UTC) whose backups stay. Of an hour and of a day the newest one stays.

    A backup from the future (a clock was wrong) stays: it may be the best there is.
    """
    newest_first = sorted(moments, reverse=True)
    kept: set[datetime] = set(newest_first[:1])
    taken: set[tuple[str, str]] = set()
    for moment in newest_first:
        age = now - moment
        if age <= scheme.every:
            kept.add(moment)
        for span, form in ((scheme.hourly, "%Y%m%d%H"), (scheme.daily, "%Y%m%d")):
            slot = (form, moment.strftime(form))
            if age <= span and slot not in taken:
                taken.add(slot)
                kept.add(moment)
    return kept
