"""What the list and the paper page are told, from stored analyses. Scores only for whom may see them already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.domain.measured_difficulty import shrunk_difficulty
from itembank.models import Item, ItemStatistics
from scoring.analysis import wire
from scoring.analysis.collect import sitting_basis
from scoring.analysis.sealed import open_figures
from scoring.attendance import ENDED_STATES
from scoring.domain.cases import CaseState
from scoring.domain.states import Attendance, ResultState
from scoring.domain.visibility import may_see_score
from scoring.models import Result, SimilarityCase, SittingAnalysis
from scoring.permissions import require_permission
from scoring.services.analyse_sitting import is_running
from server.accounts.models import Account
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.permissions import Permission, may
from server.delivery.models import Attempt
from server.scheduling.models import Sitting
from server.scheduling.queries import require_sitting, sitting_profile

Document = dict[str, Any]
#: sittings in the list, the newest first
LISTED = 200
BAR_WIDTH = 5.0


def sittings_page(
    session: Session, actor: Actor, now: datetime, running: Mapping[str, wire.ProgressLine]
) -> wire.SittingsReply:
    """Sittings in which somebody has begun, newest first."""
    require_permission(actor, Permission.ANALYSIS_SITTING_READ)
    begun = select(Attempt.sitting_id).where(Attempt.started_at.is_not(None)).distinct()
    sittings = session.scalars(
        select(Sitting).where(Sitting.id.in_(begun)).order_by(Sitting.starts_at.desc(), Sitting.id).limit(LISTED)
    ).all()
    counts = _counts(session, [sitting.id for sitting in sittings])
    return wire.SittingsReply(
        sittings=[sitting_line(session, sitting, actor, now, running, counts) for sitting in sittings],
        may_start=may(actor.role, Permission.ANALYSIS_SITTING_START),
        may_see_pairs=may(actor.role, Permission.ANALYSIS_PAIR_READ),
        may_decide_proposals=may(actor.role, Permission.ANALYSIS_PROPOSAL_DECIDE),
    )


def _counts(session: Session, sitting_ids: list[str]) -> dict[str, tuple[int, int]]:
    """Sitting id → (ended with a paper, not ended)."""
    query = (
        select(Attempt.sitting_id, Attempt.state, Attempt.started_at.is_not(None), func.count())
        .where(Attempt.sitting_id.in_(sitting_ids))
        .group_by(Attempt.sitting_id, Attempt.state, Attempt.started_at.is_not(None))
    )
    found = dict.fromkeys(sitting_ids, (0, 0))
    for sitting_id, state, has_begun, count in session.execute(query):
        taken, waiting = found[sitting_id]
        if state not in ENDED_STATES:
            found[sitting_id] = (taken, waiting + count)
        elif has_begun and state in ("submitted", "collected"):
            found[sitting_id] = (taken + count, waiting)
    return found


def sitting_line(
    session: Session,
    sitting: Sitting,
    actor: Actor,
    now: datetime,
    running: Mapping[str, wire.ProgressLine] | None = None,
    counts: Mapping[str, tuple[int, int]] | None = None,
) -> wire.SittingLine:
    """Where the analysis of one sitting stands."""
    taken, waiting = (counts or _counts(session, [sitting.id]))[sitting.id]
    row = session.get(SittingAnalysis, sitting.id)
    sees_pairs = may(actor.role, Permission.ANALYSIS_PAIR_READ)
    flagged = cases = None
    if row is not None and row.made_at is not None and sees_pairs:
        flagged = int(row.summary["flagged"])
        cases = session.execute(
            select(func.count())
            .select_from(SimilarityCase)
            .where(SimilarityCase.sitting_id == sitting.id, SimilarityCase.state != CaseState.CLOSED.value)
        ).scalar_one()
    state, progress = _state(session, row, taken, waiting, now), None
    if state == wire.RUNNING and row is not None:
        told = row.progress or {}
        progress = (running or {}).get(sitting.id) or wire.ProgressLine(
            told.get("part", "collect"), told.get("done", 0), told.get("total", 1)
        )
    is_made = row is not None and row.made_at is not None
    return wire.SittingLine(
        sitting_id=sitting.id,
        name=sitting.name,
        occupation_name=sitting.occupation_name,
        level=sitting.level,
        starts_at=sitting.starts_at.isoformat(),
        is_rehearsal=sitting.is_rehearsal,
        candidates=taken,
        unfinished=waiting,
        state=state,
        progress=progress,
        made_at=row.made_at.isoformat() if row is not None and row.made_at is not None else None,
        made_by=name_of(session, row.made_by) if row is not None and is_made else None,
        digest=row.digest if row is not None and is_made else None,
        flagged_pairs=flagged,
        open_cases=cases,
        refusal=row.refusal if row is not None and state == wire.FAILED else None,
    )


def _state(session: Session, row: SittingAnalysis | None, taken: int, waiting: int, now: datetime) -> str:
    if row is not None and is_running(row, now):
        return wire.RUNNING
    if waiting:
        return wire.NOT_ENDED
    if not taken:
        return wire.NO_ANSWERS
    if row is None or (row.made_at is None and row.state != "failed"):
        return wire.READY
    if row.state == "failed":
        return wire.FAILED
    return wire.DONE if sitting_basis(session, row.sitting_id).text == row.summary.get("basis") else wire.OUTDATED


def name_of(session: Session, account_id: str | None) -> str:
    """Display name of an account; the id itself for the system."""
    account = session.get(Account, account_id) if account_id else None
    return account.display_name if account is not None else (account_id or "")


def require_analysis(session: Session, sitting_id: str) -> SittingAnalysis:
    """Raises NotFound: `SITTING_NOT_FOUND`, `NOT_ANALYSED`."""
    require_sitting(session, sitting_id)
    row = session.get(SittingAnalysis, sitting_id)
    if row is None or row.made_at is None:
        raise NotFound("NOT_ANALYSED", "本场还没有分析。", "This sitting has not been analysed yet.")
    return row


def scores_for(session: Session, sitting_id: str, actor: Actor) -> list[float] | None:
    """Scores in points of everybody who took the sitting; None when this reader may not see all of them yet."""
    query = select(Result.state, Result.score, Result.attendance).where(Result.sitting_id == sitting_id)
    rows = [row for row in session.execute(query) if row.attendance == Attendance.TAKEN]
    if not rows or not all(may_see_score(actor.role, ResultState(row.state)) for row in rows):
        return None
    return [row.score / 100 for row in rows if row.score is not None]


def distribution_of(scores: list[float], pass_mark: float) -> wire.Distribution:
    """Bars of five points from 0 to 100."""
    values = np.array(scores, dtype=np.float64)
    edges = np.arange(0.0, 100.0 + BAR_WIDTH, BAR_WIDTH)
    counts, _ = np.histogram(np.clip(values, 0.0, 100.0), edges)
    has = len(values) > 0
    return wire.Distribution(
        bars=[
            wire.Bar(float(low), float(high), int(count))
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        mean=float(values.mean()) if has else None,
        sd=float(values.std(ddof=1)) if len(values) > 1 else None,
        median=float(np.median(values)) if has else None,
        minimum=float(values.min()) if has else None,
        maximum=float(values.max()) if has else None,
        pass_rate=float((values >= pass_mark).mean()) if has else None,
    )


def paper_page(
    session: Session,
    vault: Vault,
    sitting_id: str,
    actor: Actor,
    now: datetime,
    running: Mapping[str, wire.ProgressLine] | None = None,
) -> wire.PaperPage:
    """Figures of the sitting's forms and items.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `SITTING_NOT_FOUND`, `NOT_ANALYSED`.
    """
    require_permission(actor, Permission.ANALYSIS_SITTING_READ)
    row = require_analysis(session, sitting_id)
    sitting = require_sitting(session, sitting_id)
    document = open_figures(vault, row)
    scores = scores_for(session, sitting_id, actor)
    pass_mark = sitting_profile(session, sitting_id).pass_mark / 100
    is_hidden = scores is None
    abilities = document["abilities"]
    steps = _steps(session, [line["item_id"] for line in document["items"]])
    measured = measured_of(session, [line["item_version_id"] for line in document["items"]])
    return wire.PaperPage(
        sitting=sitting_line(session, sitting, actor, now, running),
        tests=[_test(each) for each in document["tests"]],
        distribution=None if scores is None else distribution_of(scores, pass_mark),
        distribution_hidden=is_hidden,
        pass_mark=pass_mark,
        information=[
            wire.InformationCurve(
                each["form"], [wire.InformationPoint(**point) for point in each["points"]], each["cut_theta"]
            )
            for each in document["information"]
        ],
        difficulty=[_difficulty(line, steps[line["item_id"]], measured) for line in document["items"]],
        abilities=None if is_hidden or abilities is None else [wire.AbilityBar(**bar) for bar in abilities],
        abilities_hidden=is_hidden,
        items=[
            wire.ItemRow(
                item_id=line["item_id"],
                item_version_id=line["item_version_id"],
                label=line["label"],
                kind=line["kind"],
                point=line["point"],
                forms=line["forms"],
                full_mark=line["full_mark"],
                figures=figures_from(line["figures"]),
            )
            for line in document["items"]
        ],
        calibration_refused=document["calibration_refused"],
        notices=document["notices"],
        method=document["method"],
        input_digest=row.input_digest,
        digest=row.digest,
    )


def _test(document: Document) -> wire.TestFigures:
    decision = document["decision"]
    return wire.TestFigures(
        **{
            **document,
            "conditional_sem": [wire.ScoreError(**each) for each in document["conditional_sem"]],
            "decision": None if decision is None else wire.DecisionFigures(**decision),
        }
    )


def figures_from(document: Document) -> wire.ItemFigures:
    """Stored figures of an item."""
    return wire.ItemFigures(
        **{
            **document,
            "options": [wire.OptionLine(**each) for each in document["options"]],
            "flags": [wire.FlagLine(**each) for each in document["flags"]],
        }
    )


def _difficulty(line: Document, step: int, measured: Mapping[str, ItemStatistics]) -> wire.DifficultyMark:
    known = measured.get(line["item_version_id"])
    use = shrunk_difficulty(step, known.p if known else None, known.n if known else 0)
    return wire.DifficultyMark(
        label=line["label"],
        item_version_id=line["item_version_id"],
        p=line["figures"]["p"],
        b=line["figures"]["b"],
        d27=line["figures"]["d27"],
        expert=use.expert_p,
        assembled=use.p,
    )


def _steps(session: Session, item_ids: Iterable[str]) -> dict[str, int]:
    query = select(Item.id, Item.difficulty).where(Item.id.in_(sorted(set(item_ids))))
    return {item_id: step for item_id, step in session.execute(query)}  # noqa: C416 - rows are no pairs


def measured_of(session: Session, version_ids: Iterable[str]) -> dict[str, ItemStatistics]:
    """Item version id → what use has shown, of those that were used."""
    query = select(ItemStatistics).where(ItemStatistics.item_version_id.in_(sorted(set(version_ids))))
    return {row.item_version_id: row for row in session.scalars(query)}
