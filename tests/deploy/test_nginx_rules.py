"""What our nginx passes on to another node when one dies with a request in its hands, and what it never does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import shipped_nginx
from tests.support.shipped_nginx import ShippedNginx


class Recorder:
    """A pretended node that breaks the line after reading a request, and counts what reached it."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line:
                self.got.append(line.recv(65536).decode(errors="replace").split(" HTTP")[0])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else the accept under way would take one more
        self._listener.close()


def test_what_may_have_been_done_is_never_sent_to_another_node(tmp_path: Path) -> None:
    """A node dies with the request in its hands: a GET and a save go on elsewhere, an act is given back to the page."""
    reason = shipped_nginx.why_not()
    if reason:
        pytest.skip(reason)
    nodes = [Recorder(), Recorder()]
    front = ShippedNginx(tmp_path / "front", [node.port for node in nodes])
    front.start()
    try:
        reached = {}
        for method, path in (("POST", "/api/candidate/submit"), ("POST", "/api/candidate/answers"), ("GET", "/")):
            before = sum(len(node.got) for node in nodes)
            with closing(http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)) as client:
                client.request(method, path, body=b"{}" if method == "POST" else None)
                assert client.getresponse().status == 502
            reached[path] = sum(len(node.got) for node in nodes) - before
        assert reached == {"/api/candidate/submit": 1, "/api/candidate/answers": 2, "/": 2}
        # A node that is not there at all was never asked: then an act may go to the next one as well.
        nodes[0].close()
        front.stop()
        front.use_nodes([nodes[0].port, nodes[1].port])
        front.start()
        before = len(nodes[1].got)
        for _ in range(4):
            with closing(http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)) as client:
                client.request("POST", "/api/candidate/submit", body=b"{}")
                assert client.getresponse().status == 502
        assert len(nodes[1].got) - before == 4
    finally:
        front.stop()
        for node in nodes:
            node.close()
