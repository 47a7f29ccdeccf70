"""The moving parts of delivery in one process: the writer, presence, heartbeats."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import select

from server.adapters.throttle import Throttle
from server.core.errors import Unavailable
from server.core.events import AlarmRaised, AnswersRecorded, AttemptChanged, Event
from server.delivery.heartbeats import Heartbeats
from server.delivery.journal import BatchResult, Line
from server.delivery.models import Attempt
from server.delivery.presence import FLUSH_EVERY_S, Presence, Seen
from server.delivery.second_journal import SecondJournal
from server.delivery.services.record_answers import AnswerDesk
from server.delivery.sessions import RememberedLogins, SignedInCandidate
from server.delivery.time_keeping import to_ms
from server.delivery.wire import Heartbeat, HeartbeatReply
from server.delivery.writer import AnswerWriter
from server.storage.unit_of_work import Work
from server.webkit.background import Background
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
#: how often answers without a second copy are looked at while nobody answers
SETTLE_EVERY_S = 2.0
#: a gap shorter than this is network weather, not an interruption
GAP_WORTH_TELLING_MS = 2_000
#: no exam is longer; what a page says is evidence for a person, and must stay a date
LONGEST_GAP_MS = 24 * 3600 * 1000


class OutageEars(Protocol):
    """What delivery tells takeover; handed down by `server.app`."""

    def note_life_signs(self, work: Work, seen: Mapping[str, datetime]) -> None: ...
    def report_client_gap(self, attempt_id: str, gap_ms: int, *, answered_during_gap: bool) -> None: ...


class DeliveryRuntime:
    """Built once by `server.app`; `start` before the listener opens, `stop` after it closed."""

    def __init__(self, platform: Platform, throttle: Throttle, ears: OutageEars) -> None:
        self.platform = platform
        self.throttle = throttle
        self.ears = ears
        self.second_journal = self._make_second_journal()
        self.writer = AnswerWriter(platform.database, self._committed, self._failed, self.second_journal)
        self.desk = AnswerDesk(platform.uow, self.writer, platform.clock, platform.node_id)
        self.presence = Presence(platform.uow, ears.note_life_signs)
        self.heartbeats = Heartbeats(platform.uow, platform.clock)
        self._rooms: dict[str, tuple[str, str]] = {}
        self.logins = RememberedLogins(platform.clock)
        platform.bus.subscribe(self.heartbeats.forget)
        platform.bus.subscribe(self.logins.forget)
        platform.bus.subscribe(self._follow_move)

    def start(self, background: Background) -> None:
        """Begin writing and keeping presence."""
        self.writer.start()
        background.every(FLUSH_EVERY_S, "presence", self.presence.flush)
        if self.second_journal is not None:
            background.every(SETTLE_EVERY_S, "second-journal", self.second_journal.settle)

    def stop(self) -> None:
        """Acknowledge what has gathered, write the last life signs."""
        self.writer.stop()
        self.presence.flush()

    def heartbeat(self, candidate: SignedInCandidate, message: Heartbeat) -> HeartbeatReply:
        """A life sign arrived."""
        self.saw(candidate, message.unsent)
        if message.gap_ms >= GAP_WORTH_TELLING_MS:
            gap_ms = min(message.gap_ms, LONGEST_GAP_MS)
            self.ears.report_client_gap(candidate.attempt_id, gap_ms, answered_during_gap=message.answered_during_gap)
        return self.heartbeats.reply(candidate, message.page_id)

    def saw(self, candidate: SignedInCandidate, unsent: int = 0) -> None:
        """Any message of a candidate is a life sign."""
        self.presence.saw(
            candidate.attempt_id, Seen(self.platform.clock.now(), unsent, candidate.sitting_id, candidate.room_id)
        )

    def _follow_move(self, event: Event) -> None:
        if isinstance(event, AttemptChanged) and event.what == "moved_room":
            self._rooms.pop(event.attempt_id, None)

    def _committed(self, lines: Sequence[Line], result: BatchResult) -> None:
        for line, outcome in zip(lines, result.outcomes, strict=True):
            if outcome.differs:
                log.error(
                    "attempt %s sent seq %s again with another value; the stored one stands",
                    line.attempt_id,
                    line.client_seq,
                )
        for attempt_id, row in result.changed.items():
            sitting_id, room_id = self._room_of(attempt_id)
            self.platform.bus.publish(
                AnswersRecorded(
                    sitting_id=sitting_id,
                    room_id=room_id,
                    attempt_id=attempt_id,
                    answered=row.answered,
                    at_ms=to_ms(row.last_answer_at) if row.last_answer_at else 0,
                )
            )

    def _make_second_journal(self) -> SecondJournal | None:
        settings = self.platform.settings
        if settings.second_journal is None:
            return None
        go_on = settings.second_journal_failure == "go_on"
        return SecondJournal(
            settings.second_journal, self.platform.vault, self.platform.node_id,
            go_on=go_on, on_trouble=lambda lines: self._raise_alarm("second_journal", lines),
        )  # fmt: skip

    def _raise_alarm(self, kind: str, lines: Sequence[Line]) -> None:
        for sitting_id, room_id in {self._room_of(attempt_id) for attempt_id in {line.attempt_id for line in lines}}:
            self.platform.bus.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind=kind))

    def _failed(self, lines: Sequence[Line], error: Unavailable) -> None:
        self._raise_alarm("storage", lines)
        log.error("a batch of %d answers was not stored: %s", len(lines), error.code)

    def _room_of(self, attempt_id: str) -> tuple[str, str]:
        if attempt_id not in self._rooms:
            with self.platform.uow.read() as session:
                row = session.execute(select(Attempt.sitting_id, Attempt.room_id).where(Attempt.id == attempt_id)).one()
            self._rooms[attempt_id] = (row.sitting_id, row.room_id)
        return self._rooms[attempt_id]
