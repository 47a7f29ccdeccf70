"""HTTP of the exam office before the day, under /api/scheduling; publishing and sealing are in `server/delivery/office_views.py`."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from enum import StrEnum

from flask import Blueprint, Flask, Response, jsonify, request, send_file
from pydantic import BaseModel, ConfigDict, Field, field_validator

from server.adapters.print_fonts import find_print_fonts
from server.adapters.real_thread import in_real_thread
from server.core.errors import InvalidInput
from server.core.permissions import Permission
from server.scheduling.domain.rule_profile import load_profile
from server.scheduling.office_queries import bags_wanted, choices, sitting_in_full, sittings_in_preparation
from server.scheduling.queries import sitting_profile
from server.scheduling.services.assign_proctors import assign_proctors
from server.scheduling.services.assign_seats import DEFAULT_FORMS, assign_seats
from server.scheduling.services.create_centre import create_centre
from server.scheduling.services.create_room import create_room
from server.scheduling.services.import_roster import import_roster
from server.scheduling.services.issue_tickets import issue_tickets
from server.scheduling.services.plan_sitting import CHINA, plan_sitting
from server.scheduling.ticket_sheets import draw_ticket_list, draw_ticket_pdf
from server.webkit.guards import current_actor, public, require
from server.webkit.pages import page
from server.webkit.parsing import parse
from server.webkit.platform import Platform

READ = require(Permission.SCHEDULING_SITTING_READ)
PLAN = require(Permission.SCHEDULING_SITTING_PLAN)
SITTING = "/sittings/<sitting_id>"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewCentre(_Body):
    """POST create-centre."""

    name: str = Field(max_length=200)
    institution_code: str = Field("", max_length=40)


class NewRoom(_Body):
    """POST create-room. `empty_places`: `[row, column]` where nothing stands, both from 1."""

    centre_id: str = Field(max_length=64)
    name: str = Field(max_length=200)
    number: int
    rows: int
    columns: int
    aisles_after: list[int] = Field(default=[], max_length=40)
    spare: int = 0
    empty_places: list[tuple[int, int]] = Field(default=[], max_length=400)


class NewSitting(_Body):
    """POST plan-sitting. A start without a zone is wall time in China."""

    centre_id: str = Field(max_length=64)
    name: str = Field(max_length=120)
    occupation_code: str = Field(max_length=20)
    occupation_name: str = Field(max_length=80)
    level: int
    starts_at: datetime
    duration_minutes: int = Field(gt=0, le=24 * 60)
    room_ids: list[str] = Field(max_length=200)
    profile: str = Field("default", max_length=40)
    plan_number: str = Field("", max_length=6)
    is_rehearsal: bool = False

    @field_validator("starts_at")
    @classmethod
    def _in_china(cls, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)


class SeatsWanted(_Body):
    """POST assign-seats."""

    forms: list[str] = Field(default=list(DEFAULT_FORMS), min_length=1, max_length=8)
    seed: int | None = None


class TicketsWanted(_Body):
    """POST issue-tickets. New PINs for everybody need a reason."""

    new_pins: bool = False
    reason: str = Field("", max_length=400)


class RoomProctors(_Body):
    """POST assign-proctors: account ids."""

    room_id: str = Field(max_length=64)
    chief_id: str = Field(max_length=64)
    deputy_ids: list[str] = Field(max_length=10)


class RosterMode(StrEnum):
    """What to do with an uploaded roster."""

    CHECK = "check"  #: report and store nothing
    ALL = "all"  #: all rows or none
    GOOD = "good"  #: the good rows


def register(app: Flask, platform: Platform) -> None:
    """Attach `/office` and `/api/scheduling/…`."""

    @app.get("/office")
    @public("the empty shell of the exam office's page")
    def office_page() -> str:
        return page("server/web/office/main.ts", "考务 · 明远")

    app.register_blueprint(_reading(platform), url_prefix="/api/scheduling")
    app.register_blueprint(_planning(platform), url_prefix="/api/scheduling")


def _reading(platform: Platform) -> Blueprint:
    api = Blueprint("scheduling_reading", __name__)

    @api.get("/sittings")
    @READ
    def sittings() -> Response:
        with platform.uow.read() as session:
            return jsonify(sittings=sittings_in_preparation(session))

    @api.get(SITTING)
    @READ
    def sitting(sitting_id: str) -> Response:
        with platform.uow.read() as session:
            return jsonify(sitting_in_full(session, sitting_id))

    @api.get("/choices")
    @PLAN
    def what_to_choose_from() -> Response:
        with platform.uow.read() as session:
            return jsonify(choices(session))

    @api.get("/bags")
    @require(Permission.BANK_PAPER_SEAL)
    def bags() -> Response:
        with platform.uow.read() as session:
            return jsonify(sittings=bags_wanted(session))

    return api


def _planning(platform: Platform) -> Blueprint:
    api = Blueprint("scheduling", __name__)

    @api.post("/create-centre")
    @PLAN
    def make_centre() -> Response:
        wanted = parse(NewCentre)
        centre = create_centre(platform.uow, wanted.name, current_actor(), wanted.institution_code)
        return jsonify(centre_id=centre.id)

    @api.post("/create-room")
    @PLAN
    def make_room() -> Response:
        room = create_room(platform.uow, actor=current_actor(), **parse(NewRoom).model_dump())
        return jsonify(room_id=room.id)

    @api.post("/plan-sitting")
    @PLAN
    def plan() -> Response:
        wanted = parse(NewSitting)
        sitting = plan_sitting(
            platform.uow, wanted.centre_id, wanted.name, wanted.occupation_code, wanted.occupation_name, wanted.level,
            wanted.starts_at, timedelta(minutes=wanted.duration_minutes), wanted.room_ids, load_profile(wanted.profile),
            current_actor(), wanted.plan_number, is_rehearsal=wanted.is_rehearsal,
        )  # fmt: skip
        return jsonify(sitting_id=sitting.id)

    @api.post(f"{SITTING}/import-roster")
    @PLAN
    def roster(sitting_id: str) -> Response:
        name, data, mode = _uploaded_roster()
        report = import_roster(
            platform.uow, platform.vault, sitting_id, name, data, current_actor(),
            accept_good=mode is RosterMode.GOOD, check_only=mode is RosterMode.CHECK,
        )  # fmt: skip
        return jsonify(report.as_dict())

    @api.post(f"{SITTING}/assign-seats")
    @PLAN
    def seats(sitting_id: str) -> Response:
        wanted = parse(SeatsWanted)
        assigned = assign_seats(platform.uow, sitting_id, current_actor(), wanted.forms, wanted.seed)
        return jsonify(seated=assigned.seated, by_room=assigned.by_room, seed=assigned.seed)

    @api.post(f"{SITTING}/issue-tickets")
    @PLAN
    def tickets(sitting_id: str) -> Response:
        wanted = parse(TicketsWanted)
        if wanted.new_pins and not wanted.reason.strip():
            raise InvalidInput("REASON_REQUIRED", "重新生成密码须写明原因。", "New PINs need a reason.")
        return _ticket_files(platform, sitting_id, wanted)

    @api.post(f"{SITTING}/assign-proctors")
    @PLAN
    def proctors(sitting_id: str) -> Response:
        wanted = parse(RoomProctors)
        assigned = assign_proctors(
            platform.uow, sitting_id, wanted.room_id, wanted.chief_id, wanted.deputy_ids, current_actor()
        )
        return jsonify(proctors=[{"account_id": one.account_id, "duty": one.duty} for one in assigned])

    return api


def _uploaded_roster() -> tuple[str, bytes, RosterMode]:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput(
            "FILE_MISSING", "请选择名单文件（.xlsx 或 .csv）后再提交。", "Choose a roster file (.xlsx or .csv) first."
        )
    mode = request.form.get("mode", RosterMode.CHECK.value)
    if mode not in set(RosterMode):
        raise InvalidInput("FIELD_INVALID", "mode 应为 check、all 或 good。", "mode is check, all or good.")
    with file.stream as stream:
        return file.filename, stream.read(), RosterMode(mode)


def _ticket_files(platform: Platform, sitting_id: str, wanted: TicketsWanted) -> Response:
    """Tickets to print and as a list, in one file made in memory: the PINs are in this reply and nowhere else."""
    find_print_fonts()  # before PINs are made: a missing font must not leave tickets nobody can print
    with platform.uow.read() as session:
        profile = sitting_profile(session, sitting_id)
    issued = issue_tickets(
        platform.uow, platform.vault, sitting_id, current_actor(), new_pins=wanted.new_pins, reason=wanted.reason
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("准考证.pdf", in_real_thread(draw_ticket_pdf, issued, profile), zipfile.ZIP_STORED)
        package.writestr("准考证清单.xlsx", in_real_thread(draw_ticket_list, issued), zipfile.ZIP_STORED)
    file.seek(0)
    response = send_file(file, mimetype="application/zip", as_attachment=True, download_name="tickets.zip", etag=False)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Tickets"] = str(len(issued))
    return response
