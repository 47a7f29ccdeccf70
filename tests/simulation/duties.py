"""What the holder of the lease does in every round: rooms cut off, silent seats, whose time is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from server.core.errors import Conflict
from server.delivery.domain.states import AttemptAction, AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, Scope
from server.delivery.domain.time_rules import ClockPhase
from tests.simulation.exam import SETTLING, Attempt, Exam

ROOM_CUT, SEAT = "lan_outage", "pc_failure"


def sweep(exam: Exam, now: datetime, listening_since: datetime) -> None:
    """One round, in the product's order."""
    for room in sorted({each.room for each in exam.attempts.values()}):
        _room_cuts(exam, room, now, listening_since)
        _silent_seats(exam, room, now, listening_since)
    _close_overdue(exam, now)


def _heard(exam: Exam, room: str) -> dict[str, datetime]:
    found = {}
    for each in exam.attempts.values():
        if each.room == room and each.state is AttemptState.ANSWERING and each.started_at is not None:
            spans = exam.presence.get(each.id)
            found[each.id] = max(each.started_at, spans[-1].until) if spans else each.started_at
    return found


def _room_cuts(exam: Exam, room: str, now: datetime, since: datetime) -> None:
    heard = _heard(exam, room)
    mine = [row for row in exam.open_rows(room, None) if row.cause == ROOM_CUT and row.status is RowStatus.PROVISIONAL]
    if mine:
        row = mine[0]
        begun = {
            each: next(
                (span.since for span in exam.presence.get(each, ()) if row.from_at and span.since > row.from_at), None
            )
            for each in heard
        }
        untouched = {each for each, at in heard.items() if row.from_at and at > row.from_at and begun[each] is None}
        back = exam.rules.find_room_return({each: at for each, at in begun.items() if each not in untouched})
        if back is None or row.from_at is None:
            return
        over = back - row.from_at > exam.profile.outage_limit
        exam.ledger[row.id] = replace(row, status=RowStatus.AWAITING_DECISION) if over else replace(row, to_at=back)
        exam.refresh(now, room)
        return
    if exam.open_rows(room, None) or not heard:
        return
    sample = exam.clock(Attempt("nobody", room), now)
    cut = exam.rules.find_room_cut(heard, listening_since=since, now=now)
    if cut is None or sample.phase is not ClockPhase.RUNNING:
        return
    exam.row(
        scope=Scope.ROOM,
        kind=RowKind.INTERRUPTION,
        status=RowStatus.PROVISIONAL,
        room_id=room,
        from_at=cut,
        cause=ROOM_CUT,
    )
    exam.refresh(now, room)


def _silent_seats(exam: Exam, room: str, now: datetime, since: datetime) -> None:
    heard = _heard(exam, room)
    if not exam.open_rows(room, None):
        silent = exam.rules.find_silent_seats(
            heard, listening_since=since, now=now, silent_after=exam.profile.presence_red_after
        )
        for each in silent:
            attempt, from_at = exam.attempts[each], max(heard[each], since)
            clock = exam.clock(attempt, now)
            if exam.open_rows(room, each) or clock.stands_still or from_at >= clock.ends_at:
                continue
            exam.row(
                scope=Scope.ATTEMPT, kind=RowKind.INTERRUPTION, status=RowStatus.PROPOSED, room_id=room,
                attempt_id=each, from_at=from_at, cause=SEAT,
            )  # fmt: skip
            exam.refresh(now, attempt=each)
    for row in [each for each in exam.ledger.values() if each.attempt_id and each.to_at is None and each.cause == SEAT]:
        attempt = exam.attempts[row.attempt_id or ""]
        if row.kind is not RowKind.INTERRUPTION or attempt.state is AttemptState.SUSPENDED or row.from_at is None:
            continue
        back = next((span.since for span in exam.presence.get(attempt.id, ()) if span.since > row.from_at), None)
        ends = [moment for moment in (back, attempt.ended_at) if moment is not None]
        if ends:
            exam.ledger[row.id] = replace(row, to_at=max(row.from_at, min(ends)))
            exam.refresh(now, attempt=attempt.id)


def _close_overdue(exam: Exam, now: datetime) -> None:
    for attempt in exam.attempts.values():
        if attempt.state not in (AttemptState.ADMITTED, AttemptState.ANSWERING) or attempt.deadline_at is None:
            continue
        if attempt.deadline_at + exam.profile.network_grace + SETTLING > now:
            continue
        clock = exam.clock(attempt, now)
        if clock.stands_still or clock.remaining > timedelta(0):
            continue
        if attempt.state is AttemptState.ANSWERING:
            hoped = exam.rules.could_be_given(exam.ledger.values(), now=now, limit=exam.profile.outage_limit)
            if exam.clock(attempt, now, hoped).remaining > timedelta(0):
                continue
        action = AttemptAction.COLLECT if attempt.state is AttemptState.ADMITTED else AttemptAction.SUBMIT
        try:
            exam._end(attempt, "timeout", action, now)
        except Conflict:
            continue
