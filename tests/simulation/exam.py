"""The server side of a simulated exam: what the services do, over dictionaries instead of tables, with the real rules.

Every method takes `now`, the moment as the acting node's clock has it, and either does everything or nothing, as a
transaction does. Refusals come back as their code.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from server.delivery.domain.journal_rules import Standing
from server.delivery.domain.responses import EntryLine, ItemResponse
from server.delivery.domain.states import AttemptAction, AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope, TimeRow, find_reversed
from server.delivery.domain.time_rules import ClockPhase, ExamClock
from server.scheduling.domain.rule_profile import RuleProfile
from server.takeover.domain.lease import LeaseState
from server.takeover.domain.outage_rules import THRESHOLDS, Span
from tests.simulation.rules import Rules

SETTLING = timedelta(seconds=1)
LEASE_TTL = timedelta(seconds=3)
DUTY = "single-actor-duties"


@dataclass(slots=True)
class Attempt:
    id: str
    room: str
    extra: timedelta = timedelta(0)
    state: AttemptState = AttemptState.EXPECTED
    epoch: int = 0
    device: str | None = None
    released: bool = False
    script: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline_at: datetime | None = None
    digest: str = ""
    last_seq: int = 0
    ends: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """As the page made it."""

    page: str
    seq: int
    epoch: int
    item: str
    value: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    entry: Entry
    received_at: datetime
    standing: str
    late_by_ms: int


@dataclass(slots=True)
class Presence:
    since: datetime
    until: datetime


class Exam:
    """One sitting: attempts, journal, ledger, beats, lease."""

    def __init__(self, profile: RuleProfile, starts_at: datetime, duration: timedelta, rules: Rules) -> None:
        self.profile, self.starts_at, self.duration, self.rules = profile, starts_at, duration, rules
        self.attempts: dict[str, Attempt] = {}
        self.journal: dict[str, list[Stored]] = {}
        self.known: dict[tuple[str, str, int], Stored] = {}
        self.ledger: dict[str, TimeRow] = {}
        self.presence: dict[str, list[Presence]] = {}
        self.beats: dict[str, tuple[datetime, bool]] = {}
        self.outage_ends: list[datetime] = []
        self.lease: LeaseState | None = None
        self._numbers = itertools.count(1)

    # ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────

    def clock(self, attempt: Attempt, now: datetime, rows: Iterable[TimeRow] | None = None) -> ExamClock:
        reading = self.rules.read_ledger(
            self.ledger.values() if rows is None else rows, room_id=attempt.room, attempt_id=attempt.id,
            is_suspended=attempt.state is AttemptState.SUSPENDED,
        )  # fmt: skip
        clock: ExamClock = self.rules.read_exam_clock(
            policy=self.profile, starts_at=self.starts_at, duration=self.duration, extra=attempt.extra,
            room_interruptions=reading.room_interruptions, seat_interruptions=reading.seat_interruptions,
            grants=reading.grants, now=now, awaiting_decision=reading.awaiting_decision, began_at=attempt.started_at,
        )  # fmt: skip
        return clock

    def refresh(self, now: datetime, room: str | None = None, attempt: str | None = None) -> None:
        for each in self.attempts.values():
            if each.state.is_open and room in (None, each.room) and attempt in (None, each.id):
                clock = self.clock(each, now)
                each.deadline_at = None if clock.stands_still else clock.ends_at

    def row(self, **fields: object) -> TimeRow:
        made = TimeRow(id=f"t{next(self._numbers):05d}", **fields)  # type: ignore[arg-type]
        self.ledger[made.id] = made
        return made

    def open_rows(self, room: str, attempt: str | None) -> list[TimeRow]:
        gone = find_reversed(self.ledger.values())
        return [
            row for row in self.ledger.values()
            if row.kind is RowKind.INTERRUPTION and row.to_at is None and row.room_id == room
            and row.attempt_id == attempt and row.id not in gone
        ]  # fmt: skip

    # ── candidates ───────────────────────────────────────────────────────────────────────────────────────────────

    def sign_in(self, attempt: Attempt, device: str, now: datetime) -> str | None:
        if attempt.state is AttemptState.EXPECTED:
            clock = self.clock(attempt, now)
            if now < clock.admission_opens_at:
                return "ADMISSION_NOT_OPEN"
            if not self.rules.may_enter(clock, now):
                return "LATE_ENTRY_REFUSED"
        if attempt.device != device:
            if attempt.device is not None and not attempt.released and not attempt.state.is_final:
                return "SEAT_IN_USE"
            attempt.device, attempt.released = device, False
            if self.rules.raises_epoch or attempt.epoch == 0:
                attempt.epoch += 1
        if attempt.state is AttemptState.EXPECTED:
            attempt.state = self.rules.advance(attempt.state, AttemptAction.ADMIT)
            self.refresh(now, attempt=attempt.id)
        return None

    def begin(self, attempt: Attempt, epoch: int, now: datetime) -> str | None:
        clock = self.clock(attempt, now)
        if epoch != attempt.epoch:
            return "SESSION_MOVED"
        if attempt.state.is_final:
            return "SUBMITTED"
        if attempt.state is AttemptState.SUSPENDED:
            return "SUSPENDED"
        if attempt.state is AttemptState.ADMITTED:
            if not self.rules.may_begin(clock, now):
                return "NOT_RUNNING"
            attempt.state = self.rules.advance(attempt.state, AttemptAction.BEGIN)
            attempt.started_at, attempt.script = now, attempt.script or f"script-of-{attempt.id}"
            self.refresh(now, attempt=attempt.id)
        return None

    def record(self, attempt: Attempt, entry: Entry, now: datetime) -> Stored | None:
        """One line through the writer; None: refused, not stored."""
        key = (attempt.id, entry.page, entry.seq)
        if self.rules.looks_for_repeats and key in self.known:
            return self.known[key]
        facts = {
            "attempt_state": attempt.state, "epoch_of_attempt": attempt.epoch, "entry_epoch": entry.epoch,
            "received_at": now, "deadline_at": attempt.deadline_at, "grace": self.profile.network_grace,
        }  # fmt: skip
        verdict = self.rules.judge_entry(**facts)
        if verdict.standing is Standing.LATE and attempt.deadline_at is not None:
            covered = self.rules.covers_gap(
                self.ledger.values(), room_id=attempt.room, attempt_id=attempt.id, deadline_at=attempt.deadline_at,
                received_at=now, grace=self.profile.network_grace,
            )  # fmt: skip
            if covered:
                verdict = self.rules.judge_entry(**facts, covered_by_interruption=True)
        if verdict.standing is Standing.REFUSED:
            return None
        stored = Stored(entry, now, verdict.standing.value, verdict.late_by_ms)
        self.journal.setdefault(attempt.id, []).append(stored)
        self.known[key] = stored
        attempt.last_seq = max(attempt.last_seq, entry.seq)
        return stored

    def responses(self, attempt: Attempt) -> dict[str, ItemResponse]:
        lines = [
            EntryLine("answer", s.entry.item, s.entry.value, s.entry.epoch, s.entry.seq, s.standing)
            for s in self.journal.get(attempt.id, ())
        ]
        found: dict[str, ItemResponse] = self.rules.derive_responses(lines)
        return found

    def submit(self, attempt: Attempt, epoch: int, now: datetime) -> str | None:
        if epoch != attempt.epoch:
            return "SESSION_MOVED"
        if attempt.state is AttemptState.SUSPENDED or self.clock(attempt, now).stands_still:
            return "SUSPENDED"
        if not attempt.state.holds_paper and not attempt.state.is_final:
            return "NOT_STARTED"
        if not self.rules.may_submit(self.clock(attempt, now), now):
            return "TOO_EARLY_TO_LEAVE"
        return self._end(attempt, "submit", AttemptAction.SUBMIT, now)

    def _end(self, attempt: Attempt, how: str, action: AttemptAction, now: datetime) -> str | None:
        if self.rules.transitions is None and attempt.state.is_final:
            return "SUBMITTED"
        attempt.state = self.rules.advance(attempt.state, action)
        attempt.ended_at = now
        attempt.ends.append((now, how))
        attempt.digest = self.rules.digest_responses(self.responses(attempt))
        return None

    def collect(self, attempt: Attempt, now: datetime) -> str | None:
        if attempt.state.is_final or attempt.state is AttemptState.EXPECTED:
            return "ALREADY_ENDED"
        for row in self.open_rows(attempt.room, attempt.id):
            self.ledger[row.id] = replace(row, to_at=now)
        return self._end(attempt, "collect", AttemptAction.COLLECT, now)

    def heard(self, attempt_id: str, now: datetime) -> None:
        spans = self.presence.setdefault(attempt_id, [])
        if not spans or now - spans[-1].until > THRESHOLDS.presence_gap:
            spans.append(Presence(now, now))
        else:
            spans[-1].until = max(spans[-1].until, now)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────

    def suspend(self, attempt: Attempt, now: datetime) -> str | None:
        if attempt.state is not AttemptState.ANSWERING or self.clock(attempt, now).phase is ClockPhase.OVER:
            return "NOT_RUNNING"
        if not self.open_rows(attempt.room, attempt.id):
            self.row(
                scope=Scope.ATTEMPT, kind=RowKind.INTERRUPTION, status=RowStatus.PROPOSED, room_id=attempt.room,
                attempt_id=attempt.id, from_at=now, cause="pc_failure",
            )  # fmt: skip
        attempt.state = self.rules.advance(attempt.state, AttemptAction.SUSPEND)
        self.refresh(now, attempt=attempt.id)
        return None

    def resume(self, attempt: Attempt, now: datetime) -> str | None:
        rows = self.open_rows(attempt.room, attempt.id)
        if attempt.state is not AttemptState.SUSPENDED or not rows:
            return "NOT_SUSPENDED"
        for row in rows:
            over = now - (row.from_at or now) > self.profile.outage_limit
            self.ledger[row.id] = replace(row, to_at=now, status=RowStatus.PROPOSED if over else RowStatus.CONFIRMED)
        attempt.state = self.rules.advance(attempt.state, AttemptAction.RESUME)
        self.refresh(now, attempt=attempt.id)
        return None

    def stop_room(self, room: str, now: datetime) -> str | None:
        if self.open_rows(room, None) or now < self.starts_at:
            return "ALREADY_SUSPENDED"
        self.row(
            scope=Scope.ROOM, kind=RowKind.INTERRUPTION, status=RowStatus.PROVISIONAL, room_id=room, from_at=now,
            cause="proctor_grant",
        )  # fmt: skip
        self.refresh(now, room)
        return None

    def start_room(self, room: str, now: datetime) -> str | None:
        rows = [row for row in self.open_rows(room, None) if row.cause == "proctor_grant"]
        if not rows or rows[0].status is RowStatus.AWAITING_DECISION:
            return "NOT_SUSPENDED"
        over = now - (rows[0].from_at or now) > self.profile.outage_limit
        change = {"status": RowStatus.AWAITING_DECISION} if over else {"to_at": now, "status": RowStatus.CONFIRMED}
        self.ledger[rows[0].id] = replace(rows[0], **change)  # type: ignore[arg-type]
        self.refresh(now, room)
        return None

    def grant(self, attempt: Attempt, amount: timedelta, now: datetime) -> str | None:
        if attempt.state.is_final or self.clock(attempt, now).phase is ClockPhase.OVER:
            return "TIME_OVER"
        self.row(
            scope=Scope.ATTEMPT, kind=RowKind.GRANT, status=RowStatus.CONFIRMED, room_id=attempt.room,
            attempt_id=attempt.id, grant=amount, cause="proctor_grant",
        )  # fmt: skip
        self.refresh(now, attempt=attempt.id)
        return None

    def undecided(self) -> list[TimeRow]:
        gone = find_reversed(self.ledger.values())
        waits = {RowStatus.PROPOSED, RowStatus.PROVISIONAL}
        return [
            row for row in self.ledger.values()
            if row.status in waits and row.id not in gone and (row.to_at is not None or row.kind is not RowKind.INTERRUPTION)
        ]  # fmt: skip

    def confirm(self, row: TimeRow, now: datetime) -> None:
        self.ledger[row.id] = replace(row, status=RowStatus.CONFIRMED)
        self.refresh(now, row.room_id, row.attempt_id)

    def reverse(self, row: TimeRow, now: datetime) -> None:
        self.row(
            scope=row.scope, kind=RowKind.REVERSAL, status=RowStatus.CONFIRMED, room_id=row.room_id,
            attempt_id=row.attempt_id, reverses_id=row.id, cause="correction",
        )  # fmt: skip
        self.refresh(now, row.room_id, row.attempt_id)

    def waiting_rooms(self) -> list[str]:
        return sorted({row.room_id or "" for row in self.ledger.values() if row.status is RowStatus.AWAITING_DECISION})

    def decide(self, room: str, decision: str, now: datetime) -> None:
        for row in list(self.ledger.values()):
            if row.status is RowStatus.AWAITING_DECISION and row.room_id == room:
                self.ledger[row.id] = replace(row, to_at=now, status=RowStatus.CONFIRMED)
        for attempt in self.attempts.values():
            if decision != "extend" and attempt.room == room and attempt.state.is_open:
                attempt.state = self.rules.advance(attempt.state, AttemptAction.VOID)
                attempt.ended_at = now
                attempt.ends.append((now, "void"))
        self.refresh(now, room)

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def last_beat(self) -> datetime | None:
        return max((at for at, _ in self.beats.values()), default=None)

    def beat(self, node: str, now: datetime, *, starts: bool = False) -> Span | None:
        """A beat, or with `starts` a registration; the outage it ends, if any."""
        limits = THRESHOLDS
        if starts:
            alive = max((at for at, stopped in self.beats.values() if not stopped), default=None)
            limits = replace(limits, nodes_silent_after=self.rules.silence_before_start(alive, now, limits))
        last = self.last_beat()
        span: Span | None = None
        if last is not None and now - last > limits.nodes_silent_after:
            answers = [s.received_at for lines in self.journal.values() for s in lines if s.received_at > last]
            span = self.rules.find_outage(last, answers, now, limits)
        if span is not None:
            self._give_back(span, now)
        self.beats[node] = (now, False)
        return span

    def _give_back(self, span: Span, now: datetime) -> None:
        concerned = {
            each.room for each in self.attempts.values()
            if each.state.is_open and (each.deadline_at is None or each.deadline_at > span.from_at)
        }  # fmt: skip
        self.outage_ends.append(span.to_at)
        for room in sorted(concerned):
            lost = self.rules.lost_exam_time(span, self.starts_at)
            if lost is None:
                continue
            over = lost.lasted > self.profile.outage_limit
            self.row(
                scope=Scope.ROOM, kind=RowKind.INTERRUPTION, room_id=room, from_at=lost.from_at, cause="server_outage",
                status=RowStatus.AWAITING_DECISION if over else RowStatus.PROVISIONAL, to_at=None if over else lost.to_at,
            )  # fmt: skip
            self.refresh(now, room)

    def take_lease(self, node: str, now: datetime) -> LeaseState | None:
        wanted: LeaseState | None = self.rules.take_lease(self.lease, duty=DUTY, holder=node, now=now, ttl=LEASE_TTL)
        if wanted is not None:
            self.lease = wanted
        return wanted

    def is_fenced_off(self, lease: LeaseState, now: datetime) -> bool:
        held = self.lease
        good = held is not None and held.generation == lease.generation and held.is_held_by(lease.holder, now)
        return not good and self.rules.fences_duties
