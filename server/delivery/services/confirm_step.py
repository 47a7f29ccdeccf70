"""The candidate confirms: this is me; I have read the rules. In this order only (checklist C1)."""

from __future__ import annotations

from typing import Literal

from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.delivery.models import Attempt
from server.storage.unit_of_work import UnitOfWork


def confirm_step(uow: UnitOfWork, attempt_id: str, step: Literal["identity", "rules"]) -> None:
    """Note the moment of the confirmation; repeating it changes nothing.

    Raises:
        Conflict: `STEP_OUT_OF_ORDER`: the rules before the identity.
    """
    with uow() as work:
        attempt = work.session.get_one(Attempt, attempt_id, with_for_update=True)
        now = work.clock.now()
        if step == "identity":
            attempt.identity_confirmed_at = attempt.identity_confirmed_at or now
        else:
            if attempt.identity_confirmed_at is None:
                raise Conflict("STEP_OUT_OF_ORDER", "请先核对身份信息。", "Confirm your identity first.")
            attempt.rules_confirmed_at = attempt.rules_confirmed_at or now
        work.publish(
            AttemptChanged(
                sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt.id, what="confirmed"
            )
        )
