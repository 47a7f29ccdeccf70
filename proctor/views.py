"""Addresses of the proctor's board."""

from __future__ import annotations

import io
from collections.abc import Callable

from flask import Blueprint, Flask, Response, jsonify, send_file
from pydantic import BaseModel

from proctor.board_feed import PART, BoardFeed
from proctor.commands import COMMAND_TABLE, Command
from proctor.queries import rooms_of, snapshot
from proctor.reactions import subscribe_reactions
from proctor.services.make_room_record import read_room_record
from proctor.spare_rooms import spare_rooms
from proctor.wire import COMMANDS
from server.core.permissions import Permission
from server.scheduling.models import Sitting
from server.scheduling.queries import require_room
from server.webkit.guards import current_actor, public, require
from server.webkit.pages import page
from server.webkit.parsing import parse
from server.webkit.platform import Platform

ROOM = "/board/<sitting_id>/<room_id>"


def register(app: Flask, platform: Platform) -> None:
    """Attach `/board/<sitting>/<room>`, `/api/proctor/…` and the reactions to alarms."""
    api = Blueprint("proctor", __name__)
    subscribe_reactions(platform)

    @app.get(ROOM)
    @public("the empty shell of the board; what it shows needs a log-in")
    def board_page(sitting_id: str, room_id: str) -> str:  # noqa: ARG001 - the page reads its own address
        return page("proctor/web/main.ts", "监考台 · 明远")

    @api.get("/rooms")
    @require(Permission.PROCTOR_BOARD_READ)
    def rooms() -> Response:
        with platform.uow.read() as session:
            return jsonify([duty.model_dump() for duty in rooms_of(session, current_actor())])

    @api.get(ROOM)
    @require(Permission.PROCTOR_BOARD_READ)
    def board(sitting_id: str, room_id: str) -> Response:
        feed: BoardFeed | None = platform.parts.get(PART)
        with platform.uow.read() as session:
            require_room(session, current_actor(), sitting_id, room_id)
        # The number before the reading: the snapshot is then at least as new as its number says.
        version = feed.version(sitting_id, room_id) if feed else 0
        alarms = feed.transient_alarms(sitting_id, room_id) if feed else []
        with platform.uow.read() as session:
            body = snapshot(session, sitting_id, room_id, platform.clock.now(), version=version, extra_alarms=alarms)
        return _json(body)

    @api.get(f"{ROOM}/spare-rooms")
    @require(Permission.PROCTOR_SEAT_RELEASE)
    def spare_rooms_of(sitting_id: str, room_id: str) -> Response:
        with platform.uow.read() as session:
            require_room(session, current_actor(), sitting_id, room_id)
            found = spare_rooms(session, session.get_one(Sitting, sitting_id), room_id)
        return jsonify([room.model_dump() for room in found])

    @api.get(f"{ROOM}/record.pdf")
    @require(Permission.PROCTOR_BOARD_READ)
    def record_pdf(sitting_id: str, room_id: str) -> Response:
        with platform.uow.read() as session:
            require_room(session, current_actor(), sitting_id, room_id)
        document = read_room_record(platform.uow, platform.record_store, sitting_id, room_id)
        return send_file(io.BytesIO(document), mimetype="application/pdf", download_name="room-record.pdf")

    for name, command in COMMAND_TABLE.items():
        api.add_url_rule(f"{ROOM}/{name}", name, _command_view(platform, name, command), methods=["POST"])
    app.register_blueprint(api, url_prefix="/api/proctor")


def _command_view(platform: Platform, name: str, command: Command) -> Callable[[str, str], Response]:
    model = COMMANDS[name]

    @require(command.permission)
    def run(sitting_id: str, room_id: str) -> Response:
        actor = current_actor()
        with platform.uow.read() as session:
            require_room(session, actor, sitting_id, room_id)  # before the body: nothing is learnt from a refusal
        return _json(command.run(platform, actor, sitting_id, room_id, parse(model)))

    return run


def _json(body: BaseModel) -> Response:
    return Response(body.model_dump_json(), mimetype="application/json")
