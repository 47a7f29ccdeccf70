"""Which other origins may talk to us: the nodes of this very installation, for the candidate's addresses alone.

A candidate's page goes on at another node when the one it came from is gone. That node is another origin, so the
browser asks first (CORS). Allowed are the configured `node_addresses` and `public_origins`, without cookies: whoever
comes across shows a node pass (`server/delivery/node_pass.py`). The staff's addresses stay same-origin.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request

from server.settings import Settings

#: addresses a candidate's page may use at a node it did not come from
CROSSING_PREFIXES = ("/api/candidate/", "/papers/")
PREFLIGHT_KEPT_S = "600"


def origin_of(address: str) -> str:
    """`https://exam-1.lan:8443/x` → `https://exam-1.lan:8443`."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def node_origins(settings: Settings) -> list[str]:
    """Origins of all nodes and of the configured public addresses, each once."""
    return list(dict.fromkeys(origin_of(one) for one in [*settings.node_addresses, *settings.public_origins]))


def socket_origin_allowed(settings: Settings, origin: str, environ: dict[str, Any]) -> bool:
    """For the live channel: our own host, or one of the installation's origins."""
    host = environ.get("HTTP_X_FORWARDED_HOST") if settings.trusted_proxies else None
    own = {environ.get("HTTP_HOST", ""), (host or "").split(",")[0].strip()} - {""}
    return urlsplit(origin).netloc in own or origin in node_origins(settings)


def crosses_rightly() -> bool:
    """The present request comes from a page of another of our nodes and goes to a candidate's address."""
    origin = request.headers.get("Origin")
    if origin is None or not request.path.startswith(CROSSING_PREFIXES):
        return False
    settings: Settings = current_app.extensions["mingyuan"].settings
    return origin in node_origins(settings)


def register(app: Flask, settings: Settings) -> None:
    """Answer the browser's question for pages of our other nodes; everybody else is told nothing."""
    origins = frozenset(node_origins(settings))

    @app.after_request
    def _say_who_may(response: Response) -> Response:
        if not request.path.startswith(CROSSING_PREFIXES):
            return response
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = PREFLIGHT_KEPT_S
        return response
