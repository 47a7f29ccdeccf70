"""F11: Redis throws its subscribers out, by command or because their buffer is full. A deaf node must find out and heal."""

from __future__ import annotations

import os
import signal
import time

import redis

from tests.faults.database_scene import counts, health, scene_on_redis, wrong
from tests.faults.matrix.f10_redis_killed import CHANNEL, subscribers
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene
from tests.support.processes import wait_until
from tests.support.redis_server import RedisServer

ALARM_S, HEALED_S = 15.0, 30.0


def throw_out(between: RedisServer, by: str) -> None:
    """Close every subscriber's line: `kill`, or `buffer` (more news than their buffer may hold)."""
    with redis.Redis.from_url(between.url, socket_timeout=5) as client:
        if by == "kill":
            client.client_kill_filter(_type="pubsub")
            return
        client.config_set("client-output-buffer-limit", "pubsub 4096 1024 1")
        client.publish(CHANNEL, b"x" * 3_000_000)
        client.config_set("client-output-buffer-limit", "pubsub 33554432 8388608 60")


def heal(scene: Scene, between: RedisServer, by: str) -> float:
    """Seconds until every node listens again."""
    began = time.monotonic()
    with scene.log.span(f"subscribers thrown out ({by})"):
        throw_out(between, by)
    wait_until(lambda: subscribers(between) == len(scene.nodes), seconds=HEALED_S + 10, what="both listen", every=0.02)
    return time.monotonic() - began


def deaf_alarm_s(scene: Scene, between: RedisServer) -> float:
    """Seconds until the nodes say that they hear nothing, while Redis is frozen: connected, and silent."""
    began = time.monotonic()
    pid = between.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(
            lambda: all("OTHER_NODES_NOT_HEARD" in health(node).get("troubles", ()) for node in scene.nodes),  # type: ignore[arg-type]
            seconds=ALARM_S + 20, what="both nodes say so", every=0.2,
        )  # fmt: skip
        return time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)


@fault(
    "F11", "Redis 切断订阅连接", "Redis closes its subscribers' connections", promises=("P1",),
    goal=f"alarm <= {ALARM_S:g} s when nothing is heard; listening again by itself <= {HEALED_S:g} s; 0 lost",
    repetitions=Repetitions(short=2, full=10, fixed_s=60, each_s=5),
    control="a listener that gives up must stay deaf",
)  # fmt: skip
def subscribers_thrown_out(case: FaultCase) -> Measured:
    moments = case.random("moments")
    healed = []
    with scene_on_redis(case, "nodes", candidates=16, pace_s=1.0) as (scene, between):
        scene.begin()
        for turn in range(case.repetitions):
            time.sleep(moments.uniform(0.3, 1.5))
            healed.append(heal(scene, between, "buffer" if turn % 2 else "kill"))
            case.progress(turn + 1, case.repetitions, "thrown out")
        alarm_s = deaf_alarm_s(scene, between)
        thawed_at = time.monotonic()
        wait_until(
            lambda: all(health(node).get("ok") for node in scene.nodes), seconds=HEALED_S + 10, what="well again"
        )  # type: ignore[arg-type]
        healed.append(time.monotonic() - thawed_at)
        verdict = scene.verdict()
    return Measured(
        passed=wrong(verdict) == 0 and alarm_s <= ALARM_S * case.patience and max(healed) <= HEALED_S * case.patience,
        n=case.repetitions,
        worst=f"alarm after {alarm_s:.1f} s, healed after {max(healed):.1f} s; {verdict.lost} lost of {verdict.acked:,}",
        figures={**counts(verdict), "alarm_s": round(alarm_s, 2), "healed_s_max": round(max(healed), 2)},
        remark="two nodes; lines closed by command and by full buffers, and once Redis frozen with its lines open",
    )


@control_of("F11")
def listener_gives_up(case: FaultCase) -> ControlMeasured:
    with scene_on_redis(case, "control", candidates=4, pace_s=1.0, sabotage="listener_gives_up") as (scene, between):
        throw_out(between, "kill")
        time.sleep(ALARM_S)
        deaf = len(scene.nodes) - subscribers(between)
        said = sum("OTHER_NODES_NOT_HEARD" in health(node).get("troubles", ()) for node in scene.nodes)  # type: ignore[arg-type]
    return ControlMeasured(
        deaf == len(scene.nodes) and said == 0,
        f"{deaf} of {len(scene.nodes)} nodes still deaf after {ALARM_S:g} s, and {said} said so",
    )
