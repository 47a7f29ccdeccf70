"""HTTP of staff log-in, and how every staff address recognises people."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, make_response, request
from pydantic import BaseModel, ConfigDict, Field

from server.accounts.models import Account, StaffSession
from server.accounts.queries import roles_of, session_actor
from server.accounts.services.look_up_setup_code import look_up_setup_code
from server.accounts.services.sign_in import sign_in
from server.accounts.services.sign_out import sign_out
from server.accounts.services.use_setup_code import use_setup_code
from server.adapters.throttle import Throttle
from server.core.actor import Actor
from server.core.errors import NotSignedIn
from server.webkit.guards import check_same_origin, peer_address, public, register_loader
from server.webkit.pages import page
from server.webkit.parsing import parse
from server.webkit.platform import Platform
from server.webkit.socket_base import cookie_of


class StaffSignIn(BaseModel):
    """POST /api/staff/sign-in."""

    model_config = ConfigDict(extra="forbid")

    login_name: str = Field(min_length=1, max_length=80)
    password: str = Field(min_length=1, max_length=256)


class SetupCodeTyped(BaseModel):
    """POST /api/staff/setup-code."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=80)


class SetUp(SetupCodeTyped):
    """POST /api/staff/setup. The names count for the first account alone."""

    password: str = Field(max_length=4096)
    login_name: str = Field("", max_length=200)
    display_name: str = Field("", max_length=200)


def cookie_name(*, secure: bool) -> str:
    """`__Host-` where browsers reach us by https."""
    return "__Host-mingyuan-staff" if secure else "mingyuan-staff"


def actors_of(account: Account, staff_session: StaffSession) -> list[Actor]:
    """The person, once for each role."""
    return [
        Actor(account.id, role, account.display_name, staff_session.machine, staff_session.token_hash)
        for role in roles_of(account)
    ]


class StaffDoor:
    """Recognises staff by cookie, on HTTP and at the socket handshake."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.cookie = cookie_name(secure=platform.settings.secure_cookies)

    def recognise(self, token: str) -> tuple[list[Actor], str] | None:
        """Everybody this token's holder is, and the CSRF token; None when nobody is signed in with it."""
        if not token:
            return None
        with self._platform.uow.read() as session:
            found = session_actor(session, token, self._platform.clock.now())
        return (actors_of(*found), found[1].csrf_token) if found else None

    def at_handshake(self, environ: dict[str, Any]) -> list[Actor] | None:
        """Who opens this socket."""
        recognised = self.recognise(cookie_of(environ, self.cookie))
        return recognised[0] if recognised else None


def register(app: Flask, platform: Platform, throttle: Throttle) -> StaffDoor:
    """Attach log-in and the staff loader; returns the door for the sockets."""
    door = StaffDoor(platform)
    secure = platform.settings.secure_cookies
    api = Blueprint("staff", __name__)
    register_loader(app, "/", lambda: door.recognise(request.cookies.get(door.cookie, "")))

    @app.get("/staff")
    @public("the empty shell of the staff page")
    def staff_page() -> str:
        return page("server/web/staff/main.ts", "考务 · 明远")

    @app.get("/setup")
    @public("the empty shell of the page where a set-up code is used")
    def setup_page() -> str:
        return page("server/web/staff/main.ts", "账号设置 · 明远")

    @api.post("/setup-code")
    @public("says what a set-up code is for to whoever holds it; throttled per machine")
    def setup_code() -> Response:
        typed = parse(SetupCodeTyped)
        purpose = look_up_setup_code(platform.uow, typed.code, peer_address(), throttle)
        return jsonify(dataclasses.asdict(purpose))

    @api.post("/setup")
    @public("a set-up code of 100 random bits is the key to it; throttled per machine")
    def set_up() -> Response:
        chosen = parse(SetUp)
        account = use_setup_code(
            platform.uow, chosen.code, chosen.password, chosen.login_name, chosen.display_name, peer_address(), throttle
        )
        return jsonify(login_name=account.login_name, display_name=account.display_name, roles=account.roles)

    def whoami(actors: list[Actor], csrf_token: str) -> dict[str, Any]:
        first = actors[0]
        return {
            "account": {"id": first.id, "display_name": first.name, "roles": [actor.role.value for actor in actors]},
            "csrf_token": csrf_token,
        }

    @api.post("/sign-in")
    @public("this is how staff sign in; throttled per account and per machine")
    def staff_sign_in() -> Response:
        message = parse(StaffSignIn)
        token, _ = sign_in(platform.uow, message.login_name, message.password, peer_address(), throttle)
        recognised = door.recognise(token)
        if recognised is None:
            raise NotSignedIn("SESSION_ENDED", "登录已结束，请重新登录。", "The log-in has ended.")
        response = make_response(jsonify(whoami(*recognised)))
        response.set_cookie(door.cookie, token, httponly=True, samesite="Strict", secure=secure, path="/")
        return response

    @api.get("/me")
    @public("says who is signed in with the cookie, or nobody")
    def me() -> Response:
        recognised = door.recognise(request.cookies.get(door.cookie, ""))
        if recognised is None:
            raise NotSignedIn(
                "SESSION_ENDED", "尚未登录或登录已结束，请重新登录。", "Not signed in, or the log-in has ended."
            )
        return jsonify(whoami(*recognised))

    @api.post("/sign-out")
    @public("ends the log-in of the cookie, whoever holds it")
    def staff_sign_out() -> Response:
        check_same_origin()
        token = request.cookies.get(door.cookie, "")
        recognised = door.recognise(token)
        if recognised is not None:
            sign_out(platform.uow, token, recognised[0][0])
        response = make_response("", 204)
        response.delete_cookie(door.cookie, path="/")
        return response

    app.register_blueprint(api, url_prefix="/api/staff")
    return door
