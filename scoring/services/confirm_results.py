"""The exam clerk confirms that a sitting's results are complete."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scoring.domain.canonical import canonical_digest
from scoring.domain.states import RESULT_TRANSITIONS, Attendance, ResultAction, ResultState
from scoring.permissions import require_permission
from scoring.queries import (
    attempts_to_settle,
    results_of_sitting,
    rooms_without_record,
    unfinished_attempts,
)
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.permissions import Permission
from server.core.state_machine import advance
from server.scheduling.queries import require_sitting
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What was confirmed. `rooms_without_record` is a warning, not a refusal."""

    confirmed: int
    already: int
    taken: int
    absent: int
    void: int
    rooms_without_record: tuple[str, ...]


def confirm_results(uow: UnitOfWork, sitting_id: str, actor: Actor) -> Confirmation:
    """Confirm every result of the sitting at once (RS-1). Calling again confirms nothing and says so.

    Raises:
        Forbidden: `FORBIDDEN`: only a role with `results:result:confirm`.
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `RESULTS_INCOMPLETE`: an attempt has not ended or is not scored under the key in force.
    """
    require_permission(actor, Permission.RESULTS_RESULT_CONFIRM)
    with uow() as work:
        session = work.session
        require_sitting(session, sitting_id)
        results = results_of_sitting(session, sitting_id, lock=True)
        unfinished = unfinished_attempts(session, sitting_id)
        unscored = len(attempts_to_settle(session, sitting_id))
        if unfinished or unscored or not results:
            raise Conflict(
                "RESULTS_INCOMPLETE",
                f"成绩还不完整：{unfinished} 人未结束，{unscored} 人未计分。请等全部结束并计分后再确认。",
                f"The results are not complete: {unfinished} not ended, {unscored} not scored. Confirm when all are.",
                unfinished=unfinished,
                unscored=unscored,
            )
        now = work.clock.now()
        fresh = [result for result in results if result.state == ResultState.SCORED]
        for result in fresh:
            result.state = advance(RESULT_TRANSITIONS, ResultState(result.state), ResultAction.CONFIRM).value
            result.confirmed_by, result.confirmed_at = actor.id, now
        counts = Counter(result.attendance for result in results)
        rooms = tuple(rooms_without_record(session, sitting_id))
        if fresh:
            session.flush()
            listed = [[result.id, result.attendance, result.score, result.passed] for result in results]
            record(
                work,
                actor,
                AuditAction.RESULTS_RESULTS_CONFIRMED,
                f"sitting:{sitting_id}",
                {"results": len(fresh), "digest": canonical_digest(listed), "rooms_without_record": list(rooms)},
            )
    return Confirmation(
        confirmed=len(fresh),
        already=len(results) - len(fresh),
        taken=counts[Attendance.TAKEN],
        absent=counts[Attendance.ABSENT],
        void=counts[Attendance.VOID],
        rooms_without_record=rooms,
    )
