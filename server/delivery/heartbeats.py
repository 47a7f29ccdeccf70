"""Answering heartbeats: the clock, the step, waiting messages; mostly from memory.

A heartbeat comes every five seconds from every candidate. Its reply is read from the database when something happened
to this attempt (an event says so) or every `FRESH_S`; between, only the running clock is moved on.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.core.clock import Clock
from server.core.events import AnswersRecorded, AttemptChanged, ClockChanged, Event, MessageSent
from server.delivery.candidate_state import clock_view, step_of, unseen_messages
from server.delivery.models import Attempt
from server.delivery.sessions import SignedInCandidate
from server.delivery.time_keeping import to_ms
from server.delivery.wire import HeartbeatReply
from server.storage.unit_of_work import UnitOfWork

FRESH_S = 15.0


@dataclass(slots=True)
class _Remembered:
    reply: HeartbeatReply
    page_id: str | None
    read_at: float
    room: tuple[str, str]


class Heartbeats:
    """The replies of this node's candidates."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock
        #: attempt → epoch → reply: a page that was moved away may go on asking, and its reply is not its successor's
        self._remembered: dict[str, dict[int, _Remembered]] = {}

    def reply(self, candidate: SignedInCandidate, page_id: str) -> HeartbeatReply:
        """What this candidate's page needs to know now. `writing` False: another page or device has taken over."""
        remembered = self._remembered.get(candidate.attempt_id, {}).get(candidate.epoch)
        if remembered is None or not self._still_true(remembered):
            remembered = self._read(candidate)
        reply = remembered.reply
        now_ms = to_ms(self._clock.now())
        clock = reply.clock
        if clock.phase == "running":
            clock = clock.model_copy(update={"remaining_ms": max(0, clock.ends_at_ms - now_ms)})
        clock = clock.model_copy(update={"server_now_ms": now_ms})
        writing = remembered.page_id in (None, page_id) and reply.step != "moved"
        return reply.model_copy(update={"clock": clock, "writing": writing})

    def forget(self, event: Event) -> None:
        """Something happened: whoever is concerned is read again."""
        if isinstance(event, AnswersRecorded) or (
            isinstance(event, AttemptChanged) and event.what in ("seen", "answers")
        ):
            return
        attempt_id = getattr(event, "attempt_id", None)
        if attempt_id is not None and isinstance(event, AttemptChanged | ClockChanged | MessageSent):
            self.leave(attempt_id)
            return
        room = (event.sitting_id, event.room_id)
        concerned = [
            key for key, pages in self._remembered.items() if any(page.room == room for page in pages.values())
        ]
        for key in concerned:
            self.leave(key)

    def leave(self, attempt_id: str) -> None:
        """The candidate disconnected, or something happened: nothing needs to be remembered."""
        self._remembered.pop(attempt_id, None)

    def _still_true(self, remembered: _Remembered) -> bool:
        if self._clock.monotonic() - remembered.read_at > FRESH_S:
            return False
        now_ms, clock = to_ms(self._clock.now()), remembered.reply.clock
        if clock.phase == "running":
            return now_ms < clock.ends_at_ms
        return clock.phase == "admission" and now_ms < clock.starts_at_ms

    def _read(self, candidate: SignedInCandidate) -> _Remembered:
        with self._uow.read() as session:
            attempt = session.get_one(Attempt, candidate.attempt_id)
            clock = clock_view(session, attempt, self._clock.now())
            reply = HeartbeatReply(
                ok=True,
                clock=clock,
                step=step_of(attempt, clock, candidate.epoch),
                messages=unseen_messages(session, attempt),
                identity_verified=attempt.identity_verified_at is not None,
                writing=True,
            )
            remembered = _Remembered(
                reply, attempt.page_id, self._clock.monotonic(), (attempt.sitting_id, attempt.room_id)
            )
        self._remembered.setdefault(candidate.attempt_id, {})[candidate.epoch] = remembered
        return remembered
