"""Answers arrive: validated against the candidate's own script, handed to the writer, acknowledged after its commit."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from itembank.domain.script import ScriptLayout
from itembank.queries import script_layout
from server.core.clock import Clock
from server.core.errors import Conflict
from server.delivery.domain.journal_rules import find_malformed
from server.delivery.journal import Line
from server.delivery.models import Attempt
from server.delivery.sessions import SignedInCandidate
from server.delivery.time_keeping import to_ms
from server.delivery.wire import Ack, AnswersRecorded, Entry, RecordAnswers
from server.delivery.writer import AnswerWriter
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import UnitOfWork

CACHED_ATTEMPTS = 5_000


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What never changes about an attempt once it has a script: kept in memory for the hot path."""

    layout: ScriptLayout
    grace: timedelta


class AnswerDesk:
    """The use case, with its small memory of immutable facts."""

    def __init__(self, uow: UnitOfWork, writer: AnswerWriter, clock: Clock, node_id: str) -> None:
        self._uow = uow
        self._writer = writer
        self._clock = clock
        self._node_id = node_id
        self._facts: OrderedDict[str, AttemptFacts] = OrderedDict()

    def record(self, candidate: SignedInCandidate, message: RecordAnswers) -> AnswersRecorded:
        """Store a batch of entries and say what became of each.

        The moment of receipt is taken before anything waits. Entries that do not fit the script are refused one by one
        and not stored; all others are in the journal when this returns.

        Raises:
            Conflict: `NOT_STARTED`: this candidate has no script.
            Unavailable: nothing is acknowledged; send the same again.
        """
        received_at = self._clock.now()
        facts = self._facts_of(candidate.attempt_id)
        refusals: dict[int, str] = {}
        lines: list[Line] = []
        for index, entry in enumerate(message.entries):
            item = facts.layout.items.get(entry.item)
            code = find_malformed(
                kind=entry.kind,
                value=entry.value,
                options=item.options if item is not None else None,
                takes_several=item is not None and item.kind == "multiple",
            )
            if code is not None:
                refusals[index] = code
                continue
            # A log-in writes under its own epoch or an earlier one: naming a later one does not give the pen back.
            epoch = min(message.epoch, candidate.epoch)
            lines.append(self._line(candidate, epoch, entry, received_at, facts.grace, message.page_id))
        outcomes = iter(self._writer.record(lines) if lines else ())
        acks = []
        for index, entry in enumerate(message.entries):
            if index in refusals:
                acks.append(Ack(seq=entry.seq, page_id=entry.page_id, standing="refused", code=refusals[index]))
            else:
                outcome = next(outcomes)
                acks.append(Ack(seq=entry.seq, page_id=entry.page_id, standing=outcome.standing, code=outcome.code))  # type: ignore[arg-type]
        return AnswersRecorded(ok=True, acks=acks, server_now_ms=to_ms(self._clock.now()))

    def _line(
        self,
        candidate: SignedInCandidate,
        epoch: int,
        entry: Entry,
        received_at: datetime,
        grace: timedelta,
        sent_by: str,
    ) -> Line:
        return Line(
            attempt_id=candidate.attempt_id,
            page_id=entry.page_id or sent_by,
            client_seq=entry.seq,
            epoch=epoch,
            kind=entry.kind,
            item_ref=entry.item,
            value=tuple(sorted(entry.value)),
            client_time_ms=entry.client_time_ms,
            client_monotonic_ms=entry.client_monotonic_ms,
            received_at=received_at,
            grace=grace,
            node_id=self._node_id,
            sitting_id=candidate.sitting_id,
        )

    def _facts_of(self, attempt_id: str) -> AttemptFacts:
        facts = self._facts.get(attempt_id)
        if facts is None:
            with self._uow.read() as session:
                attempt = session.get_one(Attempt, attempt_id)
                if attempt.script_id is None:
                    raise Conflict("NOT_STARTED", "还没有开考。", "The exam has not started.")
                grace = sitting_profile(session, attempt.sitting_id).network_grace
                facts = AttemptFacts(script_layout(session, attempt.script_id), grace)
            self._facts[attempt_id] = facts
            if len(self._facts) > CACHED_ATTEMPTS:
                self._facts.popitem(last=False)
        return facts
