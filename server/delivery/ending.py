"""The one way an attempt ends: submit, time out, collect, crash (architecture 4.9)."""

from __future__ import annotations

import secrets
from enum import StrEnum

from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.events import AttemptChanged, AttemptEnded
from server.core.state_machine import advance
from server.delivery.domain.states import ATTEMPT_TRANSITIONS, AttemptAction, AttemptState
from server.delivery.models import Attempt
from server.delivery.queries import answers_digest, counted_responses
from server.storage.unit_of_work import Work

RECEIPT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RECEIPT_GROUPS = 3


class EndHow(StrEnum):
    """How an attempt ended; a time-out counts as a submission."""

    SUBMIT = "submit"
    TIMEOUT = "timeout"
    COLLECT = "collect"


_STEPS = {
    EndHow.SUBMIT: (AttemptAction.SUBMIT, AuditAction.DELIVERY_ATTEMPT_SUBMITTED),
    EndHow.TIMEOUT: (AttemptAction.SUBMIT, AuditAction.DELIVERY_ATTEMPT_TIMED_OUT),
    EndHow.COLLECT: (AttemptAction.COLLECT, AuditAction.DELIVERY_ATTEMPT_COLLECTED),
}


def end_attempt(work: Work, attempt: Attempt, how: EndHow, actor: Actor, reason: str = "") -> bool:
    """End the (locked) attempt; False when it had ended already: once is once (P8).

    The digest is taken over the answers counted so far; the journal takes no counted line afterwards, because the
    writer judges every line under the same row lock.

    Raises:
        Conflict: `TRANSITION_REFUSED` for an attempt that never began and cannot end that way.
    """
    state = AttemptState(attempt.state)
    if state.is_final:
        return False
    action, audit_action = _STEPS[how]
    if how is EndHow.TIMEOUT and state is AttemptState.ADMITTED:
        action = AttemptAction.COLLECT  # signed in, never began
    attempt.state = advance(ATTEMPT_TRANSITIONS, state, action).value
    attempt.ended_at = work.clock.now()
    attempt.end_how = how.value
    attempt.answers_digest = answers_digest(counted_responses(work.session, attempt.id))
    attempt.receipt_code = "-".join(
        "".join(secrets.choice(RECEIPT_ALPHABET) for _ in range(4)) for _ in range(RECEIPT_GROUPS)
    )
    attempt.hand_raised_at = attempt.hand_reason = None
    detail = {"answered": attempt.answered, "answers_digest": attempt.answers_digest, "how": how.value}
    record(work, actor, audit_action, f"attempt:{attempt.id}", detail, reason)
    ids = {"sitting_id": attempt.sitting_id, "room_id": attempt.room_id, "attempt_id": attempt.id}
    work.publish(AttemptChanged(**ids, what=how.value))
    work.publish(AttemptEnded(**ids, how=how.value))
    return True


def receipt_signature(vault: Vault, attempt: Attempt) -> str:
    """The institution's signature over what the receipt says; anybody can check it with the public key."""
    words = f"{attempt.id}|{attempt.receipt_code}|{attempt.answers_digest}|{attempt.answered}|{attempt.end_how}"
    return vault.sign(words.encode())
