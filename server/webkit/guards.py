"""One policy for HTTP: every view says who may call it. A view that says nothing fails the route test.

    @require(Permission.PROCTOR_BOARD_READ)     a signed-in person whose role has the permission
    @public("why anybody may")                  anybody

Who is signed in is found by a loader, one for each address prefix (staff, candidates). State-changing requests
need a same-origin fetch (SameSite=Strict cookie, `Sec-Fetch-Site`/`Origin`), staff also the CSRF header (F2).
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request

from server.core.actor import Actor
from server.core.errors import Forbidden, NotSignedIn
from server.core.permissions import Permission, may
from server.webkit.cross_origin import crosses_rightly

View = TypeVar("View", bound=Callable[..., Any])
#: cookie token → everybody this person is (one Actor a role) and the CSRF token ("" when cookies alone suffice)
Loader = Callable[[], tuple[list[Actor], str] | None]

POLICY = "mingyuan_policy"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def register_loader(app: Flask, prefix: str, loader: Loader) -> None:
    """Say how people behind addresses starting with `prefix` are recognised; the longest prefix wins."""
    app.extensions.setdefault("mingyuan.loaders", {})[prefix] = loader


def _load() -> tuple[list[Actor], str] | None:
    loaders: dict[str, Loader] = current_app.extensions.get("mingyuan.loaders", {})
    matching = [prefix for prefix in loaders if request.path.startswith(prefix)]
    return loaders[max(matching, key=len)]() if matching else None


def current_actor() -> Actor:
    """The person in the role that allowed the present view."""
    actor: Actor = g.actor
    return actor


def require(permission: Permission) -> Callable[[View], View]:
    """Let the view run only for a signed-in person with the permission.

    Raises:
        NotSignedIn: `SESSION_ENDED`.
        Forbidden: `FORBIDDEN`, `CSRF`.
    """

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            loaded = _load()
            if loaded is None:
                raise NotSignedIn(
                    "SESSION_ENDED", "尚未登录或登录已结束，请重新登录。", "Not signed in, or the log-in has ended."
                )
            actors, csrf_token = loaded
            actor = next((a for a in actors if may(a.role, permission)), None)
            if actor is None:
                raise Forbidden(
                    "FORBIDDEN", "您的岗位没有这项权限。", "Your role does not allow this.", permission=permission.value
                )
            check_same_origin()
            if request.method not in SAFE_METHODS and csrf_token:
                sent = request.headers.get("X-CSRF-Token", "")
                if not hmac.compare_digest(sent, csrf_token):
                    raise _csrf()
            g.actor = actor
            return view(*args, **kwargs)

        setattr(guarded, POLICY, permission.value)
        return guarded  # type: ignore[return-value]

    return wrap


def public(reason: str) -> Callable[[View], View]:
    """Anybody may call the view; the reason is for the reader and the route test."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def open_view(*args: Any, **kwargs: Any) -> Any:
            check_same_origin()
            return view(*args, **kwargs)

        setattr(open_view, POLICY, f"public: {reason}")
        return open_view  # type: ignore[return-value]

    return wrap


def check_same_origin() -> None:
    """Refuse state-changing requests that another site's page made.

    Raises:
        Forbidden: `CSRF`.
    """
    if request.method in SAFE_METHODS or crosses_rightly():
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        raise _csrf()
    origin = request.headers.get("Origin")
    if origin is not None and not origin_allowed(origin, request.host):
        raise _csrf()


def origin_allowed(origin: str, host: str) -> bool:
    """Our own host, or one of the configured public origins."""
    allowed: list[str] = current_app.extensions["mingyuan"].settings.public_origins
    return urlsplit(origin).netloc == host or origin in allowed


def _csrf() -> Forbidden:
    return Forbidden(
        "CSRF",
        "请求不是从本系统页面发出的，已拒绝。请刷新页面后重试。",
        "The request did not come from our own page. Refresh and try again.",
    )


def peer_address() -> str:
    """The machine on the other end; forged forwarding headers are ignored (C7): ProxyFix is on only when configured."""
    return request.remote_addr or ""
