"""A candidate signs in with ticket number and PIN: at the planned seat, in the room's open doors, on one device."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.adapters.throttle import Limit, Throttle
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, MingyuanError, NotSignedIn
from server.core.events import AlarmRaised, AttemptChanged
from server.core.permissions import Role
from server.core.state_machine import advance
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.domain.time_rules import ExamClock, may_enter
from server.delivery.models import Attempt
from server.delivery.sessions import begin_session, hash_of
from server.delivery.time_keeping import local_time, read_clock
from server.scheduling.domain.rule_profile import load_profile
from server.scheduling.models import AdmissionTicket, Seat, Sitting, SittingRoom
from server.scheduling.queries import find_ticket, sitting_profile
from server.scheduling.ticket_secrets import pin_matches
from server.storage.unit_of_work import UnitOfWork, Work


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """What the page sent, and from where."""

    ticket_number: str
    pin: str
    device_secret: str
    seat_number: int | None
    machine: str
    #: a rehearsal program asks: it must not enter a real sitting
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The fresh session's token (for the cookie alone) and the attempt."""

    token: str
    attempt_id: str


def sign_in_candidate(uow: UnitOfWork, vault: Vault, throttle: Throttle, request: SignInRequest) -> SignedIn:
    """Admit a candidate, or let an admitted one come back (AH-R19.1, SZ-4.1, checklist A4, A5, A8, C7).

    Raises:
        NotSignedIn: `TICKET_OR_PIN_WRONG`: unknown number and wrong PIN alike, same work done for both.
        TooManyRequests: after too many refusals for this ticket, or from this seat's machine.
        Conflict: `ADMISSION_NOT_OPEN`, `LATE_ENTRY_REFUSED`, `WRONG_SEAT`, `SEAT_IN_USE`, `MARKED_ABSENT`,
            `NOT_A_REHEARSAL`.
    """
    tries = _take_tries(throttle, request)
    refused: MingyuanError | None = None
    with uow() as work:
        ticket = _recognise(work.session, vault, request)
        if ticket is not None:
            for key, one in tries.items():
                throttle.give_back(key, one)
            try:
                return _enter(work, ticket, request)
            except Conflict as error:  # a refused admission is on record, so the transaction must commit
                refused = error
                _note_refusal(work, ticket, error, request)
    if refused is not None:
        raise refused
    raise NotSignedIn(
        "TICKET_OR_PIN_WRONG",
        "准考证号或密码不正确，请对照准考证重新输入；仍不行请举手。",
        "Ticket number or PIN is not right. Compare with your ticket; raise your hand if it still fails.",
    )


def _take_tries(throttle: Throttle, request: SignInRequest) -> dict[str, str]:
    """One try for this ticket and one for this seat: a room behind one address is never locked as a whole (A5)."""
    rules = load_profile("default")
    seat = f"seat:{request.machine}:{request.seat_number or ''}"
    limits = {f"ticket:{request.ticket_number}": rules.sign_in_attempts, seat: rules.sign_in_attempts_per_machine}
    return {key: throttle.take(key, Limit(attempts, rules.sign_in_window)) for key, attempts in limits.items()}


def _recognise(session: Session, vault: Vault, request: SignInRequest) -> AdmissionTicket | None:
    ticket = find_ticket(session, request.ticket_number)
    stored = ticket.pin_hmac if ticket is not None else "0" * 64
    return ticket if pin_matches(vault, request.ticket_number, request.pin, stored) else None


def _enter(work: Work, ticket: AdmissionTicket, request: SignInRequest) -> SignedIn:
    session, now = work.session, work.clock.now()
    attempt = session.scalar(select(Attempt).where(Attempt.ticket_id == ticket.id).with_for_update())
    room = session.get(SittingRoom, (ticket.sitting_id, ticket.room_id))
    if attempt is None or room is None:
        raise Conflict("SITTING_NOT_READY", "本场考试尚未准备就绪，请稍候。", "The sitting is not ready yet.")
    if request.rehearsal and not session.get_one(Sitting, ticket.sitting_id).is_rehearsal:
        raise Conflict(
            "NOT_A_REHEARSAL",
            "这是正式场次，演练程序不得进入。请另建模拟场次并用它的准考证。",
            "This is a real sitting: a rehearsal must not enter it. Plan a rehearsal sitting and use its tickets.",
        )
    state = AttemptState(attempt.state)
    if state is AttemptState.ABSENT:
        raise Conflict(
            "MARKED_ABSENT", "已登记为缺考，不能再入场，请找监考员。", "You were marked absent; see the proctor."
        )
    if state is AttemptState.EXPECTED:
        _check_doors(session, attempt, room, read_clock(session, attempt, now), request)
    _claim_device(session, attempt, request, is_final=state.is_final)
    if state is AttemptState.EXPECTED:
        attempt.state = advance(ATTEMPT_TRANSITIONS, state, AttemptAction.ADMIT).value
        attempt.signed_in_at = now
    attempt.last_seen_at = now
    actor = Actor(attempt.id, Role.CANDIDATE, "", request.machine)
    token = begin_session(session, attempt, hash_of(request.device_secret), request.machine, now)
    record(
        work,
        actor,
        AuditAction.DELIVERY_ATTEMPT_ADMITTED,
        f"attempt:{attempt.id}",
        {"state": attempt.state, "epoch": attempt.epoch},
    )
    work.publish(
        AttemptChanged(sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt.id, what="admitted")
    )
    return SignedIn(token, attempt.id)


def _check_doors(
    session: Session, attempt: Attempt, room: SittingRoom, clock: ExamClock, request: SignInRequest
) -> None:
    if room.admission_opened_at is None or clock.now < clock.admission_opens_at:
        opens = local_time(clock.admission_opens_at)
        raise Conflict(
            "ADMISSION_NOT_OPEN",
            f"还没有开放入场，{opens} 起由监考员开放。",
            f"The doors are not open yet; the proctor opens them from {opens}.",
            opens_at=clock.admission_opens_at.isoformat(),
        )
    if not may_enter(clock, clock.now):
        closed = local_time(clock.late_entry_ends_at)
        limit = int(sitting_profile(session, attempt.sitting_id).late_entry_within.total_seconds() // 60)
        raise Conflict(
            "LATE_ENTRY_REFUSED",
            f"开考 {limit} 分钟后（{closed} 起）不能再入场，请找监考员。",
            f"No entry after {closed}; see the proctor.",
            closed_at=clock.late_entry_ends_at.isoformat(),
        )
    seat = session.get_one(Seat, attempt.seat_id)
    if request.seat_number is not None and request.seat_number != seat.number:
        raise Conflict(
            "WRONG_SEAT",
            f"您的座位是 {seat.number} 号，这台是 {request.seat_number} 号机，请到 {seat.number} 号就座。",
            f"Your seat is {seat.number}; this is {request.seat_number}.",
            seat=seat.number,
        )


def _claim_device(session: Session, attempt: Attempt, request: SignInRequest, *, is_final: bool) -> None:
    """One writing device: another one may take over only when a proctor released the seat; that raises the epoch."""
    device = hash_of(request.device_secret)
    if attempt.device_hash == device:
        return
    if attempt.device_hash is not None and attempt.released_at is None and not is_final:
        seat = session.get_one(Seat, attempt.seat_id).number
        raise Conflict(
            "SEAT_IN_USE",
            f"您的考试正在 {seat} 号机进行。要换机请举手，由监考员放行后再登录。",
            f"Your exam is open at seat {seat}. To move, raise your hand; the proctor releases it first.",
            seat=seat,
        )
    attempt.device_hash = device
    attempt.released_at = None
    attempt.page_id = None
    attempt.epoch += 1


def _note_refusal(work: Work, ticket: AdmissionTicket, error: Conflict, request: SignInRequest) -> None:
    attempt = work.session.scalar(select(Attempt).where(Attempt.ticket_id == ticket.id))
    actor = Actor(attempt.id if attempt else ticket.id, Role.CANDIDATE, "", request.machine)
    record(work, actor, AuditAction.DELIVERY_SIGN_IN_REFUSED, f"ticket:{ticket.id}", {"code": error.code})
    if attempt is not None and error.code == "SEAT_IN_USE":
        work.publish(
            AlarmRaised(
                sitting_id=attempt.sitting_id, room_id=attempt.room_id, kind="second_login", attempt_id=attempt.id
            )
        )
