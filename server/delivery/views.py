"""HTTP for the candidate page. Saving by POST takes the same writer as the socket: it must work when that is down."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, g, jsonify, make_response, request, send_from_directory

from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.permissions import Permission
from server.delivery.candidate_state import candidate_state, stored_responses
from server.delivery.journal_file import export_ticket
from server.delivery.models import Attempt
from server.delivery.node_pass import issue_pass, pass_in_header
from server.delivery.runtime import DeliveryRuntime
from server.delivery.services.begin_attempt import begin_attempt
from server.delivery.services.confirm_step import confirm_step
from server.delivery.services.mark_message_seen import mark_message_seen
from server.delivery.services.raise_hand import raise_hand
from server.delivery.services.save_preferences import save_preferences
from server.delivery.services.sign_in_candidate import SignInRequest, sign_in_candidate
from server.delivery.services.submit_attempt import submit_attempt
from server.delivery.sessions import SignedInCandidate, candidate_of, cookie_name, end_session, hash_of
from server.delivery.sign_in_door import SignInDoor
from server.delivery.wire import (
    Begin,
    Begun,
    Confirm,
    Heartbeat,
    Preferences,
    RaiseHand,
    RecordAnswers,
    SignIn,
    StoredResponse,
    Submit,
)
from server.webkit.guards import peer_address, public, register_loader, require
from server.webkit.pages import page
from server.webkit.parsing import parse
from server.webkit.platform import Platform
from server.webkit.turns import take_turns

PREFIX = "/api/candidate"
#: what pages send all the time when the live channel is down; who writes is judged with every entry once more, by its epoch
REMEMBERED_FOR = frozenset({f"{PREFIX}/answers", f"{PREFIX}/heartbeat"})
MAY_ANSWER = require(Permission.DELIVERY_ANSWER_RECORD)
MAY_READ = require(Permission.DELIVERY_ATTEMPT_READ_OWN)


def register(app: Flask, platform: Platform, runtime: DeliveryRuntime) -> None:
    """Attach the candidate's addresses to the application."""
    settings = platform.settings
    cookie = cookie_name(secure=settings.secure_cookies)
    api = Blueprint("candidate", __name__)
    take_turns(api, free=REMEMBERED_FOR)
    door = SignInDoor(settings.sign_ins_at_once, platform.clock)

    def shown_login() -> str:
        """The log-in this request shows: a pass goes before a cookie, which may be of an earlier log-in here."""
        passed = pass_in_header(platform.vault, request.headers.get("Authorization", ""))
        token = request.cookies.get(cookie, "")
        return passed or (hash_of(token) if token else "")

    def load() -> tuple[list[Actor], str] | None:
        login = shown_login()
        if not login:
            return None
        g.candidate = runtime.logins.recall(login) if request.path in REMEMBERED_FOR else None
        if g.candidate is None:
            with platform.uow.read() as session:
                g.candidate = candidate_of(session, login)
            runtime.logins.keep(login, g.candidate)
        return [g.candidate.actor], ""

    register_loader(app, PREFIX, load)

    def me() -> SignedInCandidate:
        candidate: SignedInCandidate = g.candidate
        return candidate

    def state_of(attempt_id: str, epoch: int, login: str = "") -> Response:
        with platform.uow.read() as session:
            state = candidate_state(
                session, platform.vault, attempt_id, epoch, platform.clock.now(), settings.node_addresses
            )
        if settings.node_addresses:
            state.node_pass = issue_pass(platform.vault, login or shown_login())
        return jsonify(state.model_dump())

    @app.get("/")
    @public("the empty shell of the candidate page")
    def candidate_page() -> str:
        return page("exam_client/web/main.ts", "理论知识考试 · 明远", settings.node_addresses)

    @app.get("/papers/<name>")
    @public("content-named ciphertext; useless without the key that is given at the start")
    def paper_file(name: str) -> Response:
        if not (name.endswith(".bin") and name.removesuffix(".bin").isalnum()):
            raise NotFound
        return send_from_directory(
            platform.paper_store.resolve(), name, mimetype="application/octet-stream", max_age=None
        )

    @api.post("/sign-in")
    @public("this is how a candidate signs in; throttled per ticket and per seat")
    def sign_in() -> Response:
        message = parse(SignIn)
        asked = SignInRequest(
            message.ticket_number,
            message.pin,
            message.device_secret,
            message.seat_number,
            peer_address(),
            message.rehearsal,
        )
        with door.turn(seated=cookie in request.cookies):
            signed_in = sign_in_candidate(platform.uow, platform.vault, runtime.throttle, asked)
        with platform.uow.read() as session:
            epoch = session.get_one(Attempt, signed_in.attempt_id).epoch
        response = make_response(state_of(signed_in.attempt_id, epoch, hash_of(signed_in.token)))
        response.set_cookie(
            cookie,
            signed_in.token,
            httponly=True,
            samesite="Strict",
            secure=settings.secure_cookies,
            path="/",
            max_age=86400,
        )
        return response

    @api.get("/state")
    @MAY_READ
    def state() -> Response:
        runtime.saw(me())
        return state_of(me().attempt_id, me().epoch)

    @api.post("/confirm")
    @MAY_ANSWER
    def confirm() -> Response:
        confirm_step(platform.uow, me().attempt_id, parse(Confirm).step)
        return state_of(me().attempt_id, me().epoch)

    @api.post("/begin")
    @MAY_ANSWER
    def begin() -> Response:
        candidate = me()
        begun = begin_attempt(
            platform.uow, platform.vault, candidate.attempt_id, parse(Begin).page_id, candidate.epoch, candidate.actor
        )
        attempt, responses = begun.attempt, list[StoredResponse]()
        if not begun.is_first:
            with platform.uow.read() as session:
                responses = stored_responses(session, attempt.id)
        reply = Begun(
            key=begun.key,
            epoch=begun.epoch,
            last_seq=begun.last_seq,
            responses=responses,
            clock=begun.clock,
            export=export_ticket(platform.vault, attempt.id, attempt.script_id or "", attempt.device_hash or ""),
        )
        return jsonify(reply.model_dump())

    @api.post("/answers")
    @MAY_ANSWER
    def answers() -> Response:
        runtime.saw(me())
        message = parse(RecordAnswers)
        return jsonify(runtime.desk.record(me(), message).as_reply_to(message))

    @api.post("/heartbeat")
    @MAY_READ
    def heartbeat() -> Response:
        return jsonify(runtime.heartbeat(me(), parse(Heartbeat)).model_dump())

    @api.post("/submit")
    @MAY_ANSWER
    def submit() -> Response:
        candidate = me()
        parse(Submit)
        submit_attempt(platform.uow, candidate.attempt_id, candidate.epoch, candidate.actor)
        return state_of(candidate.attempt_id, candidate.epoch)

    @api.post("/hand")
    @MAY_READ
    def hand() -> tuple[Any, int]:
        raise_hand(platform.uow, me().attempt_id, parse(RaiseHand).reason)
        return "", 204

    @api.post("/preferences")
    @MAY_READ
    def preferences() -> tuple[Any, int]:
        save_preferences(platform.uow, me().attempt_id, parse(Preferences).model_dump())
        return "", 204

    @api.post("/messages/<message_id>/seen")
    @MAY_READ
    def message_seen(message_id: str) -> tuple[Any, int]:
        mark_message_seen(platform.uow, me().attempt_id, message_id)
        runtime.heartbeats.leave(me().attempt_id)  # else the next beat would bring it again
        return "", 204

    @api.post("/sign-out")
    @public("ends the log-in of the cookie or pass, whoever holds it")
    def sign_out() -> Response:
        with platform.uow() as work:
            end_session(work.session, shown_login(), platform.clock.now())
        runtime.logins.drop(shown_login())
        response = make_response("", 204)
        response.delete_cookie(cookie, path="/")
        return response

    app.register_blueprint(api, url_prefix=PREFIX)
