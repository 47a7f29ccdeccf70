"""From stored rows to a computed score. Used to score, to score again and to verify: one way for all three."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from itembank.models import Package, Script
from itembank.queries import script_layout
from scoring.domain.attempt_score import (
    RULE_VERSION,
    ComputedScore,
    FormItem,
    canonical_answers,
    score_answers,
    score_digest,
)
from scoring.domain.mark_scheme import MarkScheme
from server.core.errors import Conflict
from server.delivery.models import Attempt
from server.delivery.queries import answers_digest, counted_responses


@dataclass(frozen=True, slots=True)
class Computation:
    """A computed score with all it depends on."""

    computed: ComputedScore
    answers_digest: str
    rule_version: str
    digest: str


def script_of(session: Session, attempt: Attempt) -> tuple[Script, str]:
    """The attempt's script and the id of its paper.

    Raises:
        Conflict: `NO_SCRIPT`: the attempt ended, but no paper was ever handed out.
    """
    script = session.get(Script, attempt.script_id) if attempt.script_id else None
    package = session.get(Package, script.package_id) if script else None
    if script is None or package is None:
        raise Conflict(
            "NO_SCRIPT",
            "该考生没有领到试卷，无法计分，请由考务确认是缺考还是作废。",
            "This attempt never got a paper; not scored. The exam office decides whether it is absent or void.",
            attempt_id=attempt.id,
        )
    return script, package.paper_id


def compute(session: Session, attempt: Attempt, scheme: MarkScheme) -> Computation:
    """Mark the counted answers of one attempt under `scheme`.

    Raises:
        Conflict: `NO_SCRIPT`; `ANSWER_NOT_ON_FORM`; `ANSWERS_CHANGED`: the journal is not what it was when the
            attempt ended (MK-7, SZ-15.6: nobody alters answers).
        NotFound: `ITEM_NOT_IN_MARK_SCHEME`.
    """
    script, _ = script_of(session, attempt)
    layout = script_layout(session, script.id)
    form = [
        FormItem(item.ref, n, item.item_version_id, item.kind, item.points, item.options)
        for n, item in enumerate(layout.items.values(), start=1)
    ]
    responses = counted_responses(session, attempt.id)
    digest_of_answers = answers_digest(responses)
    if attempt.answers_digest is not None and attempt.answers_digest != digest_of_answers:
        raise Conflict(
            "ANSWERS_CHANGED",
            "作答流水与交卷时的摘要不一致，成绩未计算，请立即报告考务负责人。",
            "The answer journal differs from its digest at the end of the attempt; not scored. Report it at once.",
            attempt_id=attempt.id,
        )
    answers = canonical_answers(form, {ref: response.value for ref, response in responses.items()})
    computed = score_answers(form, answers, scheme)
    return Computation(
        computed=computed,
        answers_digest=digest_of_answers,
        rule_version=RULE_VERSION,
        digest=score_digest(
            attempt_id=attempt.id,
            form_label=script.form_label,
            scheme_digest=scheme.digest,
            answers_digest=digest_of_answers,
            computed=computed,
            rule_version=RULE_VERSION,
        ),
    )
