"""The product's own rules, gathered so that a control can take one away; `MUTATIONS` are the controls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from server.core.state_machine import advance
from server.delivery.domain import journal_rules, responses, states, time_ledger, time_rules
from server.delivery.domain.time_ledger import LedgerReading
from server.takeover.domain import clock_rules, lease, outage_rules


@dataclass(frozen=True)
class Rules:
    """Every decision the simulated server makes comes from here."""

    judge_entry: Callable[..., Any] = journal_rules.judge_entry
    covers_gap: Callable[..., bool] = time_ledger.covers_gap
    read_ledger: Callable[..., LedgerReading] = time_ledger.read_ledger
    could_be_given: Callable[..., Any] = time_ledger.could_be_given
    read_exam_clock: Callable[..., Any] = time_rules.read_exam_clock
    may_enter: Callable[..., bool] = time_rules.may_enter
    may_begin: Callable[..., bool] = time_rules.may_begin
    may_submit: Callable[..., bool] = time_rules.may_submit
    derive_responses: Callable[..., Any] = responses.derive_responses
    digest_responses: Callable[..., str] = responses.digest_responses
    find_outage: Callable[..., Any] = outage_rules.find_outage
    silence_before_start: Callable[..., timedelta] = outage_rules.silence_before_start
    lost_exam_time: Callable[..., Any] = outage_rules.lost_exam_time
    find_room_cut: Callable[..., datetime | None] = outage_rules.find_room_cut
    find_room_return: Callable[..., datetime | None] = outage_rules.find_room_return
    find_silent_seats: Callable[..., list[str]] = outage_rules.find_silent_seats
    take_lease: Callable[..., Any] = lease.take_lease
    choose_start: Callable[..., Any] = clock_rules.choose_start
    transitions: Any = None
    #: the repeat is looked for before any other check
    looks_for_repeats: bool = True
    #: a duty's write shows the generation of its lease
    fences_duties: bool = True
    #: another device raises the epoch
    raises_epoch: bool = True

    def advance(self, state: Any, action: Any) -> Any:
        return advance(self.transitions or states.ATTEMPT_TRANSITIONS, state, action)


def _no_epoch_check(**named: Any) -> Any:
    return journal_rules.judge_entry(**{**named, "epoch_of_attempt": named["entry_epoch"]})


def _newest_arrival_wins(entries: Iterable[Any], kind: str = "answer") -> Any:
    current = {}
    for entry in entries:
        if entry.kind == kind and entry.standing == "counted":
            current[entry.item_ref] = responses.ItemResponse(tuple(sorted(entry.value)), entry.client_seq, entry.epoch)
    return current


def _counted_twice(rows: Iterable[Any], **named: Any) -> LedgerReading:
    """Every interruption in effect is added as a grant besides."""
    reading = time_ledger.read_ledger(rows, **named)
    spans = [*reading.room_interruptions, *reading.seat_interruptions]
    twice = [span.to_at - span.from_at for span in spans if span.to_at is not None]
    return replace(reading, grants=(*reading.grants, *twice))


def _proposed_counts(rows: Iterable[Any], **named: Any) -> LedgerReading:
    confirmed = time_ledger.RowStatus.CONFIRMED
    return time_ledger.read_ledger(
        [replace(row, status=confirmed) if row.status == "proposed" else row for row in rows], **named
    )


def _accepts_late(**named: Any) -> Any:
    return journal_rules.judge_entry(**{**named, "grace": timedelta(hours=1)})


def _refuses_early(**named: Any) -> Any:
    deadline = named["deadline_at"]
    return journal_rules.judge_entry(
        **{**named, "deadline_at": None if deadline is None else deadline - timedelta(seconds=60)}
    )


def _by_the_wall(seen: Any) -> Any:
    return replace(clock_rules.choose_start(seen), moment=seen.wall, problem=None)


def _seat_is_the_room(rows: Iterable[Any], **named: Any) -> LedgerReading:
    """One seat's interruption is everybody's."""
    room = time_ledger.Scope.ROOM
    return time_ledger.read_ledger([replace(row, scope=room) for row in rows], **named)


def _all_transitions() -> Any:
    s, a = states.AttemptState, states.AttemptAction
    return {
        **states.ATTEMPT_TRANSITIONS,
        (s.SUBMITTED, a.SUBMIT): s.SUBMITTED,
        (s.COLLECTED, a.SUBMIT): s.SUBMITTED,
    }


REAL = Rules()
#: what is taken away → the invariants that may notice it
MUTATIONS: dict[str, tuple[Rules, tuple[str, ...]]] = {
    "no_epoch_check": (replace(REAL, judge_entry=_no_epoch_check), ("I7", "I1")),
    "epoch_not_raised": (replace(REAL, raises_epoch=False), ("I7",)),
    "lower_number_overwrites": (replace(REAL, derive_responses=_newest_arrival_wins), ("I1", "I3")),
    "no_look_for_repeats": (replace(REAL, looks_for_repeats=False), ("I2", "I6", "I8")),
    "interruption_counted_twice": (replace(REAL, read_ledger=_counted_twice), ("I5", "I6")),
    "proposed_time_counts": (replace(REAL, read_ledger=_proposed_counts), ("I5", "I6")),
    "seat_moves_the_room": (replace(REAL, read_ledger=_seat_is_the_room), ("I5", "I6")),
    "outages_not_found": (replace(REAL, find_outage=lambda *a, **n: None), ("I5", "I6")),
    "room_cuts_not_found": (replace(REAL, find_room_cut=lambda *a, **n: None), ("I5", "I6")),
    "late_answers_count": (replace(REAL, judge_entry=_accepts_late), ("I6",)),
    "early_answers_refused": (replace(REAL, judge_entry=_refuses_early), ("I6",)),
    "gap_never_covers": (replace(REAL, covers_gap=lambda *a, **n: False), ("I6",)),
    "start_by_the_wall": (replace(REAL, choose_start=_by_the_wall), ("I5", "I6", "I8")),
    "ended_twice": (replace(REAL, transitions=_all_transitions()), ("I8",)),
    "duties_not_fenced": (replace(REAL, fences_duties=False), ("lease",)),
}
