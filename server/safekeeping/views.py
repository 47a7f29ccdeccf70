"""HTTP: the readiness list for the office; uploads that wait while the disk is nearly full."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, jsonify, request

from server.core.permissions import Permission
from server.safekeeping.disk_watch import DiskWatch
from server.safekeeping.readiness import as_document, read_readiness
from server.webkit.guards import require
from server.webkit.platform import Platform

#: last parts of addresses whose requests fill the disk and can wait; never an answer's
CAN_WAIT = frozenset({"import-roster", "assemble-paper", "seal-room", "issue-tickets", "import"})


def register(app: Flask, platform: Platform, disks: DiskWatch) -> None:
    """Attach `/api/office/readiness` and the guard of the disk."""
    api = Blueprint("safekeeping", __name__)

    @app.before_request
    def refuse_when_full() -> None:
        if request.method == "POST" and request.path.rsplit("/", 1)[-1] in CAN_WAIT:
            disks.refuse_if_full()

    @api.get("/readiness")
    @require(Permission.SAFEKEEPING_READINESS_READ)
    def readiness() -> Response:
        return jsonify(as_document(read_readiness(platform)))

    app.register_blueprint(api, url_prefix="/api/office")
