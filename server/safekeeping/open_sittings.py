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
    """Sittings of this standing, earliest first. Reads few columns, so that an older schema can be asked as well."""
    sittings = session.execute(
        select(Sitting.id, Sitting.name, Sitting.state, Sitting.starts_at, Sitting.duration_s)
        .where(Sitting.state.in_(_MAY_BE_OPEN))
        .order_by(Sitting.starts_at, Sitting.id)
    ).all()
    gates = session.execute(
        select(
            SittingRoom.sitting_id, SittingRoom.admission_opened_at, SittingRoom.paper_opened_at, SittingRoom.ended_at
        ).where(SittingRoom.sitting_id.in_([sitting.id for sitting in sittings]))
    ).all()
    found = []
    for sitting in sittings:
        begun = [gate for gate in gates if gate.sitting_id == sitting.id and (gate[1] or gate[2])]
        times = SittingTimes(
            id=sitting.id,
            name=sitting.name,
            state=sitting.state,
            starts_at=sitting.starts_at,
            duration=timedelta(seconds=sitting.duration_s),
            has_begun=bool(begun),
            has_ended=bool(begun) and all(gate.ended_at for gate in begun),
        )
        if judge_sitting(times, now) is standing:
            found.append(times)
    return found
