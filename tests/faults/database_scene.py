"""An exam on PostgreSQL (alone or with its standby) and Redis of its own, to be broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from server.rehearsal.history import Verdict
from server.takeover.models import Outage
from tests.faults.registry import FaultCase, NotRunHere
from tests.faults.scene import Node, Scene, exam_scene
from tests.support import postgres, redis_server
from tests.support.postgres import PostgresCluster
from tests.support.postgres_pair import PostgresPair, postgres_pair

NOT_YET = {"ADMISSION_NOT_OPEN", "SITTING_NOT_READY", "SEALED", "NOT_STARTED"}


def need(*reasons: str | None) -> None:
    """Raises `NotRunHere` with the first reason there is."""
    for reason in reasons:
        if reason:
            raise NotRunHere(reason)


def server_place(case: FaultCase, name: str) -> Path:
    """A folder that another user may enter: PostgreSQL does not run as root."""
    folder = case.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder, *folder.parents):
        if parent.owner() == "root" and parent != Path("/") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    return folder


@contextmanager
def scene_on_pair(
    case: FaultCase, name: str = "pair", *, synchronous: bool = True, **exam: Any
) -> Iterator[tuple[Scene, PostgresPair]]:
    """One node, a primary and its standby."""
    need(postgres.why_not())
    with postgres_pair(server_place(case, f"{name}-servers"), synchronous=synchronous) as pair:
        url = pair.new_database()
        with exam_scene(case, name=name, database_url=url, **exam) as scene:
            yield scene, pair


@contextmanager
def scene_on_postgres(case: FaultCase, name: str = "one", **exam: Any) -> Iterator[tuple[Scene, PostgresCluster]]:
    """One node and one PostgreSQL."""
    need(postgres.why_not())
    cluster = PostgresCluster(server_place(case, f"{name}-servers") / "cluster")
    cluster.create()
    cluster.start()
    try:
        with exam_scene(
            case, name=name, database_url=cluster.url(cluster.create_database(name="exams")), **exam
        ) as scene:
            yield scene, cluster
    finally:
        cluster.crash()


@contextmanager
def scene_on_redis(case: FaultCase, name: str, **exam: Any) -> Iterator[tuple[Scene, redis_server.RedisServer]]:
    """Two nodes on one PostgreSQL, and the Redis between them."""
    need(postgres.why_not(), redis_server.why_not())
    between = redis_server.RedisServer(server_place(case, f"{name}-redis"))
    between.start()
    try:
        settings = {"MINGYUAN_REDIS_URL": between.url, **exam.pop("environment", {})}
        with scene_on_postgres(case, name, nodes=2, environment=settings, **exam) as (scene, _):
            yield scene, between
    finally:
        between.crash()


def health(node: Node) -> dict[str, Any]:
    """What a node says about itself; {} when it says nothing within two seconds."""
    try:
        reply: dict[str, Any] = httpx.get(f"{node.base_url}/healthz", timeout=2).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return reply


def wrong(verdict: Verdict) -> int:
    """Everything that must be 0."""
    return verdict.lost + verdict.duplicated + verdict.foreign + verdict.wrong_final


def refused(scene: Scene) -> list[str]:
    """Errors that somebody's page would have shown; before the start "not yet" is an answer, not an error."""
    return sorted({code for one in scene.candidates for code in one.seen.refusals} - NOT_YET)


def outages(scene: Scene) -> list[float]:
    """How long each outage was that the nodes measured and gave back, s."""
    with scene.platform.uow.read() as session:
        return [round((row.to_at - row.from_at).total_seconds(), 1) for row in session.query(Outage).all()]


def counts(verdict: Verdict) -> dict[str, int]:
    """For the record."""
    return {
        "acked": verdict.acked, "lost": verdict.lost, "duplicated": verdict.duplicated, "foreign": verdict.foreign,
        "wrong_final": verdict.wrong_final,
    }  # fmt: skip
