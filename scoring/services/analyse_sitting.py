"""Analyse the answers of a sitting that has ended, and hand what they say to the bank and to the exam office."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from scoring.analysis.collect import Collected, collect_sittings, require_ended, sitting_basis
from scoring.analysis.compute import Analysis, compute_analysis
from scoring.analysis.into_bank import put_into_bank
from scoring.analysis.sealed import seal_figures
from scoring.models import SimilarityRun, SittingAnalysis
from scoring.permissions import require_permission
from server.adapters.real_thread import in_real_thread
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, MingyuanError
from server.core.ids import new_id
from server.core.permissions import Permission
from server.scheduling.models import Sitting
from server.storage.unit_of_work import UnitOfWork, Work

Progress = Callable[[str, int, int], None]
#: a running analysis that said nothing for so long has died with its process, and may be started anew
DEAD_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AnalysisDone:
    """`is_new` False: the same answers and keys had given the same figures before."""

    sitting_id: str
    candidates: int
    items: int
    flagged_pairs: int
    proposals: int
    input_digest: str
    digest: str
    similarity_digest: str
    is_new: bool


def analyse_sitting(
    uow: UnitOfWork, vault: Vault, sitting_id: str, actor: Actor, progress: Progress | None = None
) -> AnalysisDone:
    """Read, compute off the event loop, store; whoever serves goes on serving meanwhile.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `SITTING_STILL_OPEN`, `NOTHING_TO_ANALYSE`, `ANALYSIS_RUNNING`, `ANSWERS_CHANGED`, `NO_MARK_SCHEME`.
    """
    begin_analysis(uow, sitting_id, actor)
    return finish_analysis(uow, vault, sitting_id, actor, progress)


def begin_analysis(uow: UnitOfWork, sitting_id: str, actor: Actor) -> None:
    """Take the sitting for this analysis; `finish_analysis` must follow.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `SITTING_STILL_OPEN`, `NOTHING_TO_ANALYSE`, `ANALYSIS_RUNNING`.
    """
    require_permission(actor, Permission.ANALYSIS_SITTING_START)
    with uow() as work:
        require_ended(work.session, sitting_id)
        now = work.clock.now()
        row = work.session.get(SittingAnalysis, sitting_id, with_for_update=True, populate_existing=True)
        if row is not None and is_running(row, now):
            raise Conflict("ANALYSIS_RUNNING", "本场正在分析，请稍候。", "This sitting is being analysed; please wait.")
        if row is None:
            row = SittingAnalysis(
                sitting_id=sitting_id, state="", progress={}, heard_at=now, refusal={}, summary={}, made_by=actor.id
            )
            work.session.add(row)
        row.state, row.heard_at, row.refusal = "running", now, {}
        row.progress = {"part": "collect", "done": 0, "total": 1}
        work.session.flush()
        record(work, actor, AuditAction.ANALYSIS_SITTING_STARTED, f"sitting:{sitting_id}")


def finish_analysis(
    uow: UnitOfWork, vault: Vault, sitting_id: str, actor: Actor, progress: Progress | None = None
) -> AnalysisDone:
    """The work itself. Whatever goes wrong, the sitting is free for another try."""
    try:
        with uow.read() as session:
            basis = sitting_basis(session, sitting_id).text
            collected = collect_sittings(session, vault, [sitting_id], progress)
        _say(uow, sitting_id, "items")
        analysis = in_real_thread(compute_analysis, collected, progress)
        return _store(uow, vault, sitting_id, collected, analysis, basis, actor)
    except BaseException as error:
        _free(uow, sitting_id, error)
        raise


def is_running(row: SittingAnalysis, now: datetime) -> bool:
    """Whether somebody is at it."""
    return row.state == "running" and now - row.heard_at < DEAD_AFTER


def _say(uow: UnitOfWork, sitting_id: str, part: str) -> None:
    with uow() as work:
        row = work.session.get_one(SittingAnalysis, sitting_id)
        row.heard_at, row.progress = work.clock.now(), {"part": part, "done": 0, "total": 1}


def _free(uow: UnitOfWork, sitting_id: str, error: BaseException) -> None:
    refusal = (
        error.as_dict()
        if isinstance(error, MingyuanError)
        else {
            "code": "ANALYSIS_FAILED",
            "message_zh": "分析没有完成，请查看服务器日志后重试。",
            "message_en": "The analysis did not come to an end; look at the server's log and try again.",
        }
    )
    with uow() as work:
        row = work.session.get_one(SittingAnalysis, sitting_id)
        row.state, row.refusal, row.heard_at = "failed", refusal, work.clock.now()


def _store(
    uow: UnitOfWork, vault: Vault, sitting_id: str, collected: Collected, analysis: Analysis, basis: str, actor: Actor
) -> AnalysisDone:
    with uow() as work:
        row = work.session.get_one(SittingAnalysis, sitting_id, with_for_update=True, populate_existing=True)
        is_new = row.digest != analysis.digest
        run = _keep_run(work, sitting_id, analysis)
        # what people do in a rehearsal tells nothing about items
        is_rehearsal = work.session.get_one(Sitting, sitting_id).is_rehearsal
        proposals = [] if is_rehearsal else put_into_bank(work, vault, sitting_id, analysis)
        row.state, row.heard_at, row.made_at, row.made_by = "done", work.clock.now(), work.clock.now(), actor.id
        row.summary = {
            "candidates": len(collected.persons),
            "flagged": analysis.similarity["flagged"],
            "run_id": run.id,
            "basis": basis,
        }
        seal_figures(vault, row, analysis.document)
        row.input_digest, row.digest = analysis.input_digest, analysis.digest
        work.session.flush()
        record(
            work,
            actor,
            AuditAction.ANALYSIS_SITTING_ANALYSED,
            f"sitting:{sitting_id}",
            {
                "candidates": len(collected.persons),
                "items": len(analysis.document["items"]),
                "input_digest": analysis.input_digest,
                "digest": analysis.digest,
                "similarity_digest": analysis.similarity_digest,
                "flagged_pairs": analysis.similarity["flagged"],
            },
        )
        for proposal in proposals:
            record(
                work,
                actor,
                AuditAction.ANALYSIS_PROPOSAL_MADE,
                f"item:{proposal.item_id}",
                {"proposal": proposal.id, "kind": proposal.kind, "sitting": sitting_id},
            )
    return AnalysisDone(
        sitting_id=sitting_id,
        candidates=len(collected.persons),
        items=len(analysis.document["items"]),
        flagged_pairs=analysis.similarity["flagged"],
        proposals=len(proposals),
        input_digest=analysis.input_digest,
        digest=analysis.digest,
        similarity_digest=analysis.similarity_digest,
        is_new=is_new,
    )


def _keep_run(work: Work, sitting_id: str, analysis: Analysis) -> SimilarityRun:
    same = select(SimilarityRun).where(
        SimilarityRun.sitting_id == sitting_id, SimilarityRun.digest == analysis.similarity_digest
    )
    found = work.session.scalars(same).one_or_none()
    if found is None:
        found = SimilarityRun(
            id=new_id(),
            sitting_id=sitting_id,
            document=analysis.similarity,
            digest=analysis.similarity_digest,
            made_at=work.clock.now(),
        )
        work.session.add(found)
        work.session.flush()
    return found
