"""Incoming JSON → one of our typed classes, or a clear refusal."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from server.core.errors import InvalidInput
from server.webkit.error_replies import invalid_fields

Model = TypeVar("Model", bound=BaseModel)

#: Bytes of a JSON body. The largest message we have, a full batch of answers, is a quarter of it; files have their own limit.
MAX_JSON = 256 * 1024


def parse(model: type[Model], data: Any = None) -> Model:
    """The request's JSON body (or `data`) as `model`.

    Raises:
        InvalidInput: `JSON_EXPECTED`, `UNKNOWN_FIELD`, `FIELD_INVALID`, `TEXT_NOT_STORABLE`.
        RequestEntityTooLarge: more than `MAX_JSON` bytes (`BODY_TOO_LARGE`).
    """
    if data is None:
        request.max_content_length = MAX_JSON
        try:
            data = request.get_json(silent=True)
        except RecursionError:  # brackets in brackets without end
            data = None
    if not isinstance(data, dict):
        raise InvalidInput("JSON_EXPECTED", "请提交 JSON 对象。", "Send a JSON object.")
    try:
        message = model.model_validate(data)
    except ValidationError as error:
        raise invalid_fields(error) from None
    if _holds_nul(data):
        raise InvalidInput(
            "TEXT_NOT_STORABLE",
            "文字里有不能保存的控制字符，请删去后再提交。",
            "The text holds a control character that cannot be stored; remove it.",
        )
    return message


def _holds_nul(value: Any) -> bool:
    """PostgreSQL keeps no NUL in a text, and no text of ours needs one."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(each) for each in (*value, *value.values()))
    return isinstance(value, list) and any(_holds_nul(each) for each in value)
