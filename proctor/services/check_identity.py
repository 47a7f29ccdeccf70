"""Five-point check 五对照: name, ticket, seat, ID card, person (SZ-7.3(1))."""

from __future__ import annotations

from proctor.domain.states import IncidentKind
from proctor.incidents import raise_incident
from proctor.models import IdentityCheck
from proctor.room_work import enter_room, require_candidate
from proctor.wire import CommandDone
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.core.ids import new_id
from server.delivery.ledger import lock_attempts
from server.delivery.time_keeping import to_ms
from server.storage.unit_of_work import UnitOfWork


def check_identity(
    uow: UnitOfWork,
    sitting_id: str,
    room_id: str,
    attempt_id: str,
    pass_number: int,
    *,
    name_ok: bool,
    ticket_ok: bool,
    seat_ok: bool,
    id_card_ok: bool,
    person_ok: bool,
    note: str = "",
    actor: Actor,
) -> CommandDone:
    """Write the ticks down; pass 2 is the one after the start. The newest row of a pass counts.

    A card or a person that does not fit is an incident and an alarm: suspected impersonation.

    Raises:
        NotFound: room or candidate out of reach. Conflict: `NOT_ARRIVED`, `TOO_EARLY`.
    """
    ticks = {"name": name_ok, "ticket": ticket_ok, "seat": seat_ok, "id_card": id_card_ok, "person": person_ok}
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        one = require_candidate(facts, attempt_id)
        if not one.is_here:
            raise Conflict("NOT_ARRIVED", "该考生尚未登录，不能核对。", "This candidate has not signed in yet.")
        if pass_number == 2 and facts.now < facts.clock.starts_at:
            raise Conflict(
                "TOO_EARLY",
                "开考后的核对在开考后进行；现在可做入场核对。",
                "The check after the start is done after the start; the entry check is possible now.",
                opens_at_ms=to_ms(facts.clock.starts_at),
            )
        work.session.add(
            IdentityCheck(
                id=new_id(),
                attempt_id=attempt_id,
                pass_number=pass_number,
                name_ok=name_ok,
                ticket_ok=ticket_ok,
                seat_ok=seat_ok,
                id_card_ok=id_card_ok,
                person_ok=person_ok,
                note=note,
                checked_by=actor.id,
                checked_at=facts.now,
            )
        )
        # The candidate's own page tells whether a proctor has looked: the newest check counts.
        attempt = lock_attempts(work.session, sitting_id, room_id, [attempt_id])[0]
        attempt.identity_verified_at = facts.now if all(ticks.values()) else None
        is_suspect = not (id_card_ok and person_ok)
        if is_suspect:
            words = "身份证件不符" if person_ok else "人证不符" if id_card_ok else "身份证件和本人均不符"
            raise_incident(work, facts, IncidentKind.IDENTITY_MISMATCH, actor, words, attempt_id=attempt_id, once=True)
        detail = {"pass": pass_number, "ticks": ticks, "sitting": sitting_id}
        record(work, actor, AuditAction.PROCTOR_IDENTITY_CHECKED, f"attempt:{attempt_id}", detail, note)
        work.publish(AttemptChanged(sitting_id=sitting_id, room_id=room_id, attempt_id=attempt_id, what="verified"))
    if is_suspect:
        return CommandDone(
            done=1, words_zh="已记录为身份不符，请报告巡考。", words_en="Recorded as a mismatch: call the inspector."
        )
    return CommandDone(done=1, words_zh="已核对。", words_en="Checked.")
