"""Compute every stored score again from the answers, and compare."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from scoring.computation import compute
from scoring.domain.attempt_score import RULE_VERSION
from scoring.models import AttemptScore, Result
from scoring.models import MarkScheme as MarkSchemeRow
from scoring.settling import OpenedSchemes, outcome_of
from server.adapters.vault import Vault
from server.core.errors import MingyuanError
from server.delivery.models import Attempt
from server.scheduling.queries import sitting_profile


@dataclass(frozen=True, slots=True)
class Difference:
    """An attempt whose stored score or result is not what its answers say; `code` names the kind."""

    attempt_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Verification:
    """`attempts` = `equal` + `different`; an attempt is equal when all its stored scores and its result are."""

    attempts: int
    equal: int
    differences: tuple[Difference, ...]

    @property
    def different(self) -> int:
        """Attempts with at least one difference."""
        return len(self.differences)


def verify_scores(session: Session, vault: Vault, sitting_id: str | None = None) -> Verification:
    """Every stored score computed again from answers, key version and rule version (P8, MK-7). Reads only."""
    query = select(AttemptScore).join(Attempt, Attempt.id == AttemptScore.attempt_id)
    if sitting_id is not None:
        query = query.where(Attempt.sitting_id == sitting_id)
    schemes = OpenedSchemes(vault)
    attempts: set[str] = set()
    found: dict[str, str] = {}
    for score in session.scalars(query.order_by(AttemptScore.attempt_id, AttemptScore.scored_at)):
        attempts.add(score.attempt_id)
        code = _difference(session, score, schemes)
        if code:
            found.setdefault(score.attempt_id, code)
    differences = tuple(Difference(attempt_id, code) for attempt_id, code in found.items())
    return Verification(len(attempts), len(attempts) - len(differences), differences)


def _difference(session: Session, score: AttemptScore, schemes: OpenedSchemes) -> str:
    attempt = session.get_one(Attempt, score.attempt_id)
    scheme_row = session.get_one(MarkSchemeRow, score.mark_scheme_id)
    if score.rule_version != RULE_VERSION:
        return "RULE_VERSION_UNKNOWN"
    try:
        scheme = schemes.open(scheme_row)
        again = compute(session, attempt, scheme)
    except MingyuanError as refusal:
        return refusal.code
    if scheme.digest != scheme_row.digest:
        return "MARK_SCHEME_CHANGED"
    stored = (score.score, score.full_score, score.marks, score.answers_digest, score.digest)
    computed = again.computed
    if stored != (
        computed.score,
        computed.full_score,
        computed.marks_document(),
        again.answers_digest,
        again.digest,
    ):
        return "SCORE_DIFFERS"
    result = session.scalars(select(Result).where(Result.score_id == score.id)).one_or_none()
    if result is not None:
        outcome = outcome_of(score, sitting_profile(session, result.sitting_id))
        if (result.score, result.passed) != (outcome.score, outcome.passed):
            return "RESULT_DIFFERS"
    return ""
