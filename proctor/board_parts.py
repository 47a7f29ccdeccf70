"""From what was read of a room to what its board shows. No item, key, answer or score passes through here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from proctor.alarm_parts import import_alarms, time_alarms
from proctor.domain.alarms import SeatSign, group_losses
from proctor.domain.presence import EXPECTED_ONLINE, judge_presence
from proctor.domain.states import IncidentKind, IncidentState
from proctor.domain.timeline import RoomDay, make_timeline
from proctor.models import IdentityCheck, TwoPersonAct
from proctor.room_facts import RoomFacts, SeatedAttempt, attempt_clock, group_by_attempt, waiting_act
from proctor.wire import Alarm, BoardHeader, IncidentRow, SeatStateName, SeatStatus, TimelineStep, TimeRow
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import TimeRow as LedgerRow
from server.delivery.time_keeping import to_ms
from server.scheduling.domain.candidate_notice import LEVEL_NAMES
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.models import Seat, Sitting

CHIEF, DEPUTY = "chief", "deputy"
_SEAT_STATES: dict[AttemptState, SeatStateName] = {
    AttemptState.EXPECTED: "not_arrived",
    AttemptState.ANSWERING: "answering",
    AttemptState.SUSPENDED: "suspended",
    AttemptState.SUBMITTED: "submitted",
    AttemptState.COLLECTED: "collected",
    AttemptState.ABSENT: "absent",
    AttemptState.VOIDED: "voided",
}


@dataclass(frozen=True)
class BoardParts:
    """Everything of a board that changes, complete."""

    statuses: dict[str, SeatStatus]
    header: BoardHeader
    timeline: list[TimelineStep]
    alarms: list[Alarm]
    time_rows: list[TimeRow]
    incidents: list[IncidentRow]


def make_parts(facts: RoomFacts) -> BoardParts:
    """All parts from one reading."""
    statuses = make_statuses(facts)
    return BoardParts(
        statuses=statuses,
        header=make_header(facts),
        timeline=make_timeline(facts.profile, facts.clock, room_day(facts), facts.now),
        alarms=make_alarms(facts, statuses),
        time_rows=[_time_row(facts, entry.id) for entry in facts.time_entries],
        incidents=[
            IncidentRow(
                id=incident.id,
                attempt_id=incident.attempt_id,
                kind=incident.kind,
                tier=incident.tier,
                state=incident.state,
                words=incident.words,
                action_taken=incident.action_taken,
                raised_by=facts.names.get(incident.raised_by, incident.raised_by),
                raised_at_ms=to_ms(incident.raised_at),
            )
            for incident in facts.incidents
        ],
    )


def make_statuses(facts: RoomFacts) -> dict[str, SeatStatus]:
    """Every seat of the room, in reading order."""
    by_seat: dict[str, SeatedAttempt] = {}
    for one in facts.seated:
        # Whoever was absent gives the seat up to somebody who moves there.
        if one.attempt.seat_id not in by_seat or by_seat[one.attempt.seat_id].state is AttemptState.ABSENT:
            by_seat[one.attempt.seat_id] = one
    open_incidents = {
        attempt_id: sum(incident.state == IncidentState.OPEN for incident in incidents)
        for attempt_id, incidents in group_by_attempt(facts.incidents).items()
    }
    return {
        seat.id: seat_status(
            facts.sitting,
            facts.profile,
            facts.ledger,
            by_seat[seat.id],
            facts.checks,
            open_incidents.get(by_seat[seat.id].attempt.id, 0),
            facts.now,
        )
        if seat.id in by_seat
        else _empty_status(seat)
        for seat in facts.seats
    }


def seat_status(
    sitting: Sitting,
    profile: RuleProfile,
    ledger: list[LedgerRow],
    one: SeatedAttempt,
    checks: Mapping[tuple[str, int], IdentityCheck],
    incidents: int,
    now: datetime,
) -> SeatStatus:
    """One occupied seat."""
    attempt = one.attempt
    state = _seat_state(one)
    clock = attempt_clock(sitting, profile, ledger, one, now)
    seen_at = attempt.last_seen_at or attempt.signed_in_at
    return SeatStatus(
        seat_id=attempt.seat_id,
        attempt_id=attempt.id,
        state=state,
        answered=attempt.answered,
        total=one.total,
        seen_at_ms=_ms(attempt.last_seen_at),
        answered_at_ms=_ms(attempt.last_answer_at),
        presence=judge_presence(state, seen_at, now, profile.presence_amber_after, profile.presence_red_after),
        unsent=attempt.unsent,
        hand_reason=attempt.hand_reason,
        hand_raised_at_ms=_ms(attempt.hand_raised_at),
        checks=[_ticks(checks.get((attempt.id, pass_number))) for pass_number in (1, 2)],
        ends_at_ms=_ms(attempt.deadline_at),
        given_back_s=round(clock.lost.total_seconds() + clock.granted.total_seconds()),
        moved=attempt.seat_id != one.ticket.seat_id,
        released=attempt.released_at is not None,
        incidents=incidents,
    )


def make_header(facts: RoomFacts) -> BoardHeader:
    """The head of the board."""
    sitting, clock = facts.sitting, facts.clock
    level = LEVEL_NAMES.get(sitting.level, f"{sitting.level} 级")
    return BoardHeader(
        sitting_id=sitting.id,
        room_id=facts.room.id,
        sitting_name=sitting.name,
        room_name=facts.room.name,
        exam_title=f"{sitting.occupation_name} {level}",
        chief="、".join(duty.name for duty in facts.duties if duty.duty == CHIEF),
        deputy="、".join(duty.name for duty in facts.duties if duty.duty == DEPUTY),
        sitting_state=sitting.state,
        phase=clock.phase.value,
        starts_at_ms=to_ms(clock.starts_at),
        ends_at_ms=to_ms(clock.ends_at),
        earliest_submit_at_ms=to_ms(clock.earliest_submit_at),
        late_entry_ends_at_ms=to_ms(clock.late_entry_ends_at),
        admission_opens_at_ms=to_ms(clock.admission_opens_at),
        is_rehearsal=sitting.is_rehearsal,
    )


def room_day(facts: RoomFacts) -> RoomDay:
    """The facts the timeline's gates look at."""
    here = [one for one in facts.seated if one.is_here]
    still_open = [one for one in here if one.state.is_open]
    ends = [one.attempt.deadline_at for one in still_open]
    waiting = {act: waiting_act(facts.acts, act, facts.now) for act in ("fetch_paper", "open_paper")}
    gates = facts.gates
    return RoomDay(
        has_package=gates.package_id is not None,
        reported=sum(duty.reported_at is not None for duty in facts.duties),
        proctors=len(facts.duties),
        fetched_at=gates.fetched_at,
        admission_opened_at=gates.admission_opened_at,
        notes_read_at=gates.notes_read_at,
        paper_opened_at=gates.paper_opened_at,
        absent_listed_at=gates.absent_listed_at,
        ended_at=gates.ended_at,
        record_signed_at=gates.record_signed_at,
        expected=len(facts.seated),
        present=len(here),
        checked=sum((one.attempt.id, 2) in facts.checks for one in here),
        not_come=sum(one.state is AttemptState.EXPECTED for one in facts.seated),
        ended=len(here) - len(still_open),
        last_end_at=None if None in ends else max((end for end in ends if end is not None), default=None),
        waiting_fetch=_waiting(facts, waiting["fetch_paper"]),
        waiting_open=_waiting(facts, waiting["open_paper"]),
        signed=len(facts.signatures),
    )


def make_alarms(facts: RoomFacts, statuses: Mapping[str, SeatStatus]) -> list[Alarm]:
    """What asks for a person now, the most urgent first, then the oldest."""
    numbers = {seat.id: seat.number for seat in facts.seats}
    seat_of = {one.attempt.id: one.attempt.seat_id for one in facts.seated}
    alarms = _loss_alarms(facts, statuses, numbers)
    for status in statuses.values():
        if status.hand_raised_at_ms is not None and status.attempt_id is not None:
            number = numbers[status.seat_id]
            alarms.append(
                Alarm(
                    id=f"hand:{status.attempt_id}",
                    kind="hand",
                    severity="violet",
                    since_ms=status.hand_raised_at_ms,
                    seat_ids=[status.seat_id],
                    words_zh=f"{number} 号举手",
                    words_en=f"Seat {number}: hand raised",
                    subject_id=status.attempt_id,
                )
            )
    alarms += _incident_alarms(facts, numbers, seat_of)
    alarms += time_alarms(facts, numbers, seat_of)
    alarms += import_alarms(facts, numbers, seat_of)
    urgency = {"red": 0, "violet": 1, "amber": 2}
    return sorted(alarms, key=lambda alarm: (urgency[alarm.severity], alarm.since_ms, alarm.id))


def _loss_alarms(facts: RoomFacts, statuses: Mapping[str, SeatStatus], numbers: Mapping[str, int]) -> list[Alarm]:
    seen = {one.attempt.seat_id: one.attempt.last_seen_at or one.attempt.signed_in_at for one in facts.seated}
    signs = [
        SeatSign(
            status.seat_id, numbers[status.seat_id], status.presence == "lost", seen.get(status.seat_id) or facts.now
        )
        for status in statuses.values()
        if status.state in EXPECTED_ONLINE
    ]
    alarms = []
    for loss in group_losses(signs):
        which = "、".join(str(number) for number in loss.numbers)
        alarms.append(
            Alarm(
                id="room_lost" if loss.is_room else f"seat_lost:{loss.seat_ids[0]}",
                kind="room_lost" if loss.is_room else "seat_lost",
                severity="red",
                since_ms=to_ms(loss.since),
                seat_ids=list(loss.seat_ids),
                words_zh=f"{len(loss.seat_ids)} 台机器同时失联，请查交换机和电源"
                if loss.is_room
                else f"{which} 号机失联",
                words_en=f"{len(loss.seat_ids)} machines lost together: check switch and power"
                if loss.is_room
                else f"Seat {which} is lost",
                subject_id=None,
            )
        )
    return alarms


_INCIDENT_WORDS = {
    IncidentKind.SECOND_LOGIN: ("有人试图在另一台机器登录", "somebody tried to sign in on another machine"),
    IncidentKind.SUPERSEDED_ANSWERS: (
        "旧页面又发来作答（已留存，未计入）",
        "an old page sent answers (kept, not counted)",
    ),
    IncidentKind.IDENTITY_MISMATCH: ("身份核对不符，疑似替考，请报告巡考", "identity does not fit: call the inspector"),
}


def _incident_alarms(facts: RoomFacts, numbers: Mapping[str, int], seat_of: Mapping[str, str]) -> list[Alarm]:
    found: list[tuple[str, IncidentKind, datetime, str, str]] = []  # id, kind, since, attempt, subject
    latest: dict[str, datetime] = {}
    for incident in facts.incidents:
        if incident.attempt_id is None or incident.kind not in set(_INCIDENT_WORDS):
            continue
        kind = IncidentKind(incident.kind)
        is_open = incident.state == IncidentState.OPEN
        if kind is IncidentKind.SUPERSEDED_ANSWERS:
            settled = facts.now if is_open else incident.closed_at or incident.raised_at
            latest[incident.attempt_id] = max(settled, latest.get(incident.attempt_id, settled))
        if is_open:
            found.append((f"{kind}:{incident.id}", kind, incident.raised_at, incident.attempt_id, incident.id))
    for attempt_id, at in facts.superseded.items():
        if attempt_id not in latest or at > latest[attempt_id]:
            kind = IncidentKind.SUPERSEDED_ANSWERS
            found.append((f"{kind}:{attempt_id}", kind, at, attempt_id, attempt_id))
    alarms = []
    for alarm_id, kind, since, attempt_id, subject in found:
        seat_id = seat_of.get(attempt_id)
        zh, en = _INCIDENT_WORDS[kind]
        number = numbers.get(seat_id or "", 0)
        alarms.append(
            Alarm.model_validate(
                {
                    "id": alarm_id,
                    "kind": kind.value,
                    "severity": "red" if kind is IncidentKind.IDENTITY_MISMATCH else "amber",
                    "since_ms": to_ms(since),
                    "seat_ids": [seat_id] if seat_id else [],
                    "words_zh": f"{number} 号：{zh}",
                    "words_en": f"Seat {number}: {en}",
                    "subject_id": subject,
                }
            )
        )
    return alarms


def _time_row(facts: RoomFacts, entry_id: str) -> TimeRow:
    entry = next(one for one in facts.time_entries if one.id == entry_id)
    seconds = entry.grant_ms / 1000
    if entry.kind == "interruption" and entry.from_at is not None:
        # An open interruption grows by itself; the page counts it from `from_ms`.
        seconds = (entry.to_at - entry.from_at).total_seconds() if entry.to_at else 0.0
    return TimeRow.model_validate(
        {
            "id": entry.id,
            "scope": entry.scope,
            "attempt_id": entry.attempt_id,
            "kind": entry.kind,
            "from_ms": _ms(entry.from_at),
            "to_ms": _ms(entry.to_at),
            "seconds": seconds,
            "client_gap_s": None if entry.client_gap_ms is None else entry.client_gap_ms / 1000,
            "cause": entry.cause,
            "reason": entry.reason,
            "status": entry.status,
            "made_by": facts.names.get(entry.made_by, entry.made_by),
            "approved_by": facts.names.get(entry.approved_by, entry.approved_by) if entry.approved_by else None,
        }
    )


def _seat_state(one: SeatedAttempt) -> SeatStateName:
    if one.state is AttemptState.ADMITTED:
        confirmed = one.attempt.identity_confirmed_at is not None and one.attempt.rules_confirmed_at is not None
        return "waiting" if confirmed else "signed_in"
    return _SEAT_STATES[one.state]


def _empty_status(seat: Seat) -> SeatStatus:
    return SeatStatus(
        seat_id=seat.id,
        attempt_id=None,
        state="spare" if seat.is_spare else "empty",
        answered=0,
        total=0,
        seen_at_ms=None,
        answered_at_ms=None,
        presence="none",
        unsent=0,
        hand_reason=None,
        hand_raised_at_ms=None,
        checks=[None, None],
        ends_at_ms=None,
        given_back_s=0,
        moved=False,
        released=False,
        incidents=0,
    )


def _ticks(check: IdentityCheck | None) -> list[bool] | None:
    return None if check is None else [check.name_ok, check.ticket_ok, check.seat_ok, check.id_card_ok, check.person_ok]


def _waiting(facts: RoomFacts, act: TwoPersonAct | None) -> tuple[str, datetime] | None:
    return None if act is None else (facts.names.get(act.first_by, ""), act.expires_at)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
