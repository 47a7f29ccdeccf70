"""What the candidate page is told: everything it needs to draw itself anew. No key, no score, nobody else's data."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.models import Script
from itembank.queries import script_layout
from server.adapters.vault import Vault
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_rules import ClockPhase, ExamClock
from server.delivery.ending import receipt_signature
from server.delivery.models import Attempt, MessageReceipt, RoomMessage
from server.delivery.queries import counted_flags, counted_responses
from server.delivery.time_keeping import given_back, read_clock, to_ms
from server.delivery.wire import (
    CandidateCard,
    CandidateState,
    ClockView,
    ExamCard,
    GivenBack,
    MessageView,
    PaperFile,
    Preferences,
    Receipt,
    StoredResponse,
)
from server.scheduling.domain.candidate_notice import LEVEL_NAMES, candidate_rules
from server.scheduling.models import AdmissionTicket, Candidate, Centre, Room, Seat, Sitting
from server.scheduling.queries import sitting_profile


def clock_view(session: Session, attempt: Attempt, now: datetime) -> ClockView:
    """The attempt's clock for the page."""
    return clock_to_wire(read_clock(session, attempt, now), given_back(session, attempt, now))


def clock_to_wire(clock: ExamClock, returned: Sequence[GivenBack]) -> ClockView:
    """An exam clock and what was given back, in the wire's milliseconds."""
    return ClockView(
        server_now_ms=to_ms(clock.now),
        phase=clock.phase.value,
        starts_at_ms=to_ms(clock.starts_at),
        ends_at_ms=to_ms(clock.ends_at),
        remaining_ms=round(clock.remaining.total_seconds() * 1000),
        earliest_submit_at_ms=to_ms(clock.earliest_submit_at),
        late_entry_ends_at_ms=to_ms(clock.late_entry_ends_at),
        warning_at_ms=to_ms(clock.warning_at),
        given_back=list(returned),
    )


def step_of(attempt: Attempt, clock: ExamClock | ClockView, epoch: int) -> str:
    """Which screen the candidate is at; `epoch` of the session that asks."""
    state = AttemptState(attempt.state)
    if epoch != attempt.epoch:
        return "moved"
    if state.is_final:
        return "ended"
    if attempt.identity_confirmed_at is None:
        return "identity"
    if attempt.rules_confirmed_at is None:
        return "rules"
    if clock.phase == ClockPhase.AWAITING_DECISION.value:
        return "awaiting_decision"
    if state is AttemptState.SUSPENDED or clock.phase == ClockPhase.SUSPENDED.value:
        return "suspended"
    return "answering" if state is AttemptState.ANSWERING else "waiting"


def candidate_state(
    session: Session, vault: Vault, attempt_id: str, epoch: int, now: datetime, node_addresses: Sequence[str]
) -> CandidateState:
    """Read everything in a handful of queries."""
    attempt, ticket, candidate, room, seat, sitting, centre = session.execute(
        select(Attempt, AdmissionTicket, Candidate, Room, Seat, Sitting, Centre)
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .join(Candidate, Candidate.id == AdmissionTicket.candidate_id)
        .join(Room, Room.id == Attempt.room_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(Sitting, Sitting.id == Attempt.sitting_id)
        .join(Centre, Centre.id == Sitting.centre_id)
        .where(Attempt.id == attempt_id)
    ).one()
    clock = clock_view(session, attempt, now)
    profile = sitting_profile(session, sitting.id)
    rules_zh, rules_en = candidate_rules(profile, sitting.duration_s)
    level_name = LEVEL_NAMES.get(sitting.level, f"{sitting.level} 级")
    return CandidateState(
        step=step_of(attempt, clock, epoch),  # type: ignore[arg-type]
        attempt_id=attempt.id,
        epoch=attempt.epoch,
        last_seq=attempt.last_seq,
        candidate=CandidateCard(
            name=candidate.name,
            ticket_number=ticket.number,
            id_number_masked=candidate.id_number_masked,
            organisation=candidate.organisation,
            seat_number=seat.number,
            room_name=room.name,
            photo=photo_url(candidate.photo),
            identity_verified=attempt.identity_verified_at is not None,
        ),
        exam=ExamCard(
            title=f"{sitting.occupation_name}（{level_name}）理论知识考试",
            centre_name=centre.name,
            sitting_name=sitting.name,
            occupation_name=sitting.occupation_name,
            level=sitting.level,
            level_name=level_name,
            duration_minutes=round(sitting.duration_s / 60),
            is_rehearsal=sitting.is_rehearsal,
            rules_zh=rules_zh,
            rules_en=rules_en,
        ),
        clock=clock,
        paper=_paper_file(session, attempt) if AttemptState(attempt.state).is_open else None,
        preferences=Preferences.model_validate(attempt.preferences),
        hand_reason=attempt.hand_reason,
        messages=unseen_messages(session, attempt),
        receipt=_receipt(session, vault, attempt),
        node_addresses=list(node_addresses),
    )


def stored_responses(session: Session, attempt_id: str) -> list[StoredResponse]:
    """What the server holds of the attempt: for a page that begins anew."""
    responses = counted_responses(session, attempt_id)
    flags = counted_flags(session, attempt_id)
    return [
        StoredResponse(
            item=ref,
            value=list(responses[ref].value) if ref in responses else [],
            flagged=flags.get(ref, False),
            seq=responses[ref].client_seq if ref in responses else 0,
        )
        for ref in sorted(responses.keys() | flags.keys())
    ]


def unseen_messages(session: Session, attempt: Attempt) -> list[MessageView]:
    """Messages to this candidate or the room that were not acknowledged, oldest first."""
    seen = select(MessageReceipt.message_id).where(MessageReceipt.attempt_id == attempt.id)
    rows = session.scalars(
        select(RoomMessage)
        .where(
            RoomMessage.sitting_id == attempt.sitting_id,
            RoomMessage.room_id == attempt.room_id,
            (RoomMessage.attempt_id == attempt.id) | RoomMessage.attempt_id.is_(None),
            RoomMessage.id.not_in(seen),
        )
        .order_by(RoomMessage.sent_at)
    )
    return [message_view(row) for row in rows]


def message_view(message: RoomMessage) -> MessageView:
    """A message on the wire."""
    return MessageView(
        id=message.id, text=message.text, sent_at_ms=to_ms(message.sent_at), to_room=message.attempt_id is None
    )


def photo_url(photo: bytes | None) -> str | None:
    """A stored photo as a data: URL (JPEG or PNG)."""
    if photo is None:
        return None
    kind = "png" if photo.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(photo).decode()}"


def _paper_file(session: Session, attempt: Attempt) -> PaperFile | None:
    if attempt.script_id is None:
        return None
    script = session.get_one(Script, attempt.script_id)
    return PaperFile(
        url=f"/papers/{script.file_name}",
        sha256=script.file_name.removesuffix(".bin"),
        aad=f"script:{script.id}:paper",
        item_count=len(script_layout(session, script.id).items),
    )


def _receipt(session: Session, vault: Vault, attempt: Attempt) -> Receipt | None:
    if attempt.ended_at is None or attempt.receipt_code is None or attempt.answers_digest is None:
        return None
    total = len(script_layout(session, attempt.script_id).items) if attempt.script_id else 0
    return Receipt(
        ended_at_ms=to_ms(attempt.ended_at),
        end_how=attempt.end_how,  # type: ignore[arg-type]
        answered=attempt.answered,
        total=total,
        receipt_code=attempt.receipt_code,
        answers_digest=attempt.answers_digest,
        signature=receipt_signature(vault, attempt),
    )
