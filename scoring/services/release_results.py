"""A second person releases confirmed results; in the same transaction they are queued for certification."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.domain.canonical import canonical_digest
from scoring.domain.states import RESULT_TRANSITIONS, ResultAction, ResultState
from scoring.hand_over import put_into_outbox
from scoring.permissions import require_permission, require_second_person
from scoring.queries import results_of_sitting, rooms_without_record, unfinished_attempts
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.permissions import Permission
from server.core.state_machine import advance
from server.scheduling.queries import require_sitting
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Release:
    """What was released. `rooms_without_record` is a warning, not a refusal."""

    released: int
    already: int
    rooms_without_record: tuple[str, ...]


def release_results(uow: UnitOfWork, sitting_id: str, actor: Actor) -> Release:
    """Publish every confirmed result of the sitting, all or none (RS-2). Calling again releases nothing.

    Raises:
        Forbidden: `FORBIDDEN`: only a role with `results:result:release`; `SECOND_PERSON_REQUIRED`: whoever
            confirmed does not release.
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `RESULTS_NOT_CONFIRMED`: something is still unfinished or unconfirmed.
    """
    require_permission(actor, Permission.RESULTS_RESULT_RELEASE)
    with uow() as work:
        session = work.session
        require_sitting(session, sitting_id)
        results = results_of_sitting(session, sitting_id, lock=True)
        confirmed = [result for result in results if result.state == ResultState.CONFIRMED]
        waiting = [result for result in results if result.state in (ResultState.PENDING, ResultState.SCORED)]
        unfinished = unfinished_attempts(session, sitting_id)
        if waiting or unfinished or not results:
            raise Conflict(
                "RESULTS_NOT_CONFIRMED",
                f"还有 {len(waiting) + unfinished} 人的成绩未经考务员确认，不能发布。",
                f"{len(waiting) + unfinished} results are not confirmed by the exam clerk; nothing was released.",
                unconfirmed=len(waiting),
                unfinished=unfinished,
            )
        require_second_person(actor, *(result.confirmed_by for result in confirmed))
        now = work.clock.now()
        for result in confirmed:
            result.state = advance(RESULT_TRANSITIONS, ResultState(result.state), ResultAction.RELEASE).value
            result.released_by, result.released_at = actor.id, now
            put_into_outbox(work, result)
        rooms = tuple(rooms_without_record(session, sitting_id))
        if confirmed:
            session.flush()
            listed = [[result.id, result.attendance, result.score, result.passed] for result in results]
            record(
                work,
                actor,
                AuditAction.RESULTS_RESULTS_RELEASED,
                f"sitting:{sitting_id}",
                {"results": len(confirmed), "digest": canonical_digest(listed), "rooms_without_record": list(rooms)},
            )
    return Release(len(confirmed), len(results) - len(confirmed), rooms)
