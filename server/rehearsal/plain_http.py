"""A small HTTP client for simulated people: JSON both ways, cookies kept, one connection at a time.

A thousand candidates run in one process; the general client costs several times the CPU a request, which would make a
rehearsal measure itself.
"""

from __future__ import annotations

import http.client
import json
import ssl
from functools import cache
from typing import Any
from urllib.parse import urlsplit

ERRORS = (OSError, http.client.HTTPException, ValueError)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class PlainHttp:
    """Requests to one node at a time; `base_url` may be changed at any moment, the cookies stay."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self.base_url = base_url
        self.cookies: dict[str, str] = {}
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._connected_to = ""

    @property
    def cookie(self) -> str:
        """As a Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and reply; raises one of `ERRORS` when there is none."""
        status, content = self._request("POST", path, json.dumps(body).encode())
        return status, json.loads(content)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """As `post`."""
        status, content = self._request("GET", path, None)
        return status, json.loads(content)

    def get_bytes(self, path: str) -> tuple[int, bytes]:
        """A file; raises as `post`."""
        return self._request("GET", path, None)

    def rest(self) -> None:
        """Close the connection; the next request opens one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._connected_to != self.base_url:
            self.rest()
        headers = {"Origin": self.base_url, "Content-Type": "application/json", "Cookie": self.cookie}
        try:
            connection = self._connection or self._connect()
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except ERRORS:
            self.rest()
            raise
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";", 1)[0].partition("=")
            self.cookies[name.strip()] = value.strip()
        if response.will_close:
            self.rest()
        return response.status, content

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.base_url)
        self._connected_to = self.base_url
        if address.scheme == "https":
            self._connection = http.client.HTTPSConnection(address.netloc, timeout=self._timeout_s, context=_tls())
        else:
            self._connection = http.client.HTTPConnection(address.netloc, timeout=self._timeout_s)
        return self._connection
