"""Who may sign in to an attempt, from which device, and whether the pen (the epoch) passes on.

One rule for the kiosk, the proctor's desk and the command line. Wrong ticket or PIN is decided before this and says
nothing else; whoever reaches this rule has shown both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.core.errors import Conflict
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_rules import ExamClock, may_enter


class AdmissionKind(StrEnum):
    """What a permitted sign-in means."""

    #: The candidate comes in: `admit`.
    FIRST = "first"
    #: The same browser profile again: reload, crash, restart. The pen stays with the device.
    SAME_DEVICE = "same_device"
    #: Another device, released by a proctor: the pen passes on, the old device is fenced off.
    MOVED = "moved"
    #: The attempt is over: the receipt is shown, nothing else.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Admission:
    """`epoch`: the attempt's epoch after the sign-in; higher than before exactly when the pen passes on."""

    kind: AdmissionKind
    epoch: int


def judge_sign_in(
    *,
    attempt_state: AttemptState,
    clock: ExamClock,
    now: datetime,
    doors_open: bool,
    epoch: int,
    known_device: str | None,
    device: str,
    is_released: bool,
    planned_seat: int,
    seat: int | None,
) -> Admission:
    """Decide one sign-in.

    Args:
        doors_open: the room's admission gate was passed by its proctors.
        known_device, device: hashes of the writing device's secret and of the one signing in.
        is_released: a proctor allowed the next sign-in to come from another device.
        planned_seat, seat: the seat's number on the ticket (or where the proctor moved the candidate), and the number
            of the workstation, None when unknown.

    Raises:
        Conflict: `ADMISSION_NOT_OPEN` (opens_at), `LATE_ENTRY_REFUSED` (ended_at; SZ-4.3, AH-R3.2), `WRONG_SEAT`
            (seat_number), `SEAT_IN_USE` (another device writes), `ATTEMPT_VOIDED`.
    """
    if attempt_state is AttemptState.VOIDED:
        raise Conflict(
            "ATTEMPT_VOIDED", "本场考试资格已作废，请举手联系监考员。", "This attempt was voided. Ask a proctor."
        )
    if attempt_state in {AttemptState.SUBMITTED, AttemptState.COLLECTED}:
        return Admission(AdmissionKind.ENDED, epoch)
    if attempt_state in {AttemptState.EXPECTED, AttemptState.ABSENT}:
        _require_entry(attempt_state, clock, now, doors_open)
    if seat is not None and seat != planned_seat:
        raise Conflict(
            "WRONG_SEAT",
            f"这不是您的座位。您的座位号是 {planned_seat}，请到该座位登录。",
            f"This is not your seat. Yours is number {planned_seat}; please sign in there.",
            seat_number=planned_seat,
        )
    if attempt_state is AttemptState.EXPECTED:
        return Admission(AdmissionKind.FIRST, epoch + 1)
    if known_device == device:
        return Admission(AdmissionKind.SAME_DEVICE, epoch)
    if known_device is None or is_released:
        return Admission(AdmissionKind.MOVED, epoch + 1)
    raise Conflict(
        "SEAT_IN_USE",
        "该准考证已在另一台机器上登录。原作答不受影响；如需换机，请举手，由监考员放行后再登录。",
        "This ticket is signed in on another machine. Nothing is lost; ask a proctor to release it before you move.",
    )


def _require_entry(state: AttemptState, clock: ExamClock, now: datetime, doors_open: bool) -> None:
    if now < clock.admission_opens_at or (not doors_open and now <= clock.late_entry_ends_at):
        raise Conflict(
            "ADMISSION_NOT_OPEN",
            "还没有开始入场，请等候监考员通知。",
            "Admission has not been opened yet. Please wait for the proctor.",
            opens_at=clock.admission_opens_at.isoformat(),
        )
    if state is AttemptState.ABSENT or not may_enter(clock, now):
        raise Conflict(
            "LATE_ENTRY_REFUSED",
            "已超过允许入场的时间，按规定不能再进入考场。请联系监考员或考务办公室。",
            "Entry is no longer possible: the time for late entry is over. Please speak to a proctor.",
            ended_at=clock.late_entry_ends_at.isoformat(),
        )
