"""The exam clock with its data: reads the ledger, keeps the stored deadlines true, puts given-back time into words.

Whoever writes a ledger row calls `refresh_deadlines` in the same transaction: the answer writer and the sweeper read
`Attempt.deadline_at`, and it is None exactly while the clock stands still.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.events import ClockChanged
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, TimeRow, could_be_given, read_ledger
from server.delivery.domain.time_rules import ExamClock, read_exam_clock
from server.delivery.models import Attempt
from server.delivery.queries import ledger_rows
from server.delivery.wire import GivenBack
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.models import AdmissionTicket, Sitting
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import Work

#: China has one time zone and no summer time; the table of zones need not be installed.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
OPEN_STATES = [state.value for state in AttemptState if state.is_open]

CAUSE_WORDS: dict[str, tuple[str, str]] = {
    "server_outage": ("服务器故障", "server failure"),
    "lan_outage": ("网络中断", "network failure"),
    "pc_failure": ("考试机故障", "computer failure"),
    "pc_swap": ("更换考试机", "change of computer"),
    "proctor_grant": ("监考员批准", "proctor's decision"),
    "accommodation": ("合理便利", "approved accommodation"),
    "correction": ("考务更正", "correction by the exam office"),
}


def read_clock(session: Session, attempt: Attempt, now: datetime) -> ExamClock:
    """One candidate's clock at `now`."""
    percent = session.scalar(select(AdmissionTicket.extra_time_percent).where(AdmissionTicket.id == attempt.ticket_id))
    sitting = session.get_one(Sitting, attempt.sitting_id)
    profile = sitting_profile(session, sitting.id)
    return _clock_of(sitting, profile, ledger_rows(session, sitting.id), attempt, percent or 0, now)


def clock_from(
    session: Session, sitting: Sitting, rows: Sequence[TimeRow], attempt: Attempt, percent: int, now: datetime
) -> ExamClock:
    """As `read_clock`, from what was read already.

    Args:
        rows: `ledger_rows` of the sitting.
        percent: the ticket's extra time.
    """
    return _clock_of(sitting, sitting_profile(session, sitting.id), rows, attempt, percent, now)


def set_deadline(work: Work, attempt: Attempt, clock: ExamClock) -> None:
    """As `refresh_deadlines`, for one attempt whose row the caller has locked and whose clock it has just read."""
    attempt.deadline_at = None if clock.stands_still else clock.ends_at
    attempt.earliest_submit_at = clock.earliest_submit_at
    work.publish(ClockChanged(sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt.id))


def may_still_gain(session: Session, attempt: Attempt, now: datetime) -> bool:
    """Lost time of this attempt waits for a person, and with it the attempt would not be over at `now`.

    Ended attempts cannot be given time, so nothing may end by itself before a proctor has decided (architecture 4.6).
    """
    sitting = session.get_one(Sitting, attempt.sitting_id)
    profile = sitting_profile(session, sitting.id)
    rows = ledger_rows(session, sitting.id)
    hoped = could_be_given(rows, now=now, limit=profile.outage_limit)
    if hoped == rows:
        return False
    percent = session.scalar(select(AdmissionTicket.extra_time_percent).where(AdmissionTicket.id == attempt.ticket_id))
    return _clock_of(sitting, profile, hoped, attempt, percent or 0, now).remaining > timedelta(0)


def room_clock(session: Session, sitting_id: str, room_id: str, now: datetime) -> ExamClock:
    """The clock on the room's wall: no candidate's own allowances."""
    sitting = session.get_one(Sitting, sitting_id)
    reading = read_ledger(ledger_rows(session, sitting_id), room_id=room_id)
    return read_exam_clock(
        policy=sitting_profile(session, sitting_id),
        starts_at=sitting.starts_at,
        duration=timedelta(seconds=sitting.duration_s),
        room_interruptions=reading.room_interruptions,
        grants=reading.grants,
        now=now,
        awaiting_decision=reading.awaiting_decision,
    )


def lock_open_attempts(session: Session, sitting_ids: Collection[str]) -> None:
    """For whoever refreshes room after room in one transaction: all open attempts first, in the order of their ids.

    Presence and the answer writer lock attempts of several rooms in that order; another order would be a deadlock.
    """
    query = select(Attempt.id).where(Attempt.sitting_id.in_(sitting_ids), Attempt.state.in_(OPEN_STATES))
    session.execute(query.order_by(Attempt.id).with_for_update()).all()


def refresh_deadlines(
    work: Work,
    sitting_id: str,
    room_id: str | None = None,
    attempt_ids: Sequence[str] | None = None,
    *,
    reason: str = "",
) -> int:
    """Store deadline and earliest submission anew for the open attempts concerned and tell their screens.

    Locks the attempts, in the order of their ids. Call it after the ledger rows were added and before `record`.

    Args:
        room_id: None: all rooms of the sitting.
        attempt_ids: None: every open attempt of the room or sitting.
        reason: the cause the screens may name.

    Returns:
        How many attempts were open.
    """
    session, now = work.session, work.clock.now()
    session.flush()
    sitting = session.get_one(Sitting, sitting_id)
    profile = sitting_profile(session, sitting_id)
    rows = ledger_rows(session, sitting_id)
    query = select(Attempt).where(Attempt.sitting_id == sitting_id, Attempt.state.in_(OPEN_STATES))
    if room_id is not None:
        query = query.where(Attempt.room_id == room_id)
    if attempt_ids is not None:
        query = query.where(Attempt.id.in_(attempt_ids))
    query = query.order_by(Attempt.id).with_for_update().execution_options(populate_existing=True)
    attempts = session.scalars(query).all()
    tickets = select(AdmissionTicket.id, AdmissionTicket.extra_time_percent).where(
        AdmissionTicket.sitting_id == sitting_id
    )
    percents = dict(session.execute(tickets).all())
    for attempt in attempts:
        clock = _clock_of(sitting, profile, rows, attempt, percents.get(attempt.ticket_id, 0), now)
        attempt.deadline_at = None if clock.stands_still else clock.ends_at
        attempt.earliest_submit_at = clock.earliest_submit_at
    session.flush()
    if attempt_ids is not None:
        for attempt in attempts:
            work.publish(
                ClockChanged(sitting_id=sitting_id, room_id=attempt.room_id, attempt_id=attempt.id, reason=reason)
            )
    else:
        for each in sorted({attempt.room_id for attempt in attempts} | ({room_id} if room_id else set())):
            work.publish(ClockChanged(sitting_id=sitting_id, room_id=each, reason=reason))
    return len(attempts)


def given_back(session: Session, attempt: Attempt, now: datetime) -> list[GivenBack]:
    """What was given back or granted to this candidate, in words; the seconds add up, overlaps are told once."""
    rows = ledger_rows(session, attempt.sitting_id)
    return given_back_from(rows, attempt, read_clock(session, attempt, now)) if rows else []


def given_back_from(ledger: Sequence[TimeRow], attempt: Attempt, clock: ExamClock) -> list[GivenBack]:
    """As `given_back`, from what was read already."""
    rows = {row.id: row for row in ledger}
    if not rows:
        return []
    reading = read_ledger(
        rows.values(),
        room_id=attempt.room_id,
        attempt_id=attempt.id,
        is_suspended=attempt.state == AttemptState.SUSPENDED,
    )
    return tell_given_back([rows[row_id] for row_id in sorted(reading.counted_ids)], clock)


def tell_given_back(rows: Sequence[TimeRow], clock: ExamClock) -> list[GivenBack]:
    """Words for rows in effect: closed interruptions in order of their beginning, then grants."""
    told: list[GivenBack] = []
    covered_until = clock.starts_at
    closed = [
        r for r in rows if r.kind is RowKind.INTERRUPTION and r.status is not RowStatus.AWAITING_DECISION and r.to_at
    ]
    for row in sorted(closed, key=lambda each: (each.from_at or clock.starts_at, each.id)):
        if row.from_at is None or row.to_at is None:
            continue
        from_at, to_at = max(row.from_at, covered_until), min(row.to_at, clock.ends_at)
        if from_at >= to_at:
            continue
        covered_until = to_at
        zh, en = CAUSE_WORDS.get(row.cause, CAUSE_WORDS["correction"])
        span, length = f"{local_time(row.from_at)}—{local_time(row.to_at)}", to_at - from_at
        told.append(
            GivenBack(
                from_ms=to_ms(row.from_at),
                to_ms=to_ms(row.to_at),
                seconds=length.total_seconds(),
                cause=row.cause,
                words_zh=f"因 {span} {zh}，已为您补时 {length_zh(length)}",
                words_en=f"{en.capitalize()} {span}: {length_en(length)} given back to you",
            )
        )
    for row in sorted((r for r in rows if r.kind is RowKind.GRANT and r.grant), key=lambda each: each.id):
        zh, en = CAUSE_WORDS.get(row.cause, CAUSE_WORDS["correction"])
        added = row.grant > timedelta(0)
        told.append(
            GivenBack(
                from_ms=None,
                to_ms=None,
                seconds=row.grant.total_seconds(),
                cause=row.cause,
                words_zh=f"{zh}：{'已为您补时' if added else '已收回补时'} {length_zh(abs(row.grant))}",
                words_en=f"{en.capitalize()}: {length_en(abs(row.grant))} {'added' if added else 'taken back'}",
            )
        )
    return told


def local_time(moment: datetime) -> str:
    """Hours and minutes as the clock on the wall shows them, e.g. "10:12"."""
    return moment.astimezone(SHANGHAI).strftime("%H:%M")


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since the epoch, for the wire."""
    return round(moment.timestamp() * 1000)


def length_zh(length: timedelta) -> str:
    """ "7 分 00 秒", to the nearest second."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    return f"{minutes} 分 {seconds:02d} 秒"


def length_en(length: timedelta) -> str:
    """ "7 min 00 s", to the nearest second."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    return f"{minutes} min {seconds:02d} s"


def _clock_of(
    sitting: Sitting, profile: RuleProfile, rows: Sequence[TimeRow], attempt: Attempt, percent: int, now: datetime
) -> ExamClock:
    duration = timedelta(seconds=sitting.duration_s)
    reading = read_ledger(
        rows, room_id=attempt.room_id, attempt_id=attempt.id, is_suspended=attempt.state == AttemptState.SUSPENDED
    )
    return read_exam_clock(
        policy=profile,
        starts_at=sitting.starts_at,
        duration=duration,
        extra=duration * percent / 100,
        room_interruptions=reading.room_interruptions,
        seat_interruptions=reading.seat_interruptions,
        grants=reading.grants,
        now=now,
        awaiting_decision=reading.awaiting_decision,
        began_at=attempt.started_at,
    )
