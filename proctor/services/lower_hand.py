"""The proctor was there: the hand goes down."""

from __future__ import annotations

from proctor.room_work import enter_room, require_candidate
from proctor.wire import CommandDone
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.events import AttemptChanged
from server.delivery.ledger import lock_attempts
from server.storage.unit_of_work import UnitOfWork


def lower_hand(uow: UnitOfWork, sitting_id: str, room_id: str, attempt_id: str, actor: Actor) -> CommandDone:
    """Lower it; harmless when it is down already.

    Raises:
        NotFound: room or candidate out of reach.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_candidate(facts, attempt_id)
        attempt = lock_attempts(work.session, sitting_id, room_id, [attempt_id])[0]
        if attempt.hand_raised_at is None:
            return CommandDone(done=0, words_zh="该考生没有举手。", words_en="The hand is down already.")
        detail = {"hand": attempt.hand_reason, "sitting": sitting_id}
        attempt.hand_raised_at = attempt.hand_reason = None
        record(work, actor, AuditAction.PROCTOR_HAND_LOWERED, f"attempt:{attempt_id}", detail)
        work.publish(AttemptChanged(sitting_id=sitting_id, room_id=room_id, attempt_id=attempt_id, what="hand"))
    return CommandDone(done=1, words_zh="已处理。", words_en="Done.")
