"""The candidate hands in: not before the earliest moment, once, and for good."""

from __future__ import annotations

from server.core.actor import Actor
from server.core.errors import Conflict
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_rules import may_submit
from server.delivery.ending import EndHow, end_attempt
from server.delivery.models import Attempt
from server.delivery.time_keeping import local_time, read_clock
from server.storage.unit_of_work import UnitOfWork


def submit_attempt(uow: UnitOfWork, attempt_id: str, epoch: int, actor: Actor) -> bool:
    """End the attempt by the candidate's own wish; True if this call did it, False if it had ended before.

    Raises:
        Conflict: `TOO_EARLY_TO_LEAVE` with the moment it opens (SZ-7.3(3)), `NOT_STARTED`, `SUSPENDED`, `SESSION_MOVED`.
    """
    with uow() as work:
        attempt = work.session.get_one(Attempt, attempt_id, with_for_update=True)
        state = AttemptState(attempt.state)
        if state.is_final:
            return False
        if epoch != attempt.epoch:
            raise Conflict("SESSION_MOVED", "您的考试已转到另一台电脑继续。", "Your exam goes on on another computer.")
        if not state.holds_paper:
            raise Conflict("NOT_STARTED", "还没有开始作答，不能交卷。", "Not begun yet; there is nothing to hand in.")
        now = work.clock.now()
        clock = read_clock(work.session, attempt, now)
        if state is AttemptState.SUSPENDED or clock.stands_still:
            raise Conflict("SUSPENDED", "考试已暂停，恢复后才能交卷。", "Suspended; you can hand in when it goes on.")
        if not may_submit(clock, now):
            opens = local_time(clock.earliest_submit_at)
            raise Conflict(
                "TOO_EARLY_TO_LEAVE",
                f"{opens} 起可以交卷，请继续答题或检查。",
                f"Handing in opens at {opens}. Go on answering or check your answers.",
                opens_at=clock.earliest_submit_at.isoformat(),
            )
        return end_attempt(work, attempt, EndHow.SUBMIT, actor)
