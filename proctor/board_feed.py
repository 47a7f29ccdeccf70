"""Coalesced deltas of committed state for the rooms somebody watches on this node.

The bus says what changed; nothing is taken from an event but ids. Every 400 ms each room that changed is read from the
database, and what differs from what was sent last goes out as one delta with the next number. Each node serves its own
connections and counts for itself; a page that misses a number reads the snapshot again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from proctor.board_parts import BoardParts, make_parts
from proctor.domain.board import changed_statuses
from proctor.queries import statuses
from proctor.room_facts import read_room
from proctor.services.tend_room import needs_tending, tend_room
from proctor.wire import Alarm, BoardDelta
from server.core.events import AlarmRaised, AnswersRecorded, AttemptChanged, Event
from server.delivery.time_keeping import to_ms
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
PART = "proctor.board_feed"
TICK_S = 0.4
#: presence and the day's line change by the clock alone; a node that hears no others shows what they did at most so much later
REFRESH_S = 3.0
#: a node's own trouble is shown so long after it was last heard of
TRANSIENT_S = 60.0
#: changes that touch nothing but the seat itself
SEAT_ONLY = frozenset({"seen", "answers"})

Room = tuple[str, str]
Emit = Callable[[Room, BoardDelta], None]

_TRANSIENT: dict[str, tuple[Literal["storage", "clock"], Literal["red", "amber"], str, str]] = {
    "storage": ("storage", "red", "服务器暂时不能保存作答，请立即通知技术支持；考生机保留作答", "The server cannot save answers: call support; the PCs keep them"),
    "second_journal": ("storage", "red", "作答的第二份副本没有写成（第二块磁盘故障）；作答照常保存，请通知技术支持", "Answers are saved, but their second copy is not: call support"),
    "disk_low": ("storage", "amber", "服务器磁盘空间不足，请通知技术支持；作答照常保存", "The server's disk is filling up: call support; answers are saved"),
    "disk_full": ("storage", "red", "服务器磁盘快满了，请立即通知技术支持；上传和备份已暂停，作答照常保存", "The server's disk is nearly full: call support now; answers are still saved"),
    "clock": ("clock", "red", "服务器时钟异常，请立即通知技术支持", "The server's clock is wrong: call support"),
}  # fmt: skip


@dataclass
class _Watched:
    """One room with at least one board open here."""

    version: int
    parts: BoardParts
    read_at: float
    sids: set[str] = field(default_factory=set)
    stale_attempts: set[str] = field(default_factory=set)
    is_stale: bool = False


class BoardFeed:
    """One a process; made by `proctor.socket.register`."""

    def __init__(self, platform: Platform, emit: Emit) -> None:
        self._platform = platform
        self._emit = emit
        self._turn = threading.Lock()
        self._rooms: dict[Room, _Watched] = {}
        self._transient: dict[tuple[str, str, str], tuple[int, float]] = {}
        platform.bus.subscribe(self.note)
        platform.parts[PART] = self

    def watch(self, sid: str, sitting_id: str, room_id: str) -> int:
        """From now on this connection gets the room's deltas; returns the present version.

        The caller has checked the reach. Numbers begin at the moment in milliseconds, so that after a restart they
        are higher than before and nobody takes a new delta for an old one.
        """
        key = (sitting_id, room_id)
        with self._turn:
            watched = self._rooms.get(key)
            if watched is not None:
                watched.sids.add(sid)
                return watched.version
        at, parts = self._platform.clock.monotonic(), self._read(key)
        with self._turn:
            watched = self._rooms.get(key)
            if watched is None:
                version = to_ms(self._platform.clock.now())
                # What was committed while we read is read again with the next round.
                watched = self._rooms[key] = _Watched(version, parts, at, is_stale=True)
            watched.sids.add(sid)
            return watched.version

    def leave(self, sid: str) -> None:
        """The connection is gone; a room nobody watches any more is forgotten."""
        with self._turn:
            for key, watched in list(self._rooms.items()):
                watched.sids.discard(sid)
                if not watched.sids:
                    del self._rooms[key]

    def version(self, sitting_id: str, room_id: str) -> int:
        """The number a snapshot read after this call is at least as new as; 0 when nobody watches the room here."""
        with self._turn:
            watched = self._rooms.get((sitting_id, room_id))
            return watched.version if watched else 0

    def transient_alarms(self, sitting_id: str, room_id: str) -> list[Alarm]:
        """What is wrong with this node itself and cannot be read from a database."""
        now = self._platform.clock.monotonic()
        alarms = []
        with self._turn:
            self._transient = {key: value for key, value in self._transient.items() if now - value[1] < TRANSIENT_S}
            found = [(key[2], since) for key, (since, _) in self._transient.items() if key[:2] == (sitting_id, room_id)]
        for name, since in found:
            kind, severity, zh, en = _TRANSIENT[name]
            alarms.append(
                Alarm(
                    id=name,
                    kind=kind,
                    severity=severity,
                    since_ms=since,
                    seat_ids=[],
                    words_zh=zh,
                    words_en=en,
                    subject_id=None,
                )
            )
        return alarms

    def note(self, event: Event) -> None:
        """Bus handler: remember what to read again; never touches the database."""
        with self._turn:
            if isinstance(event, AlarmRaised) and event.kind in _TRANSIENT:
                now = self._platform.clock.monotonic()
                key = (event.sitting_id, event.room_id, event.kind)
                since, _ = self._transient.get(key, (to_ms(self._platform.clock.now()), now))
                self._transient[key] = (since, now)
            watched = self._rooms.get((event.sitting_id, event.room_id))
            if watched is None:
                return
            seat_only = isinstance(event, AnswersRecorded) or (
                isinstance(event, AttemptChanged) and event.what in SEAT_ONLY
            )
            if seat_only and isinstance(event, AnswersRecorded | AttemptChanged):
                watched.stale_attempts.add(event.attempt_id)
            else:
                watched.is_stale = True

    def tick(self) -> int:
        """One round over the watched rooms; returns how many deltas went out."""
        with self._turn:
            keys = list(self._rooms)
        return sum(self._refresh(key) for key in keys)

    def _refresh(self, key: Room) -> bool:
        now = self._platform.clock.monotonic()
        with self._turn:
            watched = self._rooms.get(key)
            if watched is None:
                return False
            everything = watched.is_stale or now - watched.read_at >= REFRESH_S
            attempts = sorted(watched.stale_attempts)
            if not everything and not attempts:
                return False
            # Before reading: what is committed from here on is noted again.
            watched.is_stale, watched.stale_attempts = False, set()
            before = watched.parts
        try:
            parts = self._read(key) if everything else self._read_seats(key, attempts, before)
        except Exception:
            with self._turn:
                watched.is_stale = True
            log.exception("the board of room %s could not be read; tried again", key[1])
            return False
        with self._turn:
            if everything:
                watched.read_at = now
            watched.parts = parts
            delta = _difference(key, watched.version + 1, to_ms(self._platform.clock.now()), before, parts)
            if delta is None:
                return False
            watched.version += 1
        self._emit(key, delta)
        return True

    def _read(self, key: Room) -> BoardParts:
        moment = self._platform.clock.now()
        with self._platform.uow.read() as session:
            facts = read_room(session, *key, moment)
            parts = make_parts(facts)
            has_to_tend = needs_tending(facts, moment)
        if has_to_tend:
            tend_room(self._platform.uow, *key)
        return replace(parts, alarms=[*self.transient_alarms(*key), *parts.alarms])

    def _read_seats(self, key: Room, attempt_ids: Sequence[str], before: BoardParts) -> BoardParts:
        with self._platform.uow.read() as session:
            found = statuses(session, attempt_ids, self._platform.clock.now())
        if any(
            status.seat_id not in before.statuses or before.statuses[status.seat_id].attempt_id != status.attempt_id
            for status in found
        ):
            return self._read(key)  # somebody moved: the seat he left changed as well
        return replace(before, statuses={**before.statuses, **{status.seat_id: status for status in found}})


def _difference(key: Room, version: int, now_ms: int, before: BoardParts, after: BoardParts) -> BoardDelta | None:
    changed = changed_statuses(before.statuses, after.statuses)
    delta = BoardDelta(
        sitting_id=key[0],
        room_id=key[1],
        version=version,
        server_now_ms=now_ms,
        statuses=changed,
        header=after.header if after.header != before.header else None,
        timeline=after.timeline if after.timeline != before.timeline else None,
        alarms=after.alarms if after.alarms != before.alarms else None,
        time_rows=after.time_rows if after.time_rows != before.time_rows else None,
        incidents=after.incidents if after.incidents != before.incidents else None,
    )
    others = (delta.header, delta.timeline, delta.alarms, delta.time_rows, delta.incidents)
    return delta if changed or any(part is not None for part in others) else None
