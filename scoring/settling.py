"""Bringing one attempt's score and result up to date inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from scoring.attendance import attendance_at_end
from scoring.computation import Computation, compute, script_of
from scoring.domain.cut_score import is_pass, published_score
from scoring.domain.mark_scheme import MarkScheme
from scoring.domain.markers.base import MarkRule, MultipleRule
from scoring.domain.rounding import Rounding
from scoring.domain.states import RESULT_TRANSITIONS, Attendance, ResultAction, ResultState
from scoring.mark_schemes import ensure_mark_scheme, open_scheme
from scoring.models import AttemptScore, Result
from scoring.models import MarkScheme as MarkSchemeRow
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.ids import new_id
from server.core.state_machine import advance
from server.delivery.models import Attempt
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is published: no score when absent or void. Scores in 1/100 point on the scale of 100."""

    attendance: Attendance
    score: int | None = None
    passed: bool | None = None


class OpenedSchemes:
    """Mark schemes opened during one act, so that 500 attempts decrypt theirs once. Never kept longer."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._by_id: dict[str, MarkScheme] = {}

    def open(self, row: MarkSchemeRow) -> MarkScheme:
        """Keys and rules of one version."""
        if row.id not in self._by_id:
            self._by_id[row.id] = open_scheme(self.vault, row)
        return self._by_id[row.id]


def attendance_of(attempt: Attempt) -> Attendance:
    """How the candidate was present.

    Raises:
        Conflict: `ATTEMPT_NOT_ENDED`.
    """
    attendance = attendance_at_end(attempt.state, attempt.started_at)
    if attendance is None:
        raise Conflict(
            "ATTEMPT_NOT_ENDED",
            "该考生的应试还没有结束，不能计分。",
            "This attempt has not ended; it cannot be scored yet.",
            attempt_id=attempt.id,
            state=attempt.state,
        )
    return attendance


def outcome_of(score: AttemptScore, profile: RuleProfile) -> Outcome:
    """The published score and the pass decision; the profile's one rounding happens here."""
    published = published_score(score.score, score.full_score, Rounding(profile.rounding))
    return Outcome(Attendance.TAKEN, published, is_pass(published, profile.pass_mark))


def scheme_for(work: Work, vault: Vault, attempt: Attempt, actor: Actor) -> MarkSchemeRow:
    """The scheme in force for the attempt's paper, made on first use under the sitting's profile."""
    _, paper_id = script_of(work.session, attempt)
    profile = sitting_profile(work.session, attempt.sitting_id)
    return ensure_mark_scheme(work, vault, paper_id, actor, MarkRule(MultipleRule(profile.multiple_marking)))


def find_score(session: Session, attempt_id: str, scheme_id: str, rule_version: str) -> AttemptScore | None:
    """The stored score of an attempt under one scheme and rule version."""
    return session.scalars(
        select(AttemptScore).where(
            AttemptScore.attempt_id == attempt_id,
            AttemptScore.mark_scheme_id == scheme_id,
            AttemptScore.rule_version == rule_version,
        )
    ).one_or_none()


def store_score(work: Work, attempt: Attempt, scheme_id: str, computation: Computation, actor: Actor) -> AttemptScore:
    """The score as a row; the row that is there already when it says the same.

    Raises:
        Conflict: `SCORE_DIFFERS`: the same inputs gave another score before; nothing is overwritten.
    """
    existing = find_score(work.session, attempt.id, scheme_id, computation.rule_version)
    if existing is not None:
        if existing.digest != computation.digest:
            raise Conflict(
                "SCORE_DIFFERS",
                "重新计算的成绩与已保存的成绩不一致，未作改动，请报告考务负责人。",
                "Computing the score again gave another value than the stored one; nothing was changed. Report it.",
                attempt_id=attempt.id,
            )
        return existing
    row = AttemptScore(
        id=new_id(),
        attempt_id=attempt.id,
        mark_scheme_id=scheme_id,
        rule_version=computation.rule_version,
        answers_digest=computation.answers_digest,
        score=computation.computed.score,
        full_score=computation.computed.full_score,
        marks=computation.computed.marks_document(),
        digest=computation.digest,
        scored_at=work.clock.now(),
    )
    work.session.add(row)
    # The score itself stays out of the log: auditors read it before the release.
    record(
        work,
        actor,
        AuditAction.RESULTS_SCORE_COMPUTED,
        f"attempt:{attempt.id}",
        {"score_id": row.id, "mark_scheme_id": scheme_id, "rule_version": row.rule_version, "digest": row.digest},
    )
    return row


def settle_attempt(work: Work, attempt: Attempt, schemes: OpenedSchemes, actor: Actor) -> Result:
    """Score an ended attempt under the scheme in force and bring its unpublished result up to date.

    A published result is left as it is: only `rescore` amends it. Calling again changes nothing.

    Raises:
        Conflict: `ATTEMPT_NOT_ENDED`, and the refusals of `compute` and `store_score`.
    """
    attendance = attendance_of(attempt)
    profile = sitting_profile(work.session, attempt.sitting_id)
    score: AttemptScore | None = None
    outcome = Outcome(attendance)
    if attendance is Attendance.TAKEN:
        scheme_row = scheme_for(work, schemes.vault, attempt, actor)
        computation = compute(work.session, attempt, schemes.open(scheme_row))
        score = store_score(work, attempt, scheme_row.id, computation, actor)
        outcome = outcome_of(score, profile)
    result = work.session.scalars(select(Result).where(Result.attempt_id == attempt.id).with_for_update()).one_or_none()
    if result is None:
        result = Result(
            id=new_id(),
            attempt_id=attempt.id,
            sitting_id=attempt.sitting_id,
            state=ResultState.PENDING.value,
            attendance=attendance.value,
        )
        work.session.add(result)
    state = ResultState(result.state)
    score_id = score.id if score else None
    is_same = result.score_id == score_id and result.attendance == attendance.value
    if state.is_published or (state is not ResultState.PENDING and is_same):
        return result
    result.state = advance(RESULT_TRANSITIONS, state, ResultAction.SCORE).value
    result.attendance = attendance.value
    result.score_id, result.score, result.passed = score_id, outcome.score, outcome.passed
    result.confirmed_by = result.confirmed_at = None
    work.session.flush()
    record(
        work,
        actor,
        AuditAction.RESULTS_SCORE_SETTLED,
        f"result:{result.id}",
        {"attempt_id": attempt.id, "attendance": attendance.value, "from": state.value, "to": result.state},
    )
    return result
