"""Score a sitting again under the key in force, and amend what was already published."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from scoring.attendance import attendance_at_end
from scoring.computation import compute, script_of
from scoring.domain.cut_score import is_pass, published_score
from scoring.domain.rounding import Rounding
from scoring.domain.states import RESULT_TRANSITIONS, Attendance, ResultAction, ResultState
from scoring.hand_over import put_into_outbox
from scoring.mark_schemes import scheme_in_force
from scoring.models import Result
from scoring.permissions import require_permission, require_reason
from scoring.queries import not_published, results_of_sitting
from scoring.settling import OpenedSchemes, outcome_of, scheme_for, settle_attempt, store_score
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.permissions import Permission, may
from server.core.state_machine import advance
from server.delivery.models import Attempt
from server.scheduling.queries import require_sitting, sitting_profile
from server.storage.unit_of_work import UnitOfWork, Work


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """One candidate whose score changes; scores in 1/100 point on the scale of 100."""

    attempt_id: str
    before: int | None
    after: int | None
    passed_before: bool | None
    passed_after: bool | None

    @property
    def changes_side(self) -> bool:
        """From fail to pass, or from pass to fail."""
        return self.passed_before != self.passed_after


@dataclass(frozen=True, slots=True)
class Rescoring:
    """Who changes, and how many published results were amended and queued again."""

    changes: tuple[ScoreChange, ...]
    amended: int


def preview_rescore(session: Session, vault: Vault, sitting_id: str, actor: Actor) -> tuple[ScoreChange, ...]:
    """Who would change under the key in force. Nothing is stored.

    Raises:
        Forbidden: `NOT_PUBLISHED`: only a role with `results:result:confirm` or `results:result:release`.
        NotFound: `SITTING_NOT_FOUND`.
    """
    deciding = (Permission.RESULTS_RESULT_CONFIRM, Permission.RESULTS_RESULT_RELEASE)
    if not any(may(actor.role, permission) for permission in deciding):
        raise not_published()
    require_sitting(session, sitting_id)
    profile = sitting_profile(session, sitting_id)
    schemes = OpenedSchemes(vault)
    changes = []
    for result in results_of_sitting(session, sitting_id):
        if result.attendance != Attendance.TAKEN:
            continue
        attempt = session.get_one(Attempt, result.attempt_id)
        scheme_row = scheme_in_force(session, script_of(session, attempt)[1])
        if scheme_row is None:
            continue
        computed = compute(session, attempt, schemes.open(scheme_row)).computed
        after = published_score(computed.score, computed.full_score, Rounding(profile.rounding))
        if after != result.score:
            passed = is_pass(after, profile.pass_mark)
            changes.append(ScoreChange(attempt.id, result.score, after, result.passed, passed))
    return tuple(changes)


def rescore(uow: UnitOfWork, vault: Vault, sitting_id: str, reason: str, actor: Actor) -> Rescoring:
    """Bring every result of the sitting up to the key in force, all or none; answers stay untouched.

    Unpublished results fall back to `scored` and are confirmed anew. A published result whose outcome changes becomes
    `amended`, its revision rises and it is queued for certification once more. The two people of this act are those
    of the key's correction.

    Raises:
        Forbidden: `FORBIDDEN`: only a role with `results:result:release`.
        InvalidInput: `REASON_REQUIRED`.
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: the refusals of `settle_attempt`.
    """
    require_permission(actor, Permission.RESULTS_RESULT_RELEASE)
    reason = require_reason(reason)
    with uow() as work:
        require_sitting(work.session, sitting_id)
        schemes = OpenedSchemes(vault)
        changes = []
        amended = 0
        for result in results_of_sitting(work.session, sitting_id, lock=True):
            before, passed_before = result.score, result.passed
            attempt = work.session.get_one(Attempt, result.attempt_id)
            if ResultState(result.state).is_published:
                amended += _amend(work, result, attempt, schemes, reason, actor)
            else:
                settle_attempt(work, attempt, schemes, actor)
            if (before, passed_before) != (result.score, result.passed):
                changes.append(ScoreChange(attempt.id, before, result.score, passed_before, result.passed))
    return Rescoring(tuple(changes), amended)


def _amend(work: Work, result: Result, attempt: Attempt, schemes: OpenedSchemes, reason: str, actor: Actor) -> bool:
    # A candidate voided after the release is a withdrawal, which has its own procedure (RS-5); only scores change here.
    is_taken = attendance_at_end(attempt.state, attempt.started_at) is Attendance.TAKEN
    if result.attendance != Attendance.TAKEN or not is_taken:
        return False
    scheme_row = scheme_for(work, schemes.vault, attempt, actor)
    score = store_score(work, attempt, scheme_row.id, compute(work.session, attempt, schemes.open(scheme_row)), actor)
    outcome = outcome_of(score, sitting_profile(work.session, attempt.sitting_id))
    is_changed = (outcome.score, outcome.passed) != (result.score, result.passed)
    result.score_id = score.id
    if not is_changed:
        return False
    before = result.state
    result.state = advance(RESULT_TRANSITIONS, ResultState(before), ResultAction.AMEND).value
    result.score, result.passed = outcome.score, outcome.passed
    result.revision += 1
    work.session.flush()
    put_into_outbox(work, result)
    record(
        work,
        actor,
        AuditAction.RESULTS_RESULTS_AMENDED,
        f"result:{result.id}",
        {"attempt_id": attempt.id, "from": before, "to": result.state, "revision": result.revision,
         "mark_scheme_id": scheme_row.id},
        reason,
    )  # fmt: skip
    return True
