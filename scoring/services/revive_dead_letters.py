"""Send refused messages again, after a person mended what was wrong."""

from __future__ import annotations

from scoring.outbox import dead_letters
from scoring.permissions import require_permission, require_reason
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.permissions import Permission
from server.storage.unit_of_work import UnitOfWork


def revive_dead_letters(uow: UnitOfWork, reason: str, actor: Actor) -> int:
    """Make every dead letter due now; returns how many.

    Raises:
        Forbidden: `FORBIDDEN`: only a role with `results:result:release`.
        InvalidInput: `REASON_REQUIRED`.
    """
    require_permission(actor, Permission.RESULTS_RESULT_RELEASE)
    reason = require_reason(reason)
    with uow() as work:
        now = work.clock.now()
        letters = dead_letters(work.session)
        for letter in letters:
            letter.dead_at, letter.next_try_at = None, now
        if letters:
            work.session.flush()
            keys = [letter.idempotency_key for letter in letters]
            record(work, actor, AuditAction.RESULTS_DEAD_LETTERS_REVIVED, "outbox", {"messages": keys}, reason)
    return len(letters)
