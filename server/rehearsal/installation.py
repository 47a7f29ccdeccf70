"""Servers of our own for a rehearsal: nodes, and where a fault needs them a database, Redis and ways that can be cut."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from server.rehearsal.load import Addresses
from server.rehearsal.own_services import (
    PostgresCluster,
    PostgresPair,
    RedisServer,
    require_postgres,
    require_redis,
)
from server.rehearsal.relay import Relay
from server.rehearsal.server_process import ServerProcess, free_port
from server.rehearsal.site import RehearsalSite

#: as a service manager would wait before it starts a dead node again
RESTART_AFTER_S = 0.2
MOST_NODES = 8


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be there: number of nodes, `sqlite`, `postgres` or `pair`, Redis, a way per room that can be cut."""

    nodes: int = 1
    database: str = "sqlite"
    redis: bool = False
    ways: bool = False

    def and_also(self, other: Needs) -> Needs:
        """The lot that satisfies both."""
        order = ("sqlite", "postgres", "pair")
        return Needs(
            max(self.nodes, other.nodes),
            max(self.database, other.database, key=order.index),
            self.redis or other.redis,
            self.ways or other.ways,
        )

    @property
    def complete(self) -> Needs:
        """Several nodes share PostgreSQL and Redis."""
        if self.nodes == 1:
            return self
        return replace(self, database="postgres" if self.database == "sqlite" else self.database, redis=True)


class Installation:
    """A context manager: starts what is needed in `data`, stops it by its pids."""

    def __init__(self, data: Path, needs: Needs, environment: Mapping[str, str] | None = None) -> None:
        """Raises Unavailable: `POSTGRES_MISSING`, `REDIS_MISSING`."""
        self.data = data
        self.needs = needs.complete
        if self.needs.database != "sqlite":
            require_postgres()
        if self.needs.redis:
            require_redis()
        self._environment = dict(environment or {})
        self._services: Path | None = None
        self.redis: RedisServer | None = None
        self.pair: PostgresPair | None = None
        self.postgres: PostgresCluster | None = None
        self.nodes: list[ServerProcess] = []
        #: room id → one relay a node
        self.relays: dict[str, list[Relay]] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def database_url(self) -> str:
        """Empty: SQLite in the data folder."""
        if self.pair is not None:
            return self.pair.url
        return self.postgres.url("mingyuan") if self.postgres is not None else ""

    @property
    def node_urls(self) -> list[str]:
        """Straight to the nodes."""
        return [node.base_url for node in self.nodes]

    def addresses(self, site: RehearsalSite) -> Addresses:
        """How the candidates come: straight, or each room by its own ways."""
        if not self.needs.ways:
            return self.node_urls
        ports = [int(url.rpartition(":")[2]) for url in self.node_urls]
        for room in site.demo.rooms:
            if room.room_id not in self.relays:
                self.relays[room.room_id] = [Relay(port) for port in ports]
        return {room: [relay.base_url for relay in relays] for room, relays in self.relays.items()}

    def server_pids(self) -> Iterable[int]:
        """The nodes of the moment."""
        return [node.pid for node in self.nodes if node.pid is not None]

    def database_pids(self) -> Iterable[int]:
        """The database's and Redis' processes of the moment; empty with SQLite, whose work is the node's own."""
        running = (
            self.pair.pids if self.pair is not None else [self.postgres.pid if self.postgres is not None else None]
        )
        return [pid for pid in (*running, self.redis.pid if self.redis is not None else None) if pid is not None]

    def start_again(self, node: ServerProcess) -> float:
        """What a service manager does with a dead node; the seconds until it answers."""
        time.sleep(RESTART_AFTER_S)
        return node.start()

    def close(self) -> None:
        """Everything ends; the data folder stays, the services' own folder goes."""
        for relays in self.relays.values():
            for relay in relays:
                relay.close()
        for node in self.nodes:
            with contextlib.suppress(ProcessLookupError):
                node.wake()
            node.stop()
        if self.redis is not None:
            self.redis.stop()
        if self.pair is not None:
            self.pair.stop()
        if self.postgres is not None:
            self.postgres.stop()
        if self._services is not None:
            shutil.rmtree(self._services, ignore_errors=True)

    def _start(self) -> None:
        if self.needs.database != "sqlite" or self.needs.redis:
            # not in the data folder: PostgreSQL runs as another user, who may not be able to reach it
            self._services = Path(tempfile.mkdtemp(prefix="mingyuan-rehearsal-"))
            self._services.chmod(0o755)
        settings = dict(self._environment)
        if self.needs.redis and self._services is not None:
            self.redis = RedisServer(self._services / "redis")
            self.redis.start()
            settings["MINGYUAN_REDIS_URL"] = self.redis.url
        if self.needs.database != "sqlite" and self._services is not None:
            self._start_database(self._services)
            settings["MINGYUAN_DATABASE_URL"] = self.database_url
        ports = [free_port() for _ in range(self.needs.nodes)]
        addresses = json.dumps([f"http://127.0.0.1:{port}" for port in ports])
        if len(ports) > 1:
            settings["MINGYUAN_NODE_ADDRESSES"] = addresses
        for number, port in enumerate(ports, start=1):
            node = ServerProcess(self.data, "127.0.0.1", port, {**settings, "MINGYUAN_NODE_NAME": f"node-{number}"})
            self.nodes.append(node)
            node.start()

    def _start_database(self, services: Path) -> None:
        if self.needs.database == "pair":
            self.pair = PostgresPair(services)
            self.pair.start()
            return
        self.postgres = PostgresCluster(services / "postgres")
        self.postgres.create()
        self.postgres.start()
        self.postgres.create_database(name="mingyuan")
