"""HTTP of the item bank: how ready each bank is. Counts only; no item text leaves through here."""

from __future__ import annotations

import dataclasses

from flask import Flask, Response, jsonify, request

from itembank import paper_views
from itembank.readiness import bank_readiness, spec_tables
from server.core.errors import InvalidInput
from server.core.permissions import Permission
from server.webkit.guards import public, require
from server.webkit.pages import page
from server.webkit.platform import Platform


def register(app: Flask, platform: Platform, items_required: int, items_per_point: int) -> None:
    """Attach the bank's addresses.

    Args:
        items_required, items_per_point: the rule profile's numbers (SZ-11 art. 7).
    """
    paper_views.register(app, platform)

    @app.get("/bank")
    @public("the empty shell of the bank page")
    def bank_page() -> str:
        return page("itembank/web/main.ts", "题库 · 明远")

    @app.get("/api/bank/spec-tables")
    @require(Permission.BANK_ITEM_READ)
    def tables() -> Response:
        with platform.uow.read() as session:
            return jsonify(spec_tables=spec_tables(session))

    @app.get("/api/bank/readiness")
    @require(Permission.BANK_ITEM_READ)
    def readiness() -> Response:
        occupation, level = request.args.get("occupation", ""), request.args.get("level", "")
        if not occupation or not level.isdigit():
            raise InvalidInput(
                "FIELD_INVALID",
                "请指明职业编码和等级。",
                "Say which occupation and level.",
                fields=["occupation", "level"],
            )
        with platform.uow.read() as session:
            return jsonify(
                dataclasses.asdict(bank_readiness(session, occupation, int(level), items_required, items_per_point))
            )
