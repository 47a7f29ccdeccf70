"""Redis and the database."""

from __future__ import annotations

import time
from dataclasses import dataclass

from server.rehearsal.installation import Installation
from server.rehearsal.load import RunningLoad
from server.rehearsal.nemesis.moments import wait_for_the_moment

#: how long a script (or a quick person) takes to decide that the primary is gone
DECIDED_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class RedisKill:
    """kill -9 of Redis; it comes back empty."""

    at: Installation
    down_s: float
    name: str = "redis-kill"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        assert self.at.redis is not None
        wait_for_the_moment(run, self.down_s)
        run.say(f"Redis 停 {self.down_s:g} 秒 down")
        began = time.monotonic()
        self.at.redis.crash()
        run.sleep(self.down_s)
        self.at.redis.start()
        run.note(self.name, f"{self.down_s:g} s, empty on return", began, time.monotonic(), cut_off="nobody")


@dataclass(frozen=True, slots=True)
class RedisEmpty:
    """Redis forgets everything."""

    at: Installation
    name: str = "redis-empty"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        assert self.at.redis is not None
        wait_for_the_moment(run)
        run.say("Redis 清空 emptied")
        began = time.monotonic()
        self.at.redis.empty()
        run.note(self.name, "FLUSHALL", began, time.monotonic(), cut_off="nobody")


@dataclass(frozen=True, slots=True)
class RedisDeaf:
    """Redis cuts every subscriber: a node that did not notice would be deaf to the others."""

    at: Installation
    name: str = "redis-deaf"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        assert self.at.redis is not None
        wait_for_the_moment(run)
        run.say("Redis 切断订阅 subscribers cut")
        began = time.monotonic()
        cut = self.at.redis.deafen()
        run.note(self.name, f"{cut} subscribers", began, time.monotonic(), cut_off="nobody", subscribers=cut)


@dataclass(frozen=True, slots=True)
class DatabaseRestart:
    """PostgreSQL stops in order, is away for a while, comes back."""

    at: Installation
    down_s: float
    name: str = "database-restart"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        cluster = self.at.postgres or (self.at.pair.primary if self.at.pair else None)
        assert cluster is not None
        wait_for_the_moment(run, self.down_s)
        run.say(f"数据库停 {self.down_s:g} 秒 database down")
        began = time.monotonic()
        cluster.stop()
        run.sleep(self.down_s)
        cluster.start()
        run.note(self.name, f"{self.down_s:g} s", began, time.monotonic())


@dataclass(frozen=True, slots=True)
class StandbyPromote:
    """The primary's host is gone (kill -9 of all its processes); the synchronous standby takes over."""

    at: Installation
    name: str = "standby-promote"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        assert self.at.pair is not None
        wait_for_the_moment(run, DECIDED_AFTER_S + 2)
        run.say("主库被毁，备库接管 primary killed, standby promoted")
        began = time.monotonic()
        self.at.pair.primary.kill()
        run.sleep(DECIDED_AFTER_S)
        took = self.at.pair.promote_standby()
        run.note(
            self.name,
            "primary killed",
            began,
            time.monotonic(),
            promote_s=round(took, 3),
            decided_after_s=DECIDED_AFTER_S,
        )


@dataclass(frozen=True, slots=True)
class StandbyLost:
    """The synchronous standby is away: commits wait until it is back (or somebody decides otherwise)."""

    at: Installation
    down_s: float
    name: str = "standby-lost"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        assert self.at.pair is not None
        wait_for_the_moment(run, self.down_s)
        run.say(f"备库离开 {self.down_s:g} 秒 standby away")
        began = time.monotonic()
        self.at.pair.standby.kill()
        run.sleep(self.down_s)
        self.at.pair.standby.start(synchronous_standby_names="")
        run.note(self.name, f"{self.down_s:g} s", began, time.monotonic())
