"""PostgreSQL and Redis of a run's own, for several nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.registry import NotRunHere
from tests.support import postgres, redis_server
from tests.support.postgres import PostgresCluster
from tests.support.redis_server import RedisServer


@dataclass
class Stores:
    """What several nodes share."""

    cluster: PostgresCluster
    redis: RedisServer
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        """For the nodes."""
        return {"MINGYUAN_REDIS_URL": self.redis.url}


@contextmanager
def own_stores(folder: Path) -> Iterator[Stores]:
    """Started, with one empty database; stopped afterwards.

    Raises:
        NotRunHere: one of the two is not installed.
    """
    reason = postgres.why_not() or redis_server.why_not()
    if reason:
        raise NotRunHere(reason)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with ExitStack() as stack:
        cluster = PostgresCluster(folder / "postgres")
        cluster.create()
        cluster.start()
        stack.callback(cluster.stop)
        redis = RedisServer(folder / "redis")
        redis.start()
        stack.callback(redis.stop)
        yield Stores(cluster, redis, cluster.url(cluster.create_database()))
