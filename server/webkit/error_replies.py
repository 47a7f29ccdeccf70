"""One table from kinds of refusal to HTTP statuses, and one form for every refusal on every channel.

`{"code", "message_zh", "message_en", "request_id", "data"}`; never a stack trace (checklist 7, G8: fail closed).
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Flask, Response, g, jsonify, request
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from server.core import errors
from server.webkit.gate import storage_unavailable

log = logging.getLogger(__name__)

STATUS: dict[type[errors.MingyuanError], int] = {
    errors.InvalidInput: 422,
    errors.NotSignedIn: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.TooLarge: 413,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}

HTTP_WORDS = {
    404: ("NOT_FOUND", "没有找到这个页面或内容。", "There is no such page or content."),
    405: ("METHOD_NOT_ALLOWED", "这个地址不接受这种请求。", "This address does not take this kind of request."),
    413: ("BODY_TOO_LARGE", "提交的内容过大。", "The request is larger than is accepted."),
    415: ("MEDIA_TYPE_NOT_ACCEPTED", "请以 JSON 提交。", "Send JSON."),
}


def status_of(error: errors.MingyuanError) -> int:
    """The HTTP status of a refusal."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)


def invalid_fields(error: ValidationError) -> errors.InvalidInput:
    """A pydantic complaint as our refusal, naming each field; the values themselves are not repeated."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = [p for p in problems if p["type"] == "extra_forbidden"]
    code = "UNKNOWN_FIELD" if unknown else "FIELD_INVALID"
    fields = [{"field": ".".join(str(part) for part in p["loc"]), "problem": p["msg"]} for p in problems[:20]]
    names = "、".join(f["field"] for f in fields)
    return errors.InvalidInput(
        code, f"这些内容不符合要求：{names}。请更正后再提交。", f"Not accepted: {names}.", fields=fields
    )


def reply(error: errors.MingyuanError) -> tuple[dict[str, Any], int]:
    """Body and status of a refusal."""
    return {**error.as_dict(), "request_id": g.get("request_id", "")}, status_of(error)


def register(app: Flask) -> None:
    """Attach the handlers to the application."""

    @app.before_request
    def _number_the_request() -> None:
        g.request_id = secrets.token_hex(6)
        if "\0" in request.path:  # no id of ours holds one, and PostgreSQL cannot even be asked about it
            raise errors.NotFound

    @app.errorhandler(errors.MingyuanError)
    def _refusal(error: errors.MingyuanError) -> tuple[Response, int]:
        body, status = reply(error)
        response = jsonify(body)
        if isinstance(error, errors.TooManyRequests) or "retry_after" in error.data:
            response.headers["Retry-After"] = str(error.data.get("retry_after", 1))
        return response, status

    @app.errorhandler(ValidationError)
    def _invalid(error: ValidationError) -> tuple[Response, int]:
        body, status = reply(invalid_fields(error))
        return jsonify(body), status

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        code, zh, en = HTTP_WORDS.get(status, ("HTTP_ERROR", "请求没有被接受。", "The request was not accepted."))
        response = jsonify({"code": code, "message_zh": zh, "message_en": en, "request_id": g.get("request_id", "")})
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response, status

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(PoolTimeout)
    @app.errorhandler(InternalError)
    def _storage(error: Exception) -> tuple[Response, int]:
        log.warning("request %s met the database away: %s", g.get("request_id", ""), type(error).__name__)
        body, status = reply(storage_unavailable())
        response = jsonify(body)
        response.headers["Retry-After"] = "2"
        return response, status

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> tuple[Response, int]:
        log.exception("request %s failed", g.get("request_id", ""), exc_info=error)
        return (
            jsonify(
                {
                    "code": "INTERNAL",
                    "message_zh": "系统出现意外问题，这次操作没有生效。请重试；仍不行请告知技术支持并报上编号。",
                    "message_en": "Something unexpected happened and nothing was changed. Try again, or tell support the number.",
                    "request_id": g.get("request_id", ""),
                }
            ),
            500,
        )
