"""The time ledger: what rows amount to, whatever their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.delivery.domain.time_ledger import (
    RowKind,
    RowStatus,
    Scope,
    TimeRow,
    covers_gap,
    find_reversed,
    read_ledger,
)
from server.delivery.domain.time_rules import Interval, read_exam_clock
from server.scheduling.domain.rule_profile import load_profile
from tests.moments import DURATION, END, MINUTE, SECOND, START

ROOM, SEAT = "room-1", "attempt-1"
OUTAGE = TimeRow(
    "outage", Scope.ROOM, RowKind.INTERRUPTION, RowStatus.PROVISIONAL, room_id=ROOM,
    from_at=START + 10 * MINUTE, to_at=START + 17 * MINUTE,
)  # fmt: skip
GRANT = TimeRow("grant", Scope.ATTEMPT, RowKind.GRANT, RowStatus.CONFIRMED, attempt_id=SEAT, grant=3 * MINUTE)


def take_back(row: TimeRow, row_id: str = "back", **changes: object) -> TimeRow:
    reversal = TimeRow(
        row_id, row.scope, RowKind.REVERSAL, RowStatus.CONFIRMED, row.room_id, row.attempt_id, reverses_id=row.id
    )
    return replace(reversal, **changes)  # type: ignore[arg-type]


def test_rows_of_room_and_seat_are_told_apart() -> None:
    seat = replace(OUTAGE, id="seat", scope=Scope.ATTEMPT, attempt_id=SEAT)
    reading = read_ledger([OUTAGE, seat, GRANT], room_id=ROOM, attempt_id=SEAT)
    assert reading.room_interruptions == (Interval(OUTAGE.from_at, OUTAGE.to_at),)
    assert reading.seat_interruptions == (Interval(OUTAGE.from_at, OUTAGE.to_at),)
    assert reading.granted == 3 * MINUTE


def test_another_room_and_another_seat_do_not_count() -> None:
    rows = [replace(OUTAGE, room_id="room-2"), replace(GRANT, attempt_id="attempt-2")]
    assert read_ledger(rows, room_id=ROOM, attempt_id=SEAT).counted_ids == frozenset()


def test_a_rows_sitting_scope_reaches_every_room() -> None:
    assert read_ledger([replace(OUTAGE, scope=Scope.SITTING, room_id=None)], room_id=ROOM).room_interruptions


def test_what_is_proposed_has_no_effect() -> None:
    assert not read_ledger([replace(OUTAGE, status=RowStatus.PROPOSED)], room_id=ROOM).counted_ids


def test_a_suspended_seat_is_held_by_its_open_proposal_and_released_without_effect() -> None:
    open_row = replace(OUTAGE, scope=Scope.ATTEMPT, attempt_id=SEAT, status=RowStatus.PROPOSED, to_at=None)
    held = read_ledger([open_row], room_id=ROOM, attempt_id=SEAT, is_suspended=True)
    assert held.seat_interruptions == (Interval(open_row.from_at),)
    closed = replace(open_row, to_at=START + 20 * MINUTE)
    assert not read_ledger([closed], room_id=ROOM, attempt_id=SEAT, is_suspended=True).counted_ids


def test_what_awaits_a_decision_holds_the_clock_even_if_it_has_an_end() -> None:
    reading = read_ledger([replace(OUTAGE, status=RowStatus.AWAITING_DECISION)], room_id=ROOM)
    assert reading.awaiting_decision
    assert reading.room_interruptions == (Interval(OUTAGE.from_at),)


def test_a_reversal_takes_a_row_back_and_its_own_reversal_restores_it() -> None:
    back = take_back(OUTAGE)
    assert not read_ledger([OUTAGE, back], room_id=ROOM).counted_ids
    assert read_ledger([OUTAGE, back, take_back(back, "restored")], room_id=ROOM).counted_ids == {"outage"}
    assert find_reversed([OUTAGE, back]) == {"outage"}


def test_a_proposed_reversal_changes_nothing_yet() -> None:
    assert read_ledger([OUTAGE, take_back(OUTAGE, status=RowStatus.PROPOSED)], room_id=ROOM).counted_ids == {"outage"}


def test_a_rooms_row_can_be_taken_back_for_one_candidate_alone() -> None:
    back = take_back(OUTAGE, scope=Scope.ATTEMPT, attempt_id=SEAT)
    assert not read_ledger([OUTAGE, back], room_id=ROOM, attempt_id=SEAT).room_interruptions
    assert read_ledger([OUTAGE, back], room_id=ROOM, attempt_id="attempt-2").room_interruptions
    assert read_ledger([OUTAGE, back], room_id=ROOM).room_interruptions
    assert find_reversed([OUTAGE, back]) == frozenset()


def test_rows_that_take_each_other_back_do_not_hang_the_reading() -> None:
    one = take_back(OUTAGE, "one", reverses_id="two")
    two = take_back(OUTAGE, "two", reverses_id="one")
    assert read_ledger([one, two, OUTAGE], room_id=ROOM).counted_ids == {"outage"}


def test_a_recorded_interruption_covers_a_late_answer_until_it_is_over() -> None:
    cut = replace(OUTAGE, scope=Scope.ATTEMPT, attempt_id=SEAT, from_at=END - MINUTE, to_at=END + 5 * MINUTE)
    asked = {"room_id": ROOM, "attempt_id": SEAT, "deadline_at": END, "grace": 10 * SECOND}
    assert covers_gap([cut], received_at=END + 5 * MINUTE + 10 * SECOND, **asked)
    assert not covers_gap([cut], received_at=END + 5 * MINUTE + 11 * SECOND, **asked)
    assert covers_gap([replace(cut, to_at=None)], received_at=END + 60 * MINUTE, **asked)
    assert not covers_gap([cut, take_back(cut)], received_at=END + MINUTE, **asked)
    assert not covers_gap([replace(cut, from_at=END + MINUTE)], received_at=END + 2 * MINUTE, **asked)


# --- Whatever the rows ------------------------------------------------------------------------------------------------

IDS = [f"row-{n}" for n in range(8)]
spans = st.one_of(
    st.just((None, None)),
    st.tuples(st.integers(-600, 7200), st.one_of(st.none(), st.integers(0, 2400))).map(
        lambda pair: (START + pair[0] * SECOND, None if pair[1] is None else START + (pair[0] + pair[1]) * SECOND)
    ),
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[TimeRow]:
    rows = []
    for row_id in draw(st.lists(st.sampled_from(IDS), unique=True)):
        from_at, to_at = draw(spans)
        scope = draw(st.sampled_from(Scope))
        rows.append(
            TimeRow(
                row_id,
                scope,
                draw(st.sampled_from(RowKind)),
                draw(st.sampled_from(RowStatus)),
                room_id=draw(st.sampled_from([ROOM, "room-2"])),
                attempt_id=draw(st.sampled_from([SEAT, "attempt-2"])) if scope is Scope.ATTEMPT else None,
                from_at=from_at,
                to_at=to_at,
                grant=draw(st.integers(-600, 1800)) * SECOND,
                reverses_id=draw(st.sampled_from(IDS)),
            )
        )
    return rows


@given(ledgers(), st.randoms(), st.booleans())
def test_the_ledger_does_not_depend_on_order_or_on_rows_read_twice(
    rows: list[TimeRow], random: object, is_suspended: bool
) -> None:
    before = read_ledger(rows, room_id=ROOM, attempt_id=SEAT, is_suspended=is_suspended)
    shuffled = rows + rows
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert read_ledger(shuffled, room_id=ROOM, attempt_id=SEAT, is_suspended=is_suspended) == before
    assert find_reversed(shuffled) == find_reversed(rows)


@given(ledgers(), st.integers(0, 1800), st.sampled_from([Scope.ATTEMPT, Scope.ROOM, Scope.SITTING]))
def test_grants_add_up(rows: list[TimeRow], seconds: int, scope: Scope) -> None:
    another = TimeRow("new", scope, RowKind.GRANT, RowStatus.CONFIRMED, ROOM, SEAT, grant=seconds * SECOND)
    before = read_ledger(rows, room_id=ROOM, attempt_id=SEAT).granted
    assert read_ledger([*rows, another], room_id=ROOM, attempt_id=SEAT).granted == before + seconds * SECOND


@given(ledgers())
def test_a_new_row_and_its_reversal_amount_to_nothing(rows: list[TimeRow]) -> None:
    row = replace(OUTAGE, id="new")
    before = read_ledger(rows, room_id=ROOM, attempt_id=SEAT)
    assert read_ledger([*rows, row, take_back(row, "back")], room_id=ROOM, attempt_id=SEAT) == before


@given(ledgers(), st.integers(-1800, 14400))
def test_no_ledger_makes_remaining_or_lost_time_negative(rows: list[TimeRow], second: int) -> None:
    reading = read_ledger(rows, room_id=ROOM, attempt_id=SEAT)
    clock = read_exam_clock(
        policy=load_profile("default"), starts_at=START, duration=DURATION, now=START + second * SECOND,
        room_interruptions=reading.room_interruptions, seat_interruptions=reading.seat_interruptions,
        grants=reading.grants, awaiting_decision=reading.awaiting_decision,
    )  # fmt: skip
    assert clock.remaining >= timedelta(0)
    assert clock.lost >= timedelta(0)
    assert clock.ends_at >= START
