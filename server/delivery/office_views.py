"""The two steps before the day that also make attempts: sealing a room's bag and publishing a sitting."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from server.core.permissions import Permission
from server.delivery.services.prepare_attempts import prepare_attempts
from server.scheduling.domain.states import SittingState
from server.scheduling.queries import require_sitting
from server.scheduling.services.publish_sitting import publish_sitting
from server.scheduling.services.seal_room_package import USUAL_SPARES, seal_room_package
from server.webkit.guards import current_actor, require
from server.webkit.parsing import parse
from server.webkit.platform import Platform

SITTING = "/sittings/<sitting_id>"


class NoFields(BaseModel):
    """Publishing says everything in its address."""

    model_config = ConfigDict(extra="forbid")


class BagWanted(BaseModel):
    """POST seal-room."""

    model_config = ConfigDict(extra="forbid")

    room_id: str = Field(max_length=64)
    paper_id: str = Field(max_length=64)
    spares: int = USUAL_SPARES
    replaces: bool = False


def register(app: Flask, platform: Platform) -> None:
    """Attach both under /api/scheduling, where the office's other steps are."""
    api = Blueprint("office", __name__)

    @api.post(f"{SITTING}/publish")
    @require(Permission.SCHEDULING_SITTING_PLAN)
    def publish(sitting_id: str) -> Response:
        parse(NoFields)
        with platform.uow.read() as session:
            state = require_sitting(session, sitting_id).state
        # whoever died between the two steps has published a sitting without attempts: pressing again makes them
        made = prepare_attempts(platform.uow, sitting_id, current_actor()) if state == SittingState.PUBLISHED else 0
        if not made:
            state = publish_sitting(platform.uow, sitting_id, current_actor()).state
            made = prepare_attempts(platform.uow, sitting_id, current_actor())
        return jsonify(state=state, attempts=made)

    @api.post(f"{SITTING}/seal-room")
    @require(Permission.BANK_PAPER_SEAL)
    def seal_room(sitting_id: str) -> Response:
        wanted = parse(BagWanted)
        sealed = seal_room_package(
            platform.uow, platform.vault, platform.paper_store, sitting_id, wanted.room_id, wanted.paper_id,
            current_actor(), wanted.spares, replaces=wanted.replaces,
        )  # fmt: skip
        with platform.uow.read() as session:
            is_published = require_sitting(session, sitting_id).state == SittingState.PUBLISHED
        if is_published:
            prepare_attempts(platform.uow, sitting_id, current_actor())
        response = jsonify(
            package_id=sealed.package_id,
            digest=sealed.digest,
            script_count=sealed.script_count,
            opening_secrets=list(sealed.opening_secrets),
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    app.register_blueprint(api, url_prefix="/api/scheduling")
