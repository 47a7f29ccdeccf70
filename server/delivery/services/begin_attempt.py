"""From the start on: this page becomes the writing one and receives the paper's key."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from sqlalchemy import select

from itembank.models import Package, Script
from itembank.queries import open_script_key
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.core.state_machine import advance
from server.delivery.candidate_state import clock_to_wire
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.domain.time_rules import may_begin
from server.delivery.models import Attempt
from server.delivery.queries import ledger_rows
from server.delivery.time_keeping import clock_from, given_back_from, local_time, set_deadline
from server.delivery.wire import ClockView
from server.scheduling.models import AdmissionTicket, Sitting
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class BegunAttempt:
    """The script's AES key in base64, the attempt as it is now, its clock; `is_first`: nothing can be stored of it yet."""

    key: str
    attempt: Attempt
    clock: ClockView
    is_first: bool

    @property
    def epoch(self) -> int:
        return self.attempt.epoch

    @property
    def last_seq(self) -> int:
        return self.attempt.last_seq


def begin_attempt(
    uow: UnitOfWork, vault: Vault, attempt_id: str, page_id: str, epoch: int, actor: Actor
) -> BegunAttempt:
    """Start, or take up again after a reload or a crash; repeating it is harmless.

    Args:
        epoch: of the session that asks; an older one has been moved away.

    Raises:
        Conflict: `NOT_STARTED` (with the moment), `SEALED`, `SESSION_MOVED`, `STEP_OUT_OF_ORDER`, `SUSPENDED`, `SUBMITTED`.
    """
    with uow() as work:
        session, now = work.session, work.clock.now()
        attempt, percent, sitting, wrapped_key, package_id, opened_key = session.execute(
            select(
                Attempt,
                AdmissionTicket.extra_time_percent,
                Sitting,
                Script.wrapped_key,
                Script.package_id,
                Package.opened_key,
            )
            .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
            .join(Sitting, Sitting.id == Attempt.sitting_id)
            .outerjoin(Script, Script.id == Attempt.script_id)
            .outerjoin(Package, Package.id == Script.package_id)
            .where(Attempt.id == attempt_id)
            .with_for_update(of=Attempt)
        ).one()
        state = AttemptState(attempt.state)
        _require_pen(attempt, state, epoch)
        rows = ledger_rows(session, sitting.id)
        clock = clock_from(session, sitting, rows, attempt, percent, now)
        if not may_begin(clock, now) and now < clock.starts_at:
            starts = local_time(clock.starts_at)
            raise Conflict(
                "NOT_STARTED",
                f"还没有开考，{starts} 开始。",
                f"The exam starts at {starts}.",
                starts_at=clock.starts_at.isoformat(),
            )
        if attempt.script_id is None:
            raise Conflict("SEALED", "试卷尚未启封，请稍候。", "The paper has not been opened yet; wait a moment.")
        key = open_script_key(vault, attempt.script_id, wrapped_key, package_id, opened_key)
        is_first = state is AttemptState.ADMITTED
        if is_first:
            if not may_begin(clock, now):
                raise Conflict(
                    "NOT_RUNNING",
                    "考试当前没有进行，请等监考员通知。",
                    "The exam is not running; wait for the proctor.",
                )
            attempt.state = advance(ATTEMPT_TRANSITIONS, state, AttemptAction.BEGIN).value
            attempt.started_at = now
            clock = clock_from(session, sitting, rows, attempt, percent, now)
            set_deadline(work, attempt, clock)
        attempt.page_id = page_id
        attempt.last_seen_at = now
        if is_first:
            record(work, actor, AuditAction.DELIVERY_ATTEMPT_STARTED, f"attempt:{attempt.id}", {"epoch": attempt.epoch})
        work.publish(
            AttemptChanged(
                sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt.id, what="started"
            )
        )
        returned = given_back_from(rows, attempt, clock)
        return BegunAttempt(base64.b64encode(key).decode(), attempt, clock_to_wire(clock, returned), is_first)


def _require_pen(attempt: Attempt, state: AttemptState, epoch: int) -> None:
    if epoch != attempt.epoch:
        raise Conflict("SESSION_MOVED", "您的考试已转到另一台电脑继续。", "Your exam goes on on another computer.")
    if state.is_final:
        raise Conflict("SUBMITTED", "您已交卷，不能再作答。", "You have handed in; nothing can be changed any more.")
    if state is AttemptState.SUSPENDED:
        raise Conflict(
            "SUSPENDED",
            "考试已暂停，请等监考员恢复；暂停的时间会补回。",
            "Suspended; wait for the proctor. The time is given back.",
        )
    if attempt.rules_confirmed_at is None:
        raise Conflict(
            "STEP_OUT_OF_ORDER", "请先核对身份并阅读考场规则。", "Confirm your identity and the rules first."
        )
