"""A Redis of the test run's own: nothing on disk, reached on 127.0.0.1 alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import redis

from tests.support.processes import Child, accepts_connections, find_free_port


def why_not() -> str | None:
    return None if shutil.which("redis-server") else "Redis is not installed (make test-tools)"


class RedisServer:
    """One server. It can be killed and started again on the same port."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or find_free_port()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._child = Child(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder,
             "--save", "", "--appendonly", "no"],
            log=self.folder / "redis.log",
        )  # fmt: skip
        self._child.wait_until(lambda: accepts_connections(self.port), what="Redis")

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    def crash(self) -> None:
        if self._child:
            self._child.kill()
