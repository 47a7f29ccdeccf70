"""One attempt's answers: by option identity, with places, letters, marks, times and what was answered before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.domain.script import ScriptLayout
from itembank.queries import script_layout
from scoring.computation import script_of
from scoring.domain.attempt_score import FormItem, canonical_answers, score_answers
from scoring.domain.mark_scheme import MarkScheme
from scoring.domain.statistics.answer_text import option_labels
from scoring.mark_schemes import open_scheme, scheme_in_force
from scoring.models import MarkScheme as MarkSchemeRow
from server.adapters.vault import Vault
from server.core.errors import Conflict
from server.delivery.domain.responses import EntryLine, derive_responses, digest_responses
from server.delivery.models import Attempt, JournalEntry

Options = frozenset[str]


@dataclass(frozen=True)
class GivenAnswer:
    """A candidate's answer to one item: counted options, mark obtained and full mark (1/100), place and letters on the own screen.

    `chosen` None: never answered; empty: cleared. `before`: earlier answers, oldest first. Seconds after the own start.
    """

    n: int
    chosen: Options | None
    mark: int
    full: int
    displayed: str
    option_count: int
    is_reached: bool
    answered_s: float | None
    spent_s: float | None
    before: tuple[Options, ...]


@dataclass(frozen=True)
class EndedAttempt:
    """What of an attempt its answers depend on."""

    id: str
    started_at: datetime | None
    answers_digest: str | None


@dataclass(frozen=True)
class MarkedAnswers:
    """Answers by item version; score and full score in 1/100."""

    given: Mapping[str, GivenAnswer]
    score: int
    full_score: int


def require_scheme(session: Session, vault: Vault, paper_id: str) -> tuple[MarkSchemeRow, MarkScheme]:
    """The scheme in force, opened. Raises Conflict: `NO_MARK_SCHEME`."""
    row = scheme_in_force(session, paper_id)
    if row is None:
        raise Conflict(
            "NO_MARK_SCHEME",
            "这份试卷还没有评分标准，请先评分，再作分析。",
            "This paper has no mark scheme yet; score it before it is analysed.",
            paper_id=paper_id,
        )
    return row, open_scheme(vault, row)


def read_answers(session: Session, attempt: EndedAttempt, layout: ScriptLayout, scheme: MarkScheme) -> MarkedAnswers:
    """Counted answers of an ended attempt under `scheme`.

    Raises:
        Conflict: `ANSWERS_CHANGED`, `ANSWER_NOT_ON_FORM`.
    """
    j = JournalEntry
    query = (
        select(j.kind, j.item_ref, j.value, j.epoch, j.client_seq, j.standing, j.received_at)
        .where(j.attempt_id == attempt.id, j.kind == "answer", j.standing == "counted")
        .order_by(j.epoch, j.client_seq)
    )
    lines, moments = [], []
    for kind, ref, value, epoch, seq, standing, received_at in session.execute(query):
        lines.append(EntryLine(kind, ref, tuple(value), epoch, seq, standing))
        moments.append(received_at)
    responses = derive_responses(lines)
    if attempt.answers_digest is not None and attempt.answers_digest != digest_responses(responses):
        raise Conflict(
            "ANSWERS_CHANGED",
            "作答流水与交卷时的摘要不一致，未作分析，请立即报告考务负责人。",
            "An answer journal differs from its digest at the end of the attempt; not analysed. Report it at once.",
            attempt_id=attempt.id,
        )
    form = [
        FormItem(item.ref, n, item.item_version_id, item.kind, item.points, item.options)
        for n, item in enumerate(layout.items.values(), start=1)
    ]
    answers = canonical_answers(form, {ref: response.value for ref, response in responses.items()})
    computed = score_answers(form, answers, scheme)
    last = max((item.n for item in form if answers.get(item.ref)), default=0)
    spent: dict[str, float] = {}
    at: dict[str, float] = {}
    history: dict[str, list[Options]] = {}
    start = attempt.started_at
    previous = start
    for line, moment in zip(lines, moments, strict=True):
        if line.item_ref not in layout.items:
            continue
        if previous is not None:
            spent[line.item_ref] = spent.get(line.item_ref, 0.0) + max((moment - previous).total_seconds(), 0.0)
        previous = moment if previous is None else max(moment, previous)
        if start is not None:
            at[line.item_ref] = (moment - start).total_seconds()
        history.setdefault(line.item_ref, []).append(layout.items[line.item_ref].option_ids(line.value))
    marks = {mark.item_ref: mark.mark for mark in computed.marks}
    given = {}
    for item in form:
        order = list(item.options.values())
        chosen = answers.get(item.ref)
        letters = option_labels(len(order))
        displayed = "".join(letters[place] for place, option in enumerate(order) if chosen and option in chosen)
        steps = history.get(item.ref, [])
        given[item.item_version_id] = GivenAnswer(
            n=item.n,
            chosen=chosen,
            mark=marks[item.ref],
            full=item.points,
            displayed=displayed,
            option_count=len(order),
            is_reached=item.n <= last,
            answered_s=at.get(item.ref),
            spent_s=spent.get(item.ref),
            before=tuple(step for step, after in pairwise(steps) if step != after),
        )
    return MarkedAnswers(given, computed.score, computed.full_score)


@dataclass(frozen=True)
class ReadPaper:
    """One attempt's paper for a reviewer: answers by item version; `scheme` as in force."""

    attempt: Attempt
    form: str
    scheme: MarkScheme
    answers: Mapping[str, GivenAnswer]


def read_paper(session: Session, vault: Vault, attempt_id: str) -> ReadPaper:
    """Raises Conflict: `ANSWERS_CHANGED`, `NO_MARK_SCHEME`, `NO_SCRIPT`."""
    attempt = session.get_one(Attempt, attempt_id)
    script, paper_id = script_of(session, attempt)
    _, scheme = require_scheme(session, vault, paper_id)
    marked = read_answers(
        session,
        EndedAttempt(attempt.id, attempt.started_at, attempt.answers_digest),
        script_layout(session, script.id),
        scheme,
    )
    return ReadPaper(attempt, script.form_label, scheme, marked.given)
