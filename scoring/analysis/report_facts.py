"""What the printed report of a sitting says: figures and words, no names; scores only for whom may see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scoring.analysis.pages import distribution_of, name_of, require_analysis, scores_for
from scoring.analysis.pair_pages import places_of
from scoring.analysis.sealed import open_figures
from scoring.domain.canonical import canonical_digest
from scoring.models import SimilarityCase, SimilarityRun
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.permissions import Permission, may
from server.delivery.time_keeping import SHANGHAI
from server.scheduling.models import Centre
from server.scheduling.queries import require_sitting, sitting_profile

PAIRS_PRINTED = 30


def report_facts(session: Session, vault: Vault, sitting_id: str, actor: Actor, now: datetime) -> dict[str, Any]:
    """Plain data for the sheet.

    Raises:
        NotFound: `SITTING_NOT_FOUND`, `NOT_ANALYSED`.
    """
    row = require_analysis(session, sitting_id)
    sitting = require_sitting(session, sitting_id)
    document = open_figures(vault, row)
    run = session.get_one(SimilarityRun, row.summary["run_id"])
    scores = scores_for(session, sitting_id, actor)
    pass_mark = sitting_profile(session, sitting_id).pass_mark / 100
    cases = dict.fromkeys(("open", "under_review", "closed"), 0)
    counted = (
        select(SimilarityCase.state, func.count())
        .where(SimilarityCase.sitting_id == sitting_id)
        .group_by(SimilarityCase.state)
    )
    cases.update({state: count for state, count in session.execute(counted)})  # noqa: C416
    facts = {
        "sitting": sitting.name,
        "centre": session.get_one(Centre, sitting.centre_id).name,
        "occupation": f"{sitting.occupation_name}　{sitting.level} 级",
        "starts_at": sitting.starts_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"),
        "is_rehearsal": sitting.is_rehearsal,
        "candidates": document["candidates"],
        "pass_mark": pass_mark,
        "tests": document["tests"],
        "distribution": None if scores is None else _plain(distribution_of(scores, pass_mark)),
        "items": document["items"],
        "calibration_refused": document["calibration_refused"],
        "notices": [*document["notices"], *run.document["notices"]],
        "similarity": {
            "refused": run.document["refused"],
            "flagged": run.document["flagged"],
            "pairs_total": run.document["pairs_total"],
            "pairs_judged": run.document["pairs_judged"],
            "families": run.document["families"],
            "cases": cases,
            # where people sat leads to names: only for who may see pairs
            "pairs": _pairs(session, sitting_id, run) if may(actor.role, Permission.ANALYSIS_PAIR_READ) else None,
        },
        "digest": row.digest,
        "input_digest": row.input_digest,
        "made_at": row.made_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if row.made_at else "",
        "made_by": name_of(session, row.made_by),
        "printed_at": now.astimezone(SHANGHAI).isoformat(timespec="minutes"),
        "printed_by": actor.name,
    }
    return {**facts, "facts_digest": canonical_digest(facts)}


def _plain(distribution: Any) -> dict[str, Any]:
    return {
        "bars": [[bar.low, bar.high, bar.count] for bar in distribution.bars],
        **{name: getattr(distribution, name) for name in ("mean", "sd", "median", "minimum", "maximum", "pass_rate")},
    }


def _pairs(session: Session, sitting_id: str, run: SimilarityRun) -> list[dict[str, Any]]:
    places = places_of(session, sitting_id)
    return [
        {
            "a": places[pair["a"]].words,
            "b": places[pair["b"]].words,
            **{
                name: pair[name]
                for name in ("family", "identical", "identical_wrong", "common", "p", "letters_p", "flagged_by")
            },
        }
        for pair in run.document["pairs"]
        if pair["flagged_by"] and pair["a"] in places and pair["b"] in places
    ][:PAIRS_PRINTED]
