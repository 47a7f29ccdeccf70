"""Random faults, one after the other, as long as the window lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from server.rehearsal.installation import Installation
from server.rehearsal.load import Nemesis, RunningLoad
from server.rehearsal.nemesis.lines import LanCut, ReplyCut
from server.rehearsal.nemesis.people import PcSwap
from server.rehearsal.nemesis.processes import Freeze, NodeKill, ServerOutage, ServerRestart
from server.rehearsal.nemesis.services import DatabaseRestart, RedisDeaf, RedisEmpty, RedisKill

SHORT_S = 4.0
#: quiet time between two faults, and what the last one must leave
LEAST_QUIET_S, MOST_QUIET_S = 3.0, 10.0
LAST_S = 12.0

MIX: Sequence[Callable[[Installation], Nemesis]] = (
    NodeKill,
    ServerRestart,
    lambda at: ServerOutage(at, SHORT_S),
    lambda at: Freeze(at, SHORT_S),
    lambda at: LanCut(at, SHORT_S),
    lambda at: ReplyCut(at, SHORT_S),
    lambda at: RedisKill(at, SHORT_S),
    RedisEmpty,
    RedisDeaf,
    lambda at: DatabaseRestart(at, SHORT_S),
    lambda at: PcSwap(at, 1),
)


@dataclass(frozen=True, slots=True)
class RandomMix:
    """Draws the next fault from the seed; at least one, and as many as fit."""

    at: Installation
    length_s: float = 0.0
    name: str = "random"
    kinds: Sequence[Callable[[Installation], Nemesis]] = field(default=MIX)

    def strike(self, run: RunningLoad) -> None:
        """One after the other, each at once, then some quiet."""
        first = True
        while first or time.monotonic() < run.window[1] - LAST_S:
            first = False
            run.sleep(run.random.uniform(LEAST_QUIET_S, MOST_QUIET_S))
            if run.over.is_set():
                break
            run.at_once = True
            run.random.choice(self.kinds)(self.at).strike(run)
            run.say("")
