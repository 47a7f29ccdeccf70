"""The deadline sweeper's work: whose time and grace are over is finalised; a time-out counts as a submission.

Two things are waited for, because an ended attempt takes neither answers nor time: a proctor's decision about lost time
that would move the end past this moment, and, up to the profile's `presence_red_after`, a silent PC that is known to
hold answers (after that its silence is an interruption on record, and waits for the proctor like any other).

Acceptance never depends on this: the writer judges by the moment of receipt. Repeating it, or two nodes doing it at
once, does no harm.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.actor import SYSTEM
from server.delivery.domain.states import AttemptState
from server.delivery.ending import EndHow, end_attempt
from server.delivery.models import Attempt
from server.delivery.time_keeping import may_still_gain, read_clock
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import UnitOfWork

#: answers received in the last moment of the grace have left the writer's queue by then
SETTLING = timedelta(seconds=1)
BATCH = 50


def close_overdue(uow: UnitOfWork) -> int:
    """End every attempt whose deadline and network grace have passed; returns how many."""
    now = uow.clock.now()
    with uow.read() as session:
        candidates = session.execute(
            select(Attempt.id, Attempt.sitting_id, Attempt.deadline_at)
            .where(
                Attempt.deadline_at <= now - SETTLING,
                Attempt.state.in_([AttemptState.ADMITTED.value, AttemptState.ANSWERING.value]),
            )
            .order_by(Attempt.id)
        ).all()
        grace = {row.sitting_id: sitting_profile(session, row.sitting_id).network_grace for row in candidates}
    due = [row.id for row in candidates if row.deadline_at + grace[row.sitting_id] + SETTLING <= now]
    ended = 0
    for start in range(0, len(due), BATCH):
        with uow() as work:
            for attempt_id in due[start : start + BATCH]:
                attempt = work.session.get_one(Attempt, attempt_id, with_for_update=True, populate_existing=True)
                clock = read_clock(work.session, attempt, work.clock.now())
                if clock.stands_still or clock.remaining > timedelta(0):
                    continue  # the ledger moved meanwhile
                if _is_waited_for(work.session, attempt, work.clock.now()):
                    continue
                ended += end_attempt(work, attempt, EndHow.TIMEOUT, SYSTEM)
    return ended


def _is_waited_for(session: Session, attempt: Attempt, now: datetime) -> bool:
    if attempt.state != AttemptState.ANSWERING:
        return False
    if attempt.unsent and attempt.last_seen_at is not None and attempt.deadline_at is not None:
        profile = sitting_profile(session, attempt.sitting_id)
        is_silent = attempt.last_seen_at < attempt.deadline_at + profile.network_grace
        # one round more, so that the silence is on record before this wait ends
        if is_silent and now <= attempt.last_seen_at + profile.presence_red_after + SETTLING:
            return True
    return may_still_gain(session, attempt, now)
