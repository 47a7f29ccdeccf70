"""Security headers of every reply (checklist F1, F3), and the WSGI edge in front of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask, Response, request

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self' ws: wss:; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
CONTENT_NAMED = ("/static/dist/assets/", "/papers/")


def content_policy(node_origins: Sequence[str] = ()) -> str:
    """The content policy; pages may also ask the installation's other nodes."""
    return CSP.replace("connect-src 'self'", " ".join(["connect-src 'self'", *node_origins]))


def register(app: Flask, secure: bool, node_origins: Sequence[str] = ()) -> None:
    """Attach the headers to every reply."""
    policy = content_policy(node_origins)

    @app.after_request
    def _protect(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        # Content-named files never change. That a file is missing may change the next moment, so it is not kept.
        if request.path.startswith(CONTENT_NAMED) and response.status_code in {200, 206, 304}:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        elif not request.path.startswith("/static/") or response.status_code >= 400:
            headers["Cache-Control"] = "no-store"  # over what sending a file set by itself
        return response


def without_compression(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Drop the browser's offer of permessage-deflate: it costs 3x CPU and 260 kB a connection (realtime.md 3)."""

    def edge(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        return app(environ, start_response)

    return edge
