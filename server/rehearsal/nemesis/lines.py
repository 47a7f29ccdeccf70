"""Lines between rooms and nodes: cut, stalled, answers lost or late."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from server.rehearsal.installation import Installation
from server.rehearsal.load import RunningLoad
from server.rehearsal.nemesis.moments import wait_for_the_moment

#: a room's silence shorter than this is no room cut to the server: its pages went on by themselves (Thresholds.presence_gap)
NOTICED_AFTER_S = 20.0


@dataclass(frozen=True, slots=True)
class LanCut:
    """One room's cable is out: everything stalls, new connections hang; then it is plugged in again."""

    at: Installation
    down_s: float
    name: str = "lan-cut"

    def strike(self, run: RunningLoad) -> None:
        """Once, one room."""
        wait_for_the_moment(run, self.down_s)
        room_id = run.random.choice(sorted(self.at.relays))
        run.say(f"一个考场断网 {self.down_s:g} 秒 one room cut off")
        began = time.monotonic()
        for relay in self.at.relays[room_id]:
            relay.unplug()
        try:
            run.sleep(self.down_s)
        finally:
            for relay in self.at.relays[room_id]:
                relay.plug_in()
        run.note(
            self.name, f"one room, {self.down_s:g} s", began, time.monotonic(), cut_off=(room_id,),
            gives_back=self.down_s >= NOTICED_AFTER_S,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReplyCut:
    """Of the acknowledgements a share is lost on the way back, after the commit, and the line breaks."""

    at: Installation
    lasting_s: float
    share: float = 0.3
    name: str = "reply-cut"

    def strike(self, run: RunningLoad) -> None:
        """For a while, all rooms."""
        wait_for_the_moment(run, self.lasting_s)
        run.say("提交后切断应答 replies cut after the commit")
        relays = [relay for room in sorted(self.at.relays) for relay in self.at.relays[room]]
        began = time.monotonic()
        for relay in relays:
            relay.drop_replies(self.share, random.Random(run.random.random()))  # noqa: S311 - from the seed
        run.sleep(self.lasting_s)
        for relay in relays:
            relay.drop_replies(0, run.random)
        cuts = sum(relay.dropped_replies for relay in relays)
        run.note(self.name, f"{cuts} replies", began, time.monotonic(), cut_off="nobody", cuts=cuts)


@dataclass(frozen=True, slots=True)
class ReplyDelay:
    """Acknowledgements arrive so late that everything is sent again meanwhile; then both answers arrive."""

    at: Installation
    lasting_s: float
    delay_s: float = 8.0
    name: str = "reply-delay"

    def strike(self, run: RunningLoad) -> None:
        """For a while, all rooms."""
        wait_for_the_moment(run, self.lasting_s + self.delay_s)
        run.say(f"应答迟到 {self.delay_s:g} 秒 replies late")
        relays = [relay for room in sorted(self.at.relays) for relay in self.at.relays[room]]
        began = time.monotonic()
        for relay in relays:
            relay.delay_replies(self.delay_s)
        run.sleep(self.lasting_s)
        for relay in relays:
            relay.delay_replies(0)
        held = sum(relay.delayed_replies for relay in relays)
        run.note(self.name, f"{held} replies", began, time.monotonic(), cut_off="nobody", delayed=held)
