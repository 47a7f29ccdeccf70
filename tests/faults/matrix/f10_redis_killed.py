"""F10: Redis is killed and comes back empty. Answers do not go through it; boards read for themselves; nobody stays deaf."""

from __future__ import annotations

import itertools
import time

import redis

from server.rehearsal.board_watcher import BoardWatcher
from tests.faults.database_scene import counts, health, refused, scene_on_redis, wrong
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene
from tests.support.processes import wait_until
from tests.support.redis_server import RedisServer

STALE_S, SUBSCRIBED_S = 5.0, 10.0
CHANNEL = "mingyuan:events"


class Stopwatch:
    """The longest the board of one node showed nothing new, while somebody answered at the other node all the time."""

    def __init__(self, scene: Scene, node: int) -> None:
        self.began = time.monotonic()
        self._board = BoardWatcher(scene.nodes[node].base_url, scene.sitting_id, scene.rooms[0])

    def stop(self) -> float:
        ended = time.monotonic()
        moments = [self.began, *(moment for moment in self._board._moments if moment > self.began), ended]
        self._board.close()
        return max(after - before for before, after in itertools.pairwise(moments))


def subscribers(between: RedisServer) -> int:
    """How many nodes listen."""
    with redis.Redis.from_url(between.url, socket_timeout=2) as client:
        return int(client.pubsub_numsub(CHANNEL)[0][1])


def kill_redis(scene: Scene, between: RedisServer, away_s: float) -> tuple[float, float]:
    """(staleness of the other node's board, seconds until both nodes listen again)."""
    watch = Stopwatch(scene, node=1)
    with scene.log.span("Redis away"):
        between.crash()
        time.sleep(away_s)
        between.start()
    back_at = time.monotonic()
    try:
        wait_until(lambda: subscribers(between) == len(scene.nodes), seconds=45, what="both nodes listen", every=0.05)
        subscribed_s = time.monotonic() - back_at
    except TimeoutError:
        subscribed_s = float("inf")
    return watch.stop(), subscribed_s


@fault(
    "F10", "Redis 被杀 5 分钟，返回时为空", "Redis killed for 5 min, empty on return", promises=("P1", "P2"),
    goal=f"0 lost; boards <= {STALE_S:g} s old; all nodes listen again <= {SUBSCRIBED_S:g} s after the return",
    repetitions=Repetitions(short=1, full=20, fixed_s=330, each_s=25),
    control="a board that never reads for itself must be older than that",
)  # fmt: skip
def redis_killed(case: FaultCase) -> Measured:
    is_full = case.repetitions > 2
    moments = case.random("away")
    stale, subscribed = [], []
    with scene_on_redis(case, "nodes", candidates=60 if is_full else 16, pace_s=1.0) as (scene, between):
        # Everybody sits at the first node; who watches the second one hears of it through Redis alone.
        scene.begin(addresses=[scene.nodes[0].base_url])
        for turn in range(case.repetitions):
            away_s = 300.0 if is_full and turn == 0 else moments.uniform(8.0, 14.0)
            stale_s, subscribed_s = kill_redis(scene, between, away_s)
            stale.append(stale_s)
            subscribed.append(subscribed_s)
            case.progress(turn + 1, case.repetitions, "Redis back")
        wait_until(lambda: all(health(node).get("ok") for node in scene.nodes), seconds=30, what="both nodes are well")  # type: ignore[arg-type]
        verdict, errors = scene.verdict(), refused(scene)
    return Measured(
        passed=wrong(verdict) == 0 and not errors and max(stale) <= STALE_S * case.patience
        and max(subscribed) <= SUBSCRIBED_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; board {max(stale):.1f} s old; listening after {max(subscribed):.1f} s",
        figures={
            **counts(verdict), "stale_s_max": round(max(stale), 2), "listening_s_max": round(max(subscribed), 2),
            "errors_shown": errors,
        },
        remark="two nodes, all candidates at one, the board open at the other"
        + ("; one outage of 300 s, the others 8-14 s" if is_full else "; outages of 8-14 s"),
    )  # fmt: skip


@control_of("F10")
def board_by_events_alone(case: FaultCase) -> ControlMeasured:
    with scene_on_redis(case, "control", candidates=6, pace_s=0.5, sabotage="board_by_events_alone") as (
        scene,
        between,
    ):
        scene.begin(addresses=[scene.nodes[0].base_url])
        stale_s, _ = kill_redis(scene, between, STALE_S + 4)
    return ControlMeasured(stale_s > STALE_S, f"a board that waits for events was {stale_s:.1f} s old")
