"""HTTP of results, under /api/results: counts, rows, confirm, release, exports; and a candidate's own result."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, send_file
from pydantic import BaseModel, ConfigDict

from scoring.hand_over import points_text
from scoring.queries import ResultRow, SittingCounts, own_result, result_rows, sittings_with_results
from scoring.services.confirm_results import confirm_results
from scoring.services.export_results import ExportKind, export_results
from scoring.services.release_results import release_results
from server.core.permissions import Permission
from server.scheduling.queries import sitting_profile
from server.webkit.guards import current_actor, public, require
from server.webkit.pages import page
from server.webkit.parsing import parse
from server.webkit.platform import Platform


class NoFields(BaseModel):
    """Confirming and releasing say everything in their address."""

    model_config = ConfigDict(extra="forbid")


def register(app: Flask, platform: Platform) -> None:
    """Attach the addresses of this folder."""
    app.register_blueprint(_blueprint(platform))

    @app.get("/results")
    @public("the empty shell of the results page; what it shows needs a log-in")
    def results_page() -> str:
        return page("scoring/web/main.ts", "成绩 · 明远")

    @app.get("/analysis")
    @public("the empty shell of the analysis pages; what they show needs a log-in")
    def analysis_page() -> str:
        return page("scoring/web/analysis/main.ts", "分析 · 明远")


def _blueprint(platform: Platform) -> Blueprint:
    results = Blueprint("results", __name__)

    @results.get("/api/results/sittings")
    @require(Permission.RESULTS_RESULT_READ)
    def sittings() -> Response:
        with platform.database.read() as session:
            return _secret(jsonify(sittings=[_counts(c) for c in sittings_with_results(session, current_actor())]))

    @results.get("/api/results/sittings/<sitting_id>")
    @require(Permission.RESULTS_RESULT_READ)
    def sitting(sitting_id: str) -> Response:
        with platform.database.read() as session:
            rows = result_rows(session, sitting_id, current_actor())
            pass_mark = points_text(sitting_profile(session, sitting_id).pass_mark)
        return _secret(jsonify(sitting_id=sitting_id, pass_mark=pass_mark, rows=[_row(row) for row in rows]))

    @results.post("/api/results/sittings/<sitting_id>/confirm")
    @require(Permission.RESULTS_RESULT_CONFIRM)
    def confirm(sitting_id: str) -> Response:
        parse(NoFields)
        return _secret(jsonify(dataclasses.asdict(confirm_results(platform.uow, sitting_id, current_actor()))))

    @results.post("/api/results/sittings/<sitting_id>/release")
    @require(Permission.RESULTS_RESULT_RELEASE)
    def release(sitting_id: str) -> Response:
        parse(NoFields)
        return _secret(jsonify(dataclasses.asdict(release_results(platform.uow, sitting_id, current_actor()))))

    @results.get("/api/results/sittings/<sitting_id>/export.xlsx")
    @require(Permission.RESULTS_RESULT_READ)
    def export_xlsx(sitting_id: str) -> Response:
        return _file(platform, sitting_id, ExportKind.XLSX)

    @results.get("/api/results/sittings/<sitting_id>/package.json")
    @require(Permission.RESULTS_RESULT_READ)
    def export_json(sitting_id: str) -> Response:
        return _file(platform, sitting_id, ExportKind.JSON)

    @results.get("/api/candidate/result")
    @require(Permission.DELIVERY_ATTEMPT_READ_OWN)
    def mine() -> Response:
        with platform.database.read() as session:
            result = own_result(session, current_actor().id)
            return _secret(jsonify(attendance=result.attendance, score=points_text(result.score), passed=result.passed))

    return results


def _file(platform: Platform, sitting_id: str, kind: ExportKind) -> Response:
    export = export_results(platform.uow, platform.vault, sitting_id, kind, current_actor())
    file = io.BytesIO(export.content)
    response = send_file(file, mimetype=export.media_type, as_attachment=True, download_name=export.file_name)
    return _secret(response)


def _secret(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _counts(counts: SittingCounts) -> dict[str, Any]:
    return {**dataclasses.asdict(counts), "starts_at": counts.starts_at.isoformat()}


def _row(row: ResultRow) -> dict[str, Any]:
    return {
        "result_id": row.result_id,
        "attempt_id": row.attempt_id,
        "name": row.name,
        "id_type": row.id_type,
        "id_number_masked": row.id_number_masked,
        "ticket_number": row.ticket_number,
        "room_name": row.room_name,
        "seat_number": row.seat_number,
        "state": row.state.value,
        "attendance": row.attendance.value,
        "score": points_text(row.score),
        "passed": row.passed,
        "is_hidden": row.is_hidden,
    }
