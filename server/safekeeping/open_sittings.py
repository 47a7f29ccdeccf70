"""Which sittings are open at this moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.safekeeping.domain.freeze_rules import SittingTimes, Standing, judge_sitting
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting, SittingRoom

_MAY_BE_OPEN = (SittingState.PUBLISHED.value, SittingState.ADMITTING.value, SittingState.RUNNING.value)


def open_sittings(session: Session, now: datetime, standing: Standing = Standing.OPEN) -> list[SittingTimes]:
    """Sittings of this standing, earliest first."""
    sittings = session.scalars(select(Sitting).where(Sitting.state.in_(_MAY_BE_OPEN)).order_by(Sitting.starts_at)).all()
    found = []
    for sitting in sittings:
        rooms = session.scalars(select(SittingRoom).where(SittingRoom.sitting_id == sitting.id)).all()
        begun = [room for room in rooms if room.admission_opened_at or room.paper_opened_at]
        times = SittingTimes(
            id=sitting.id,
            name=sitting.name,
            state=sitting.state,
            starts_at=sitting.starts_at,
            duration=timedelta(seconds=sitting.duration_s),
            has_begun=bool(begun),
            has_ended=bool(begun) and all(room.ended_at for room in begun),
        )
        if judge_sitting(times, now) is standing:
            found.append(times)
    return found
