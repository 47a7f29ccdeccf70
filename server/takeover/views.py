"""HTTP of what an outage leaves to people: time to confirm, outages over the limit to decide, the node list."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from flask import Blueprint, Flask, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from server.core.permissions import Permission
from server.delivery.time_keeping import to_ms
from server.takeover.office_time import time_of_sitting
from server.takeover.queries import list_nodes
from server.takeover.services.confirm_entries import confirm_entries
from server.takeover.services.decide_entry import decide_entry
from server.takeover.services.decide_outage import Decision, decide_outage
from server.takeover.services.report_outage import report_outage
from server.webkit.guards import current_actor, require
from server.webkit.parsing import parse
from server.webkit.platform import Platform

#: A day, ms.
MAX_AMENDED_MS = 86_400_000


class DecideOutage(BaseModel):
    """POST /api/takeover/sittings/<sitting>/decide: extend (go on, time given back), reschedule, or cancel (INC-5)."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["extend", "reschedule", "cancel"]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    #: the candidates pay nothing next time (INC-5)
    fee_waiver: bool = False
    #: None: every room of the sitting that waits
    room_ids: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None


class ReportOutage(DecideOutage):
    """POST /api/takeover/sittings/<sitting>/report: the same fields as a proposal; another person decides."""


class ConfirmEntries(BaseModel):
    """POST /api/takeover/sittings/<sitting>/confirm: stand for several rows at once."""

    model_config = ConfigDict(extra="forbid")

    entry_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=2000)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class DecideEntry(BaseModel):
    """POST /api/takeover/entries/<entry>: stand for a row of the time ledger, take it back, or correct its length."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["confirm", "reverse", "amend"]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    #: amend alone: how long the interruption really lasted, from the same beginning
    amended_ms: Annotated[int, Field(ge=0, le=MAX_AMENDED_MS)] | None = None


def register(app: Flask, platform: Platform) -> None:
    """Attach the addresses of this folder."""
    api = Blueprint("takeover", __name__)

    @api.get("/nodes")
    @require(Permission.SCHEDULING_TIME_CONFIRM)
    def nodes() -> Response:
        with platform.uow.read() as session:
            readings = list_nodes(session, platform.clock.now())
        return jsonify(
            nodes=[
                {
                    "id": one.id,
                    "name": one.name,
                    "address": one.address,
                    "condition": one.condition.value,
                    "beat_at_ms": to_ms(one.beat_at),
                }
                for one in readings
            ]
        )

    @api.get("/sittings/<sitting_id>")
    @require(Permission.SCHEDULING_TIME_CONFIRM)
    def undecided(sitting_id: str) -> Response:
        with platform.uow.read() as session:
            return jsonify(**time_of_sitting(session, sitting_id, platform.clock.now(), current_actor().id))

    @api.post("/sittings/<sitting_id>/decide")
    @require(Permission.SCHEDULING_TIME_CONFIRM)
    def decide(sitting_id: str) -> Response:
        choice = parse(DecideOutage)
        decide_outage(
            platform.uow,
            sitting_id=sitting_id,
            decision=Decision(choice.decision),
            reason=choice.reason,
            actor=current_actor(),
            fee_waiver=choice.fee_waiver,
            room_ids=choice.room_ids,
        )
        return undecided(sitting_id)

    @api.post("/sittings/<sitting_id>/report")
    @require(Permission.SCHEDULING_SITTING_READ)
    def report(sitting_id: str) -> tuple[Response, int]:
        choice = parse(ReportOutage)
        made = report_outage(
            platform.uow,
            sitting_id=sitting_id,
            proposal=Decision(choice.decision),
            reason=choice.reason,
            actor=current_actor(),
            fee_waiver=choice.fee_waiver,
            room_ids=choice.room_ids,
        )
        return jsonify(report_id=made.id, reported_at_ms=to_ms(made.reported_at)), 201

    @api.post("/sittings/<sitting_id>/confirm")
    @require(Permission.SCHEDULING_TIME_CONFIRM)
    def confirm(sitting_id: str) -> Response:
        choice = parse(ConfirmEntries)
        confirm_entries(
            platform.uow,
            sitting_id=sitting_id,
            entry_ids=choice.entry_ids,
            reason=choice.reason,
            actor=current_actor(),
        )
        return undecided(sitting_id)

    @api.post("/entries/<entry_id>")
    @require(Permission.SCHEDULING_TIME_CONFIRM)
    def decide_row(entry_id: str) -> Response:
        choice = parse(DecideEntry)
        row = decide_entry(
            platform.uow,
            entry_id=entry_id,
            decision=choice.decision,
            reason=choice.reason,
            actor=current_actor(),
            amended=None if choice.amended_ms is None else timedelta(milliseconds=choice.amended_ms),
        )
        return undecided(row.sitting_id)

    app.register_blueprint(api, url_prefix="/api/takeover")
