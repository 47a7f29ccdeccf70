"""Groups of candidates linked by flagged pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEAST_INCIDENT = 3


@dataclass(frozen=True)
class Cluster:
    """A connected component. `is_incident`: three or more of them sat in one room."""

    members: tuple[int, ...]
    rooms: tuple[str, ...]
    is_incident: bool


def find_clusters(pairs: Iterable[tuple[int, int]], room_of: dict[int, str]) -> tuple[Cluster, ...]:
    """Connected components of the flagged pairs, the largest first."""
    leader: dict[int, int] = {}

    def head(member: int) -> int:
        while leader.setdefault(member, member) != member:
            leader[member] = leader[leader[member]]
            member = leader[member]
        return member

    for a, b in pairs:
        one, other = head(a), head(b)
        leader[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for member in sorted(leader):
        groups.setdefault(head(member), []).append(member)
    found = []
    for members in groups.values():
        rooms = [room_of.get(member, "") for member in members]
        most = max((rooms.count(room) for room in set(rooms) if room), default=0)
        found.append(Cluster(tuple(members), tuple(sorted({room for room in rooms if room})), most >= LEAST_INCIDENT))
    return tuple(sorted(found, key=lambda cluster: (-len(cluster.members), cluster.members)))
