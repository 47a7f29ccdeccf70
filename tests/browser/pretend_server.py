"""The real page shells with their real headers, and pretended answers behind them: for states that are hard to bring about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
from playwright.sync_api import Page, Route, WebSocketRoute

from server.webkit import headers
from server.webkit.pages import page as shell

ADDRESS = "http://mingyuan.localhost"
SERVER_FOLDER = Path(headers.__file__).parents[1]
SHELLS = {
    "/staff": "server/web/staff/main.ts",
    "/results": "scoring/web/main.ts",
    "/analysis": "scoring/web/analysis/main.ts",
    "/bank": "itembank/web/main.ts",
    "/board": "proctor/web/main.ts",
}
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def refusal(code: str, zh: str, en: str = "Refused.") -> dict[str, Any]:
    """As `server/webkit/error_replies.py` writes one."""
    return {"code": code, "message_zh": zh, "message_en": en, "request_id": "test", "data": {}}


class PretendServer:
    """Answers a page's requests; `calls` holds what was sent, `troubles` what the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers: dict[str, Answer] = {}
        self.calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.troubles: list[str] = []
        self.is_down = False
        self._app = flask.Flask("server", root_path=str(SERVER_FOLDER))
        headers.register(self._app, secure=False)
        for path, entry in SHELLS.items():
            self._app.add_url_rule(path, path, lambda entry=entry: shell(entry, "明远"))
            self._app.add_url_rule(f"{path}/<path:rest>", f"{path}/", lambda rest, entry=entry: shell(entry, rest))
        page.route(re.compile(r"^http://mingyuan\.localhost/"), self._reply)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # A refused request is logged by the browser itself; what counts is what the content policy or our code says.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def on(self, method: str, path: str, answer: Any, status: int = 200) -> None:
        """Answer `method path` with a value, or with what a function of the sent body returns."""
        self.answers[f"{method} {path}"] = answer if callable(answer) else lambda _body: (status, answer)

    def sent(self, path: str) -> list[dict[str, Any]]:
        """The bodies posted to a path."""
        return [body for called, body, _ in self.calls if called == f"POST {path}"]

    def _reply(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(ADDRESS).split("?")[0]
        if not path.startswith("/api/"):
            with self._app.test_client().get(path) as found:
                kept = {name: value for name, value in found.headers.items() if name != "Content-Length"}
                route.fulfill(status=found.status_code, body=found.data, headers=kept)
            return
        if self.is_down:
            route.abort("connectionrefused")
            return
        body = json.loads(request.post_data or "{}") if request.method == "POST" else {}
        self.calls.append((f"{request.method} {path}", body, request.headers))
        answer = self.answers.get(f"{request.method} {path}")
        status, reply = answer(body) if answer else (404, refusal("NOT_FOUND", "没有找到。"))
        if status == 204:
            route.fulfill(status=204)
        else:
            route.fulfill(status=status, json=reply)


class PretendSocket:
    """One Socket.IO connection as the board opens it (engine.io 4, websocket only)."""

    def __init__(self, page: Page, namespace: str, acknowledge: Callable[[str, Any], Any]) -> None:
        self._namespace = namespace
        self._acknowledge = acknowledge
        self._open: WebSocketRoute | None = None
        self.is_refusing = False
        self.asked: list[str] = []
        page.route_web_socket(re.compile(r"/socket\.io/"), self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_refusing:
            socket.close()
            return
        socket.on_message(lambda message: self._receive(socket, str(message)))
        handshake = {"sid": "e", "upgrades": [], "pingInterval": 60_000, "pingTimeout": 60_000, "maxPayload": 64_000}
        socket.send("0" + json.dumps(handshake))

    def _receive(self, socket: WebSocketRoute, message: str) -> None:
        if message.startswith("40"):
            self._open = socket
            socket.send(f'40{self._namespace},{{"sid":"s"}}')
            return
        event = re.match(rf"42{self._namespace},(\d+)(\[.*)", message)
        if event:
            name, payload = json.loads(event[2])
            self.asked.append(name)
            reply = json.dumps([self._acknowledge(name, payload)], ensure_ascii=False)
            socket.send(f"43{self._namespace},{event[1]}{reply}")

    def say(self, name: str, payload: Any) -> None:
        """Send the page a message."""
        assert self._open is not None, "the page has not connected"
        self._open.send(f"42{self._namespace},{json.dumps([name, payload], ensure_ascii=False)}")

    def drop(self) -> None:
        """Cut the line and refuse new ones."""
        self.is_refusing = True
        if self._open is not None:
            self._open.close()
            self._open = None
