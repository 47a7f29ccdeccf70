"""Candidates were heard: stored coarsely, as spans of unbroken presence, so that outages can be read from the data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, insert, select, update

from server.delivery.models import LifeSign
from server.storage.unit_of_work import Work
from server.takeover.domain.outage_rules import THRESHOLDS, Thresholds


def record_life_signs(work: Work, heard: Mapping[str, datetime], limits: Thresholds = THRESHOLDS) -> None:
    """Extend each attempt's presence to the moment it was heard; after a gap a new row begins. One batch of statements.

    Args:
        heard: attempt id → newest moment. An older moment than the stored one changes nothing.
    """
    if not heard:
        return
    newest = (
        select(LifeSign.attempt_id, func.max(LifeSign.since).label("since"))
        .where(LifeSign.attempt_id.in_(list(heard)))
        .group_by(LifeSign.attempt_id)
        .subquery()
    )
    query = select(LifeSign.attempt_id, LifeSign.since, LifeSign.until).join(
        newest, (newest.c.attempt_id == LifeSign.attempt_id) & (newest.c.since == LifeSign.since)
    )
    stored = {attempt_id: (since, until) for attempt_id, since, until in work.session.execute(query)}
    longer, new = [], []
    for attempt_id, moment in sorted(heard.items()):
        since, until = stored.get(attempt_id, (None, None))
        if since is None or until is None or moment - until > limits.presence_gap:
            new.append({"attempt_id": attempt_id, "since": moment, "until": moment})
        elif moment > until:
            longer.append({"attempt_id": attempt_id, "since": since, "until": moment})
    if new:
        work.session.execute(insert(LifeSign), new)
    if longer:
        work.session.execute(update(LifeSign), longer)
