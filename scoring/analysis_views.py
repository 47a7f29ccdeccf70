"""HTTP of analyses, under /api/analysis: sittings, papers, items, pairs and cases, proposals, the report to print."""

from __future__ import annotations

import dataclasses
import io
import logging
import threading
from typing import Any, Literal

from flask import Blueprint, Flask, Response, jsonify, send_file
from pydantic import BaseModel, ConfigDict, Field

from itembank.services.decide_proposal import decide_proposal
from scoring.analysis import wire
from scoring.analysis.item_pages import item_page, proposal_lines, proposals_page
from scoring.analysis.pages import paper_page, sittings_page
from scoring.analysis.pair_pages import case_line, cases_page, places_of, room_page
from scoring.domain.cases import Conclusion
from scoring.models import SimilarityCase
from scoring.services.analyse_sitting import begin_analysis, finish_analysis
from scoring.services.decide_case import decide_case
from scoring.services.open_case import open_case
from scoring.services.print_analysis import print_analysis
from scoring.services.read_case import read_case
from server.core.actor import Actor
from server.core.errors import MingyuanError
from server.core.permissions import Permission
from server.webkit.guards import current_actor, require
from server.webkit.parsing import parse
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
REASON_LIMIT = 1000


class StartAnalysis(BaseModel):
    """Starting says everything in its address."""

    model_config = ConfigDict(extra="forbid")


class OpenCase(BaseModel):
    """A pair of the report by attempt ids, and who shall look at it."""

    model_config = ConfigDict(extra="forbid")

    a: str = Field(max_length=32)
    b: str = Field(max_length=32)
    reviewer_id: str = Field(max_length=32)
    reason: str = Field(max_length=REASON_LIMIT)


class DecideCase(BaseModel):
    """How a case ends."""

    model_config = ConfigDict(extra="forbid")

    conclusion: Literal["no_finding", "referred"]
    reason: str = Field(max_length=REASON_LIMIT)


class DecideProposal(BaseModel):
    """Accepting suspends the item."""

    model_config = ConfigDict(extra="forbid")

    accept: bool
    reason: str = Field(max_length=REASON_LIMIT)


class RunningAnalyses:
    """Analyses this process works on, and how far each is."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.progress: dict[str, wire.ProgressLine] = {}

    def start(self, sitting_id: str, actor: Actor) -> None:
        """Begin, and go on beside the serving. Refusals of the beginning reach the caller.

        Raises:
            Conflict: `SITTING_STILL_OPEN`, `NOTHING_TO_ANALYSE`, `ANALYSIS_RUNNING`.
        """
        begin_analysis(self._platform.uow, sitting_id, actor)
        threading.Thread(
            target=self._finish, args=(sitting_id, actor), name=f"analysis {sitting_id[:8]}", daemon=True
        ).start()

    def _finish(self, sitting_id: str, actor: Actor) -> None:
        def told(part: str, done: int, total: int) -> None:
            self.progress[sitting_id] = wire.ProgressLine(part, done, total)

        try:
            finish_analysis(self._platform.uow, self._platform.vault, sitting_id, actor, told)
        except MingyuanError as refusal:
            log.warning("analysis of sitting %s refused: %s", sitting_id, refusal.code)
        except Exception:
            log.exception("analysis of sitting %s failed", sitting_id)
        finally:
            self.progress.pop(sitting_id, None)


def register(app: Flask, platform: Platform) -> None:
    """Attach the addresses of this file."""
    app.register_blueprint(_blueprint(platform, RunningAnalyses(platform)))


def _blueprint(platform: Platform, running: RunningAnalyses) -> Blueprint:
    analysis = Blueprint("analysis", __name__)

    @analysis.get("/api/analysis/sittings")
    @require(Permission.ANALYSIS_SITTING_READ)
    def sittings() -> Response:
        with platform.database.read() as session:
            return _secret(sittings_page(session, current_actor(), platform.clock.now(), running.progress))

    @analysis.post("/api/analysis/sittings/<sitting_id>/start")
    @require(Permission.ANALYSIS_SITTING_START)
    def start(sitting_id: str) -> Response:
        parse(StartAnalysis)
        running.start(sitting_id, current_actor())
        return _secret(wire.StartReply(sitting_id, wire.RUNNING))

    @analysis.get("/api/analysis/sittings/<sitting_id>")
    @require(Permission.ANALYSIS_SITTING_READ)
    def paper(sitting_id: str) -> Response:
        with platform.database.read() as session:
            return _secret(
                paper_page(session, platform.vault, sitting_id, current_actor(), platform.clock.now(), running.progress)
            )

    @analysis.get("/api/analysis/sittings/<sitting_id>/report.pdf")
    @require(Permission.ANALYSIS_SITTING_READ)
    def report_pdf(sitting_id: str) -> Response:
        document = print_analysis(platform.uow, platform.vault, sitting_id, current_actor())
        response = send_file(
            io.BytesIO(document.content),
            mimetype="application/pdf",
            as_attachment=True,
            download_name=document.file_name,
        )
        return _no_store(response)

    @analysis.get("/api/analysis/items/<item_version_id>")
    @require(Permission.ANALYSIS_SITTING_READ)
    def item(item_version_id: str) -> Response:
        with platform.database.read() as session:
            return _secret(item_page(session, platform.vault, item_version_id, current_actor()))

    @analysis.get("/api/analysis/proposals")
    @require(Permission.ANALYSIS_SITTING_READ)
    def proposals() -> Response:
        with platform.database.read() as session:
            return _secret(proposals_page(session, current_actor()))

    @analysis.post("/api/analysis/proposals/<proposal_id>/decide")
    @require(Permission.ANALYSIS_PROPOSAL_DECIDE)
    def decide_on_proposal(proposal_id: str) -> Response:
        message = parse(DecideProposal)
        decided = decide_proposal(platform.uow, proposal_id, message.accept, message.reason, current_actor())
        with platform.database.read() as session:
            return _secret(proposal_lines(session, proposal_id=decided.id)[0])

    @analysis.get("/api/analysis/sittings/<sitting_id>/similarity")
    @require(Permission.ANALYSIS_PAIR_READ)
    def similarity(sitting_id: str) -> Response:
        with platform.database.read() as session:
            return _secret(room_page(session, sitting_id, current_actor(), platform.clock.now(), running.progress))

    @analysis.post("/api/analysis/sittings/<sitting_id>/open-case")
    @require(Permission.ANALYSIS_CASE_OPEN)
    def open_a_case(sitting_id: str) -> Response:
        message = parse(OpenCase)
        case = open_case(
            platform.uow, sitting_id, message.a, message.b, message.reviewer_id, message.reason, current_actor()
        )
        return _case(case)

    @analysis.get("/api/analysis/cases")
    @require(Permission.ANALYSIS_CASE_REVIEW)
    def cases() -> Response:
        with platform.database.read() as session:
            return _secret(cases_page(session, current_actor()))

    @analysis.get("/api/analysis/cases/<case_id>")
    @require(Permission.ANALYSIS_CASE_REVIEW)
    def case(case_id: str) -> Response:
        return _secret(read_case(platform.uow, platform.vault, case_id, current_actor()))

    @analysis.post("/api/analysis/cases/<case_id>/decide")
    @require(Permission.ANALYSIS_CASE_REVIEW)
    def decide_on_case(case_id: str) -> Response:
        message = parse(DecideCase)
        return _case(
            decide_case(platform.uow, case_id, Conclusion(message.conclusion), message.reason, current_actor())
        )

    def _case(case: SimilarityCase) -> Response:
        with platform.database.read() as session:
            return _secret(case_line(session, case, places_of(session, case.sitting_id), current_actor()))

    return analysis


def _secret(reply: Any) -> Response:
    return _no_store(jsonify(dataclasses.asdict(reply)))


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
