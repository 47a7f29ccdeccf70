"""Socket.IO the direct way: handlers on the python-socketio server, no Flask context per message (realtime.md 4).

Every message is known, parsed, rate-limited and answered; unknown ones are refused aloud. A handler's return value
is the acknowledgement; a refusal is `{"ok": false, "code", "message_zh", "message_en"}` and changes nothing; `retry` true says
that the same message will be right a little later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Generic, TypeVar

import socketio
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from server.core.clock import Clock
from server.core.errors import InvalidInput, MingyuanError, TooManyRequests, Unavailable
from server.webkit.error_replies import invalid_fields
from server.webkit.gate import storage_unavailable

log = logging.getLogger(__name__)
Visitor = TypeVar("Visitor")
Reply = BaseModel | dict[str, Any]

#: messages a connection may send a second, and how many it may save up
RATE_PER_SECOND = 20.0
BURST = 60.0


def cookie_of(environ: dict[str, Any], name: str) -> str:
    """One cookie of the handshake request, "" when absent."""
    morsel = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(name)
    return morsel.value if morsel else ""


@dataclass
class _Bucket:
    tokens: float = BURST
    at: float = 0.0


@dataclass
class DirectNamespace(Generic[Visitor]):
    """One namespace: who is connected (`visitors`), what they may send."""

    server: socketio.Server
    name: str
    clock: Clock
    authenticate: Callable[[str, dict[str, Any], Any], Visitor]
    farewell: Callable[[str, Visitor], None]
    visitors: dict[str, Visitor] = field(default_factory=dict)
    known: dict[str, type[BaseModel]] = field(default_factory=dict)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def open(self) -> None:
        """Attach the namespace to the server."""
        self.server.on("connect", self._connect, namespace=self.name)
        self.server.on("disconnect", self._disconnect, namespace=self.name)
        self.server.on("*", self._unknown, namespace=self.name)

    def on(self, message: str, model: type[BaseModel], handler: Callable[[str, Visitor, Any], Reply]) -> None:
        """Answer `message` (payload `model`) with what `handler(sid, visitor, payload)` returns: a class, or its plain form."""
        self.known[message] = model

        def handle(sid: str, data: Any = None, *_more: Any) -> dict[str, Any]:
            try:
                visitor = self.visitors.get(sid)
                if visitor is None:
                    raise InvalidInput("NOT_CONNECTED", "连接尚未建立。", "The connection is not established.")
                self._spend(sid)
                if not isinstance(data, dict):
                    raise InvalidInput("JSON_EXPECTED", "请提交 JSON 对象。", "Send a JSON object.")
                reply = handler(sid, visitor, model.model_validate(data))
                return reply if isinstance(reply, dict) else reply.model_dump()
            except ValidationError as error:
                return {"ok": False, **invalid_fields(error).as_dict()}
            except (Unavailable, TooManyRequests) as error:
                wait_ms = 1000 * int(error.data.get("retry_after", 0))
                return {"ok": False, "retry": True, "retry_after_ms": wait_ms, **error.as_dict()}
            except MingyuanError as error:
                return {"ok": False, "retry": isinstance(error, Unavailable), **error.as_dict()}
            except (OperationalError, InterfaceError, InternalError, PoolTimeout) as error:
                log.warning("message %s met the database away: %s", message, type(error).__name__)
                return {"ok": False, "retry": True, "retry_after_ms": 1000, **storage_unavailable().as_dict()}
            except Exception:
                log.exception("message %s failed", message)
                return {
                    "ok": False,
                    "retry": True,
                    "code": "INTERNAL",
                    "message_zh": "系统出现意外问题，将自动重试。",
                    "message_en": "Something unexpected happened; it is tried again.",
                }

        self.server.on(message, handle, namespace=self.name)

    def emit(self, message: str, payload: BaseModel, to: str, *, local: bool = False) -> None:
        """Send to a sid (`local=True`: known to be connected here) or to a Socket.IO room."""
        extra = {"ignore_queue": True} if local else {}
        self.server.emit(message, payload.model_dump(), to=to, namespace=self.name, **extra)

    def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None, *_more: Any) -> dict[str, Any] | None:
        if sid in self.visitors:  # not a handshake: a client sent a message of that name
            return self._unknown("connect", sid)
        try:
            visitor = self.authenticate(sid, environ, auth)
        except MingyuanError as error:
            raise socketio.exceptions.ConnectionRefusedError(error.code, error.as_dict()) from None
        except (OperationalError, InterfaceError, InternalError, PoolTimeout) as error:
            log.warning("connect to %s met the database away: %s", self.name, type(error).__name__)
            refusal = storage_unavailable()
            raise socketio.exceptions.ConnectionRefusedError(refusal.code, refusal.as_dict()) from None
        except Exception:
            log.exception("connect to %s failed", self.name)
            raise socketio.exceptions.ConnectionRefusedError("INTERNAL", {"code": "INTERNAL"}) from None
        self.visitors[sid] = visitor
        return None

    def _disconnect(self, sid: str, *_reason: Any) -> dict[str, Any] | None:
        if self.server.manager.is_connected(sid, self.name):
            # A message of that name: whoever stays connected stays on the list, or could no longer be shown the door.
            return self._unknown("disconnect", sid)
        self._buckets.pop(sid, None)
        visitor = self.visitors.pop(sid, None)
        if visitor is not None:
            self.farewell(sid, visitor)
        return None

    def _unknown(self, event: Any, sid: Any = None, *_data: Any) -> dict[str, Any]:
        if isinstance(event, str) and event in self.visitors:  # a message really named "*" comes without its name
            event, sid = "*", event
        try:
            self._spend(sid)
        except TooManyRequests as error:
            return {"ok": False, **error.as_dict()}
        return {
            "ok": False,
            "code": "UNKNOWN_MESSAGE",
            "message_zh": "系统不认识这条消息。",
            "message_en": f"There is no message '{str(event)[:40]}'.",
        }

    def _spend(self, sid: str) -> None:
        now = self.clock.monotonic()
        bucket = self._buckets.setdefault(sid, _Bucket(at=now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) * RATE_PER_SECOND)
        bucket.at = now
        if bucket.tokens < 1:
            raise TooManyRequests(
                "RATE_LIMITED", "发送过于频繁，请稍候。", "Too many messages; wait a moment.", retry_after=1
            )
        bucket.tokens -= 1
