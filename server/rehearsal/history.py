"""What simulated candidates asked and what was acknowledged; the checker compares it with the database afterwards.

Separate on purpose (Jepsen): the client only writes down, the checker only judges. Moments are `time.monotonic()`, which
is one clock for all processes of a machine.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import select

from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import counted_responses
from server.storage.unit_of_work import UnitOfWork

#: (attempt id, page id, number of the entry)
Key = tuple[str, str, int]


@dataclass(slots=True)
class Sent:
    """One entry as a candidate made it; `acked` once the server said `counted`."""

    attempt_id: str
    page_id: str
    seq: int
    item: str
    value: tuple[str, ...]
    acked: bool = False
    standing: str | None = None
    #: from the click to the acknowledgement
    save_ms: float | None = None
    clicked_at: float = 0.0
    acked_at: float | None = None


class Notebook(Protocol):
    """Where a candidate writes down what happens."""

    def invoke(self, entry: Sent) -> None:
        """Before it is sent."""
        ...

    def ok(self, key: Key, standing: str, save_ms: float) -> None:
        """The server acknowledged it."""
        ...

    def reconnected(self, seconds: float) -> None:
        """The server is there again, so long after the channel was lost."""
        ...


@dataclass
class History:
    """Everything every candidate did, in the order it was written down."""

    sent: dict[Key, Sent] = field(default_factory=dict)
    reconnect_s: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, entry: Sent) -> None:
        """Before it is sent."""
        with self._lock:
            self.sent[(entry.attempt_id, entry.page_id, entry.seq)] = entry

    def ok(self, key: Key, standing: str, save_ms: float) -> None:
        """The server acknowledged it."""
        with self._lock:
            entry = self.sent[key]
            entry.acked, entry.standing, entry.save_ms = True, standing, save_ms
            entry.acked_at = time.monotonic()

    def reconnected(self, seconds: float) -> None:
        """The server is there again, so long after the channel was lost."""
        self.reconnect_s.append(seconds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts over a whole history. `lost`: acknowledged as counted, but not in the journal with that value (I1, I2);
    `duplicated`: stored twice; `foreign`: stored but never sent; `wrong_final`: an item whose final answer is not the one
    acknowledged with the highest number."""

    acked: int
    lost: int
    duplicated: int
    foreign: int
    wrong_final: int


def check(history: History, uow: UnitOfWork) -> Verdict:
    """Judge the history against the journal, after everybody has stopped: what is acknowledged meanwhile would look lost."""
    attempts = sorted({entry.attempt_id for entry in history.sent.values()})
    lost = duplicated = foreign = wrong_final = 0
    with uow.read() as session:
        stored: dict[tuple[str, str, int], tuple[str, tuple[str, ...], str]] = {}
        rows = session.execute(
            select(
                JournalEntry.attempt_id,
                JournalEntry.page_id,
                JournalEntry.client_seq,
                JournalEntry.item_ref,
                JournalEntry.value,
                JournalEntry.standing,
            ).where(JournalEntry.attempt_id.in_(attempts), JournalEntry.kind == "answer")
        )
        for attempt_id, page_id, seq, item, value, standing in rows:
            key = (attempt_id, page_id, seq)
            duplicated += key in stored
            stored[key] = (item, tuple(value), standing)
            foreign += key not in history.sent
        newest: dict[tuple[str, str], Sent] = {}
        newest_unknown: dict[tuple[str, str], int] = {}
        for key, entry in history.sent.items():
            pair = (entry.attempt_id, entry.item)
            if entry.acked and entry.standing == "counted":
                lost += stored.get(key) != (entry.item, tuple(sorted(entry.value)), "counted")
                if pair not in newest or newest[pair].seq < entry.seq:
                    newest[pair] = entry
            elif not entry.acked:
                newest_unknown[pair] = max(newest_unknown.get(pair, 0), entry.seq)
        for attempt_id in attempts:
            final = counted_responses(session, attempt_id)
            for (owner, item), entry in newest.items():
                if owner != attempt_id or newest_unknown.get((owner, item), 0) > entry.seq:
                    continue  # a higher one with unknown outcome is allowed to stand
                response = final.get(item)
                wrong_final += response is None or response.value != tuple(sorted(entry.value))
    acked = sum(entry.acked and entry.standing == "counted" for entry in history.sent.values())
    return Verdict(acked, lost, duplicated, foreign, wrong_final)


def ended_attempts(uow: UnitOfWork, sitting_id: str) -> list[Attempt]:
    """All attempts of the sitting."""
    with uow.read() as session:
        return list(session.scalars(select(Attempt).where(Attempt.sitting_id == sitting_id)))
