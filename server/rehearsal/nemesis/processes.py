"""Nodes that die, stop, freeze."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from server.rehearsal.installation import Installation
from server.rehearsal.load import RunningLoad
from server.rehearsal.nemesis.moments import wait_for_the_moment


@dataclass(frozen=True, slots=True)
class NodeKill:
    """kill -9 of one node; the service manager starts it again. With several nodes nobody is without one."""

    at: Installation
    name: str = "node-kill"
    #: the killed node stays dead
    for_good: bool = False

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        wait_for_the_moment(run)
        number = run.random.randrange(len(self.at.nodes))
        node = self.at.nodes[number]
        alone = len(self.at.nodes) == 1
        run.say(f"kill -9 节点 node {number + 1}")
        began = time.monotonic()
        node.kill()
        figures: dict[str, Any] = {}
        if not self.for_good:
            self.at.start_again(node)
            figures["ready_s"] = round(time.monotonic() - began, 3)
        run.note(
            self.name, f"node {number + 1} of {len(self.at.nodes)}", began, time.monotonic(),
            cut_off="all" if alone else "nobody", **figures,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServerRestart:
    """Every node is stopped in order and started again, one after the other."""

    at: Installation
    name: str = "server-restart"

    def strike(self, run: RunningLoad) -> None:
        """Once through all nodes."""
        wait_for_the_moment(run)
        alone = len(self.at.nodes) == 1
        for number, node in enumerate(self.at.nodes, start=1):
            run.say(f"有序重启节点 orderly restart of node {number}")
            began = time.monotonic()
            node.stop()
            stopped = time.monotonic()
            node.start()
            run.note(
                self.name, f"node {number} of {len(self.at.nodes)}", began, time.monotonic(),
                cut_off="all" if alone else "nobody", stop_s=round(stopped - began, 3),
                ready_s=round(time.monotonic() - began, 3),
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServerOutage:
    """All nodes are killed and stay down for a while."""

    at: Installation
    down_s: float
    name: str = "server-outage"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        wait_for_the_moment(run, self.down_s)
        run.say(f"全部节点停机 {self.down_s:g} 秒 all nodes down")
        began = time.monotonic()
        for node in self.at.nodes:
            node.kill()
        run.sleep(self.down_s)
        for node in self.at.nodes:
            node.start()
        run.note(self.name, f"all nodes, {self.down_s:g} s", began, time.monotonic())


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP and later SIGCONT of one node: it holds its connections and does nothing."""

    at: Installation
    down_s: float
    name: str = "freeze"

    def strike(self, run: RunningLoad) -> None:
        """Once."""
        wait_for_the_moment(run, self.down_s)
        number = run.random.randrange(len(self.at.nodes))
        node = self.at.nodes[number]
        run.say(f"节点 {number + 1} 停住 {self.down_s:g} 秒 frozen")
        began = time.monotonic()
        node.freeze()
        try:
            run.sleep(self.down_s)
        finally:
            node.wake()
        run.note(
            self.name, f"node {number + 1}, {self.down_s:g} s", began, time.monotonic(),
            cut_off="all" if len(self.at.nodes) == 1 else "nobody",
        )  # fmt: skip
