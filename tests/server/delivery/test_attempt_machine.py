"""One attempt in random weather, against a small model: I1, I5, I6, I7, I8 (security-and-reliability.md 3).

The rules under test are the product's own pure functions, wired as the services wire them; the model keeps its own,
simpler account: it counts the seconds in which work was possible, and remembers what was acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.core.errors import Conflict
from server.core.state_machine import advance
from server.delivery.domain.journal_rules import Standing, judge_entry
from server.delivery.domain.responses import EntryLine, derive_responses, digest_responses
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope, TimeRow, read_ledger
from server.delivery.domain.time_rules import ClockPhase, ExamClock, may_begin, may_submit, read_exam_clock
from server.scheduling.domain.rule_profile import load_profile
from tests.moments import MINUTE, SECOND, START

POLICY = load_profile("default")
ROOM, SEAT = "room", "seat"
DURATION = 40 * MINUTE
ITEMS = ("q1", "q2")
#: Every journey moves in steps of ten seconds; the network grace is one step.
STEP = 10 * SECOND


@dataclass(frozen=True)
class Page:
    """An opened page and the epoch it was given."""

    name: str
    epoch: int


@dataclass(frozen=True)
class Sent:
    """A line some page has sent, maybe not yet received."""

    page: Page
    seq: int
    item: str
    value: str


class AttemptMachine(RuleBasedStateMachine):
    """Admit, begin, answer, suspend, resume, move, outage, submit, collect, in any order."""

    pages = Bundle("pages")
    on_the_way = Bundle("on_the_way")

    def __init__(self) -> None:
        super().__init__()
        self.now = START - 5 * MINUTE
        self.state = AttemptState.EXPECTED
        self.epoch = 0
        self.rows: list[TimeRow] = []
        self.journal: dict[tuple[str, int], EntryLine] = {}
        self.ended_at: datetime | None = None
        self.endings = 0
        self.digest = ""
        # The model.
        self.seq = 0
        self.worked = timedelta(0)
        self.granted = timedelta(0)
        self.outage = False
        self.sweeper_lags = False
        self.acknowledged: dict[tuple[int, int], tuple[str, str]] = {}
        self.last_remaining: timedelta | None = None

    # --- As the services do it

    def clock(self) -> ExamClock:
        reading = read_ledger(
            self.rows, room_id=ROOM, attempt_id=SEAT, is_suspended=self.state is AttemptState.SUSPENDED
        )
        return read_exam_clock(
            policy=POLICY, starts_at=START, duration=DURATION, now=self.now,
            room_interruptions=reading.room_interruptions, seat_interruptions=reading.seat_interruptions,
            grants=reading.grants, awaiting_decision=reading.awaiting_decision,
        )  # fmt: skip

    def deadline(self) -> datetime | None:
        clock = self.clock()
        return None if clock.stands_still else clock.ends_at

    def act(self, action: AttemptAction) -> None:
        self.state = advance(ATTEMPT_TRANSITIONS, self.state, action)

    def end(self, action: AttemptAction) -> None:
        self.act(action)
        self.ended_at = self.now
        self.endings += 1
        self.digest = digest_responses(derive_responses(self.journal.values()))

    def new_row(self, **changes: object) -> None:
        row = TimeRow(f"row-{len(self.rows)}", Scope.ROOM, RowKind.INTERRUPTION, RowStatus.PROVISIONAL, room_id=ROOM)
        self.rows.append(replace(row, **changes))  # type: ignore[arg-type]

    @initialize(target=pages, minutes=st.integers(0, 30))
    def come_in(self, minutes: int) -> Page:
        """Most journeys begin in time, some late, and all with the paper on the table."""
        self.wait(5 * 6 + minutes * 6)
        page = self.admit()
        self.begin()
        return page

    # --- Time

    @rule()
    def the_sweeper_lags_or_works_again(self) -> None:
        """Acceptance never depends on a timer that fires in time."""
        self.sweeper_lags = not self.sweeper_lags
        self.sweep()

    @rule(steps=st.one_of(st.integers(1, 12), st.integers(60, 150)))
    def wait(self, steps: int) -> None:
        """Time passes; the sweeper ends who is overdue, as soon as a node is there to do it."""
        for _ in range(steps):
            if self.now >= START and not self.clock().stands_still and not self.outage:
                self.worked += STEP
            self.now += STEP
            self.sweep()

    def sweep(self) -> None:
        deadline = self.deadline()
        is_due = deadline is not None and deadline + POLICY.network_grace < self.now
        if not self.outage and not self.sweeper_lags and is_due and self.state is AttemptState.ANSWERING:
            self.end(AttemptAction.SUBMIT)

    # --- What people do

    def admit(self) -> Page:
        self.act(AttemptAction.ADMIT)
        self.epoch += 1
        return Page(f"page-{self.epoch}", self.epoch)

    def begin(self) -> None:
        assert may_begin(self.clock(), self.now)
        self.act(AttemptAction.BEGIN)

    @precondition(lambda self: self.epoch > 0)
    @rule(target=on_the_way, page=pages, item=st.sampled_from(ITEMS), value=st.sampled_from("abc"))
    def answer(self, page: Page, item: str, value: str) -> Sent:
        self.seq += 1
        return Sent(page, self.seq, item, value)

    @precondition(lambda self: not self.outage)
    @rule(page=pages, item=st.sampled_from(ITEMS))
    def receive_in_disorder(self, page: Page, item: str) -> None:
        first, second = self.answer(page, item, "a"), self.answer(page, item, "b")
        self.receive(second)
        self.receive(first)

    @precondition(lambda self: not self.outage)
    @rule(sent=on_the_way)
    def receive(self, sent: Sent) -> None:
        """A line arrives: late, again, or out of order, as it likes."""
        key = (sent.page.name, sent.seq)
        if key in self.journal:  # the repeat is looked for before any other check
            return
        deadline, state_before = self.deadline(), self.state
        verdict = judge_entry(
            attempt_state=self.state, epoch_of_attempt=self.epoch, entry_epoch=sent.page.epoch, received_at=self.now,
            deadline_at=deadline, grace=POLICY.network_grace,
        )  # fmt: skip
        if verdict.standing is Standing.REFUSED:
            raise AssertionError("a well-formed line of somebody who has begun was refused")
        self.journal[key] = EntryLine("answer", sent.item, (sent.value,), sent.page.epoch, sent.seq, verdict.standing)
        in_time = deadline is None or self.now <= deadline + POLICY.network_grace
        if verdict.standing is Standing.COUNTED:
            self.acknowledged[sent.page.epoch, sent.seq] = (sent.item, sent.value)
            assert sent.page.epoch == self.epoch  # I7
            assert state_before.holds_paper
            assert in_time or state_before is AttemptState.SUSPENDED  # I6: none after the deadline
        if verdict.standing is Standing.LATE:
            assert not in_time  # I6: none refused for time before it

    @precondition(lambda self: self.state.holds_paper and not self.outage)
    @rule(target=pages)
    def move(self) -> Page:
        """A proctor released the seat, another device signed in."""
        self.epoch += 1
        return Page(f"page-{self.epoch}", self.epoch)

    @precondition(lambda self: self.state is AttemptState.ANSWERING and not self.outage)
    @rule()
    def suspend(self) -> None:
        if self.clock().phase is ClockPhase.OVER:
            return
        self.act(AttemptAction.SUSPEND)
        self.new_row(scope=Scope.ATTEMPT, attempt_id=SEAT, status=RowStatus.PROPOSED, from_at=self.now)

    @precondition(lambda self: self.state is AttemptState.SUSPENDED and not self.outage)
    @rule()
    def resume(self) -> None:
        self.act(AttemptAction.RESUME)
        self.rows = [
            replace(row, to_at=self.now, status=RowStatus.CONFIRMED)
            if row.scope is Scope.ATTEMPT and row.kind is RowKind.INTERRUPTION and row.to_at is None
            else row
            for row in self.rows
        ]

    @precondition(lambda self: self.state.is_open and not self.outage)
    @rule(minutes=st.integers(1, 8))
    def grant(self, minutes: int) -> None:
        if self.clock().phase is ClockPhase.OVER:
            return
        self.new_row(
            scope=Scope.ATTEMPT, attempt_id=SEAT, kind=RowKind.GRANT, status=RowStatus.CONFIRMED, grant=minutes * MINUTE
        )
        self.granted += minutes * MINUTE
        self.last_remaining = None  # a grant is the one thing that may give time

    @precondition(lambda self: not self.outage and self.now >= START)
    @rule(down=st.one_of(st.integers(1, 30), st.integers(170, 190)))
    def servers_down(self, down: int) -> None:
        """No node for a while; back again, the time is given back before anything else happens."""
        from_at, was_over = self.now, self.clock().phase is ClockPhase.OVER
        self.outage = True
        self.wait(down)
        self.outage = False
        if not was_over and self.state.is_open:
            is_over_limit = self.now - from_at > POLICY.outage_limit
            self.new_row(
                from_at=from_at,
                to_at=None if is_over_limit else self.now,
                status=RowStatus.AWAITING_DECISION if is_over_limit else RowStatus.PROVISIONAL,
            )
        self.sweep()

    @precondition(lambda self: any(row.status is RowStatus.AWAITING_DECISION for row in self.rows))
    @rule()
    def decide_to_go_on(self) -> None:
        self.rows = [
            replace(row, to_at=self.now, status=RowStatus.CONFIRMED)
            if row.status is RowStatus.AWAITING_DECISION
            else row
            for row in self.rows
        ]

    @precondition(lambda self: self.state is AttemptState.ANSWERING and not self.outage)
    @rule(resolve=st.integers(1, 6))
    def submit(self, resolve: int) -> None:
        clock = self.clock()
        if may_submit(clock, self.now) and resolve == 1:  # most people stay
            assert clock.exam_time >= min(POLICY.earliest_submission_after, clock.allotted)
            self.end(AttemptAction.SUBMIT)

    @precondition(lambda self: self.state.is_final)
    @rule(action=st.sampled_from([AttemptAction.SUBMIT, AttemptAction.COLLECT, AttemptAction.BEGIN]))
    def end_again(self, action: AttemptAction) -> None:
        """I8: a second ending is refused, whoever asks."""
        try:
            self.act(action)
        except Conflict:
            return
        raise AssertionError("an ended attempt ended again")

    @precondition(lambda self: self.state.holds_paper and not self.outage)
    @rule(resolve=st.integers(1, 6))
    def collect(self, resolve: int) -> None:
        if resolve == 1:  # and are seldom made to go
            self.end(AttemptAction.COLLECT)

    # --- What must hold

    @invariant()
    def the_answer_that_counts_is_the_newest_acknowledged(self) -> None:
        """I1."""
        newest: dict[str, tuple[int, int]] = {}
        for key, (item, _) in self.acknowledged.items():
            newest[item] = max(newest.get(item, key), key)
        expected = {item: (self.acknowledged[key][1],) for item, key in newest.items()}
        assert {ref: r.value for ref, r in derive_responses(self.journal.values()).items()} == expected

    @invariant()
    def the_clock_agrees_with_the_seconds_in_which_work_was_possible(self) -> None:
        """I5."""
        clock = self.clock()
        if self.ended_at is None and not self.outage:
            assert clock.remaining == max(timedelta(0), DURATION + self.granted - self.worked)

    @invariant()
    def the_clock_never_runs_backwards(self) -> None:
        remaining = self.clock().remaining
        if not self.outage and self.ended_at is None:
            assert self.last_remaining is None or remaining <= self.last_remaining
            self.last_remaining = remaining

    @invariant()
    def it_ends_once_and_stays_as_it_was(self) -> None:
        """I8."""
        assert self.endings <= 1
        if self.endings:
            assert digest_responses(derive_responses(self.journal.values())) == self.digest

    @invariant()
    def nobody_is_timed_out_before_the_full_time(self) -> None:
        """I5: whoever was ended by the clock had everything."""
        if self.state is AttemptState.SUBMITTED:
            assert self.worked >= min(POLICY.earliest_submission_after, DURATION + self.granted)


AttemptMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
test_an_attempt_in_any_weather = AttemptMachine.TestCase
