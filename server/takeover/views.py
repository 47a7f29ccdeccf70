"""HTTP of what an outage leaves to people: time to confirm, outages over the limit to decide, the node list."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, Flask, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from server.core.permissions import Permission
from server.delivery.models import TimeEntry
from server.delivery.time_keeping import to_ms
from server.takeover.queries import awaiting_decision, list_nodes, undecided_time
from server.takeover.services.decide_outage import Decision, decide_outage
from server.webkit.guards import current_actor, require
from server.webkit.parsing import parse
from server.webkit.platform import Platform


class DecideOutage(BaseModel):
    """POST /api/takeover/sittings/<sitting>/decide: extend (go on, time given back), reschedule, or cancel (INC-5)."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["extend", "reschedule", "cancel"]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    #: the candidates pay nothing next time (INC-5)
    fee_waiver: bool = False
    #: None: every room of the sitting that waits
    room_ids: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None


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
            return jsonify(
                awaiting_decision=[_entry(row) for row in awaiting_decision(session, sitting_id)],
                to_confirm=[_entry(row) for row in undecided_time(session, sitting_id)],
            )

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

    app.register_blueprint(api, url_prefix="/api/takeover")


def _entry(row: TimeEntry) -> dict[str, object]:
    return {
        "id": row.id,
        "scope": row.scope,
        "room_id": row.room_id,
        "attempt_id": row.attempt_id,
        "kind": row.kind,
        "from_ms": to_ms(row.from_at) if row.from_at else None,
        "to_ms": to_ms(row.to_at) if row.to_at else None,
        "grant_ms": row.grant_ms,
        "client_gap_ms": row.client_gap_ms,
        "cause": row.cause,
        "reason": row.reason,
        "status": row.status,
        "made_by": row.made_by,
    }
