"""Guards shared by the use cases that plan a sitting."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.errors import Conflict
from server.scheduling.domain.states import SittingState
from server.scheduling.models import AdmissionTicket, Sitting

#: No sitting lasts longer; bounds the search for those that overlap.
LONGEST_DAY = timedelta(days=1)


def require_planned(sitting: Sitting) -> None:
    """Refuse changes to a sitting that has been published.

    Raises:
        Conflict: `SITTING_NOT_PLANNED`.
    """
    if not SittingState(sitting.state).is_open_for_planning:
        raise Conflict(
            "SITTING_NOT_PLANNED",
            "场次已经发布，名单、座位和规则不能再改动。",
            "The sitting has been published; roster, seats and rules cannot be changed any more.",
            state=sitting.state,
        )


def require_no_tickets(session: Session, sitting_id: str) -> None:
    """Refuse changes that would make tickets wrong: they are printed and in people's hands.

    Raises:
        Conflict: `TICKETS_ISSUED`.
    """
    if session.scalars(select(AdmissionTicket.id).where(AdmissionTicket.sitting_id == sitting_id).limit(1)).first():
        raise Conflict(
            "TICKETS_ISSUED",
            "准考证已生成，名单和座位不能再改动。",
            "Tickets have been issued; roster and seats cannot be changed any more.",
        )


def ends_at(sitting: Sitting) -> datetime:
    """The scheduled end, without anybody's extra time."""
    return sitting.starts_at + timedelta(seconds=sitting.duration_s)


def overlapping_sittings(
    session: Session, starts_at: datetime, duration: timedelta, but_not: str = ""
) -> list[Sitting]:
    """Sittings that are going on at some moment of this span."""
    query = select(Sitting).where(
        Sitting.starts_at < starts_at + duration, Sitting.starts_at > starts_at - LONGEST_DAY, Sitting.id != but_not
    )
    return [sitting for sitting in session.scalars(query) if ends_at(sitting) > starts_at]
