"""Simulated staff: sign in as people do, press the buttons of the board, over HTTP."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx

HTTP_TIMEOUT_S = 30.0


class StaffRefused(Exception):
    """The server said no: `code` and the Chinese text."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@cache
def _tls() -> ssl.SSLContext:
    """One for everybody: reading the certificates takes 20 ms."""
    return ssl.create_default_context()


class StaffMember:
    """One signed-in person."""

    def __init__(self, base_url: str, login_name: str, password: str) -> None:
        headers = {"Origin": base_url}
        self._http = httpx.Client(base_url=base_url, timeout=HTTP_TIMEOUT_S, headers=headers, verify=_tls())
        reply = self.post("/api/staff/sign-in", {"login_name": login_name, "password": password})
        self._http.headers["X-CSRF-Token"] = reply["csrf_token"]
        self.name: str = reply["account"]["display_name"]

    def post(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        """A state-changing request.

        Raises:
            StaffRefused: the server's refusal.
            httpx.HTTPError: it did not answer.
        """
        return self._answer(self._http.post(address, json=body))

    def get(self, address: str) -> dict[str, Any]:
        """A reading request; raises as `post`."""
        return self._answer(self._http.get(address))

    def command(self, sitting_id: str, room_id: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Press a button of the board."""
        return self.post(f"/api/proctor/board/{sitting_id}/{room_id}/{name}", body or {})

    def board(self, sitting_id: str, room_id: str) -> dict[str, Any]:
        """The room as it stands."""
        return self.get(f"/api/proctor/board/{sitting_id}/{room_id}")

    @property
    def cookie(self) -> str:
        """The session, as a Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())

    def close(self) -> None:
        """Forget the connection; the log-in ends by itself."""
        self._http.close()

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json() if response.content else {}
        if response.status_code >= 400:
            raise StaffRefused(str(body.get("code")), str(body.get("message_zh")))
        return body
