"""Every fault a rehearsal can make, by name; numbers of the fault matrix are other names for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from server.core.errors import InvalidInput
from server.rehearsal.installation import Installation, Needs
from server.rehearsal.load import Nemesis
from server.rehearsal.nemesis.lines import LanCut, ReplyCut, ReplyDelay
from server.rehearsal.nemesis.mix import RandomMix
from server.rehearsal.nemesis.people import PcSwap
from server.rehearsal.nemesis.processes import Freeze, NodeKill, ServerOutage, ServerRestart
from server.rehearsal.nemesis.services import (
    DatabaseRestart,
    RedisDeaf,
    RedisEmpty,
    RedisKill,
    StandbyLost,
    StandbyPromote,
)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: its names, what it needs, how it is made for an installation and a length in seconds."""

    name: str
    numbers: tuple[str, ...]
    words_zh: str
    words_en: str
    needs: Needs
    make: Callable[[Installation, float], Nemesis | None]
    #: seconds; 0: it has no length
    lasts_s: float = 0.0
    #: everybody hands in at the same moment, at the end
    submits: bool = False


def _plain(make: Callable[[Installation], Nemesis]) -> Callable[[Installation, float], Nemesis | None]:
    """A fault without a length."""
    return lambda at, _: make(at)


def _nothing(_at: Installation, _length_s: float) -> None:
    """The load itself is the fault."""


def _kinds() -> list[FaultKind]:
    several, pair = Needs(nodes=2), Needs(database="pair")
    return [
        FaultKind("node-kill", ("F1",), "强制结束一个节点", "kill -9 of a node", Needs(), _plain(NodeKill)),
        FaultKind("node-lost", ("F3",), "三个节点永久失去一个", "one of three nodes is gone for good", Needs(nodes=3),
                  _plain(lambda at: NodeKill(at, "node-lost", for_good=True))),
        FaultKind("server-restart", (), "有序重启全部节点", "orderly restart of every node", Needs(), _plain(ServerRestart)),
        FaultKind("server-outage", ("F2", "F31"), "全部节点停机一段时间", "all nodes down for a while", Needs(),
                  ServerOutage, 10),
        FaultKind("freeze", ("F4",), "节点停住后恢复", "a node frozen and woken (SIGSTOP, SIGCONT)", Needs(), Freeze, 20),
        FaultKind("lan-cut", ("F17",), "一个考场断网", "one room's LAN is cut", Needs(ways=True), LanCut, 30),
        FaultKind("reply-cut", ("F12",), "提交后切断应答", "replies cut after the commit", Needs(ways=True), ReplyCut, 30),
        FaultKind("reply-delay", ("F13",), "应答迟到，期间重发", "replies late, everything sent again meanwhile", Needs(ways=True),
                  ReplyDelay, 15),
        FaultKind("redis-kill", ("F10",), "Redis 被强制结束，恢复后为空", "Redis killed, empty on return", several, RedisKill, 10),
        FaultKind("redis-empty", (), "Redis 被清空", "Redis emptied", several, _plain(RedisEmpty)),
        FaultKind("redis-deaf", ("F11",), "Redis 切断订阅连接", "Redis cuts its subscribers", several, _plain(RedisDeaf)),
        FaultKind("database-restart", ("F8",), "数据库停止一段时间", "the database is down for a while", Needs(database="postgres"),
                  DatabaseRestart, 10),
        FaultKind("standby-promote", ("F7",), "主库被毁，备库接管", "primary killed, standby promoted", pair,
                  _plain(StandbyPromote)),
        FaultKind("standby-lost", ("F9",), "同步备库离开一段时间", "the synchronous standby is away for a while", pair, StandbyLost, 10),
        FaultKind("pc-swap", ("F23",), "考试机坏，换机", "PCs die and are swapped", Needs(), _plain(PcSwap)),
        FaultKind("last-second", ("F34",), "所有考生同一时刻交卷", "everybody hands in at the same moment", Needs(),
                  _nothing, submits=True),
        FaultKind("random", ("F42",), "随机故障轮番发生", "random faults one after the other", Needs(nodes=2, ways=True), RandomMix),
    ]  # fmt: skip


FAULTS: dict[str, FaultKind] = {kind.name: kind for kind in _kinds()}
NUMBERS: dict[str, str] = {number: kind.name for kind in FAULTS.values() for number in kind.numbers}

#: numbers of the matrix that a rehearsal cannot make, and why; `make faults` makes them
ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(("F5", "F6", "F27", "F28", "F29"), "needs a disk of its own that can be cut, filled or slowed"),
    "F14": "needs requests held back and swapped one by one",
    **dict.fromkeys(("F15", "F16", "F18", "F19"), "needs network namespaces (root)"),
    **dict.fromkeys(("F20", "F21", "F22", "F35"), "needs clocks of their own"),
    **dict.fromkeys(("F24", "F26"), "needs real browsers"),
    **dict.fromkeys(("F25", "F30", "F32", "F33"), "is a load test of its own"),
    **dict.fromkeys(("F36", "F37", "F38", "F39", "F40", "F41"), "is no fault of a running exam's servers or lines"),
}


def find_fault(word: str) -> FaultKind:
    """A fault by its name or its number, in any case.

    Raises:
        InvalidInput: `FAULT_UNKNOWN`, `FAULT_ELSEWHERE`: with the names there are and why.
    """
    name = NUMBERS.get(word.upper(), word.lower())
    if name in FAULTS:
        return FAULTS[name]
    names = ", ".join(f"{kind.name}{''.join(f' ({n})' for n in kind.numbers)}" for kind in FAULTS.values())
    reason = ELSEWHERE.get(word.upper())
    if reason is not None:
        raise InvalidInput(
            "FAULT_ELSEWHERE",
            f"演练做不了故障 {word.upper()}（{reason}），请用 make faults。演练可做：{names}。",
            f"A rehearsal cannot make {word.upper()}: it {reason}; `make faults` does. It can make: {names}.",
        )
    raise InvalidInput(
        "FAULT_UNKNOWN", f"没有名为 {word} 的故障。可用：{names}。", f"There is no fault {word}. There are: {names}."
    )
