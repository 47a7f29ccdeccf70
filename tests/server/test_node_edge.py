"""The edge of a node: its listening socket, the gate in front of the application, what it tells systemd."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from server.adapters import service_manager
from server.app import listen_at
from server.webkit.gate import Gate


def test_every_connection_sends_at_once() -> None:
    with listen_at("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


class Behind:
    """The application behind a gate, asked without a network."""

    def __init__(self) -> None:
        self.is_leaving = self.cannot_write = False
        self.gate = Gate(self._application, lambda: self.is_leaving, lambda: self.cannot_write)

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"{}"]

    def ask(self, method: str, path: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        said: list[Any] = []
        body = b"".join(
            self.gate(
                {"REQUEST_METHOD": method, "PATH_INFO": path}, lambda status, headers: said.extend((status, headers))
            )
        )
        return int(said[0].split()[0]), dict(said[1]), json.loads(body)


def test_a_leaving_node_answers_its_health_and_nothing_else() -> None:
    node = Behind()
    node.is_leaving = True
    assert node.ask("GET", "/healthz")[0] == 200, "the application itself says 503 there"
    for method, path in (("GET", "/"), ("GET", "/socket.io/"), ("POST", "/api/candidate/answers")):
        status, headers, body = node.ask(method, path)
        assert (status, body["code"], headers["Retry-After"]) == (503, "SERVER_STOPPING", "1")
        assert "自动重试" in body["message_zh"]


def test_while_commits_hang_reading_goes_on_and_writing_is_told_to_come_again() -> None:
    node = Behind()
    node.cannot_write = True
    assert node.ask("GET", "/api/candidate/state")[0] == 200
    status, headers, body = node.ask("POST", "/api/candidate/sign-in")
    assert (status, body["code"], headers["Retry-After"]) == (503, "STORAGE_UNAVAILABLE", "2")


def test_systemd_hears_that_the_node_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert service_manager.notify("READY=1") is False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert service_manager.notify("READY=1") is True
        assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [("", "", None), ("21000000", "", 7.0), ("21000000", "own", 7.0), ("21000000", "1", None)],
)
def test_the_watchdog_is_fed_three_times_as_often_as_demanded(
    usec: str, pid: str, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid in ("", "own") else pid)
    assert service_manager.watchdog_interval_s() == expected
