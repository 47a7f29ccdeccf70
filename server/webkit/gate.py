"""What a node turns away before anybody looks at it: new work while it leaves, writing while the database hangs.

Turned away at once and with a hint when to ask again; a proxy passes what may be repeated to another node, a page goes
there by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from server.core.errors import Unavailable

HEALTH = "/healthz"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Gate:
    """A WSGI wrapper; what is under way already is not touched."""

    def __init__(self, inner: Wsgi, is_leaving: Callable[[], bool], cannot_write: Callable[[], bool]) -> None:
        self._inner = inner
        self._is_leaving = is_leaving
        self._cannot_write = cannot_write

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == HEALTH:
            return self._inner(environ, start_response)
        if self._is_leaving():
            return _turn_away(stopping(), 1, start_response, [("Connection", "close")])
        if environ.get("REQUEST_METHOD") not in SAFE_METHODS and self._cannot_write():
            return _turn_away(storage_unavailable(), 2, start_response, [])
        return self._inner(environ, start_response)


def stopping() -> Unavailable:
    """This node is going; another one is there."""
    return Unavailable(
        "SERVER_STOPPING",
        "服务器正在切换，请稍候，将自动重试。",
        "This server is being restarted; it is tried again by itself.",
    )


def storage_unavailable() -> Unavailable:
    """The database is away or hangs. Whether what was asked has happened is unknown; asking again is right."""
    return Unavailable(
        "STORAGE_UNAVAILABLE",
        "服务器暂时无法保存，请稍候再试；作答保存在本机，将自动重发。",
        "The server cannot store at the moment; try again in a moment. Answers are kept and sent again by themselves.",
    )


def _turn_away(refusal: Unavailable, seconds: int, start_response: Any, more: list[tuple[str, str]]) -> Iterable[bytes]:
    body = json.dumps({**refusal.as_dict(), "request_id": ""}, ensure_ascii=False).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Retry-After", str(seconds)),
        ("Cache-Control", "no-store"),
        *more,
    ]
    start_response("503 Service Unavailable", headers)
    return [body]
