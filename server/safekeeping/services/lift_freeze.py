"""Use case: two different people lift the freeze for half an hour, on the record."""

from __future__ import annotations

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Forbidden, InvalidInput
from server.core.ids import new_id
from server.safekeeping.domain.freeze_rules import LEAST_REASON, OVERRIDE_LASTS
from server.safekeeping.models import FreezeOverride
from server.safekeeping.open_sittings import open_sittings
from server.storage.unit_of_work import UnitOfWork


def lift_freeze(uow: UnitOfWork, first: Actor, second: Actor, reason: str) -> FreezeOverride:
    """Both have shown who they are by their passwords (rule 12: override by two people, audited).

    Raises:
        Forbidden: `SECOND_PERSON_REQUIRED`: one person twice.
        InvalidInput: `REASON_NEEDED`.
    """
    if first.id == second.id:
        raise Forbidden(
            "SECOND_PERSON_REQUIRED",
            "解除冻结须由两名不同的负责人确认。",
            "Two different people have to lift the freeze.",
        )
    if len(reason.strip()) < LEAST_REASON:
        raise InvalidInput("REASON_NEEDED", "请写明解除冻结的原因。", "Say why the freeze has to be lifted.")
    with uow() as work:
        now = work.clock.now()
        override = FreezeOverride(
            id=new_id(), first_by=first.id, second_by=second.id, reason=reason.strip(), at=now,
            expires_at=now + OVERRIDE_LASTS,
        )  # fmt: skip
        work.session.add(override)
        sittings = [one.id for one in open_sittings(work.session, now)]
        record(
            work, first, AuditAction.SAFEKEEPING_FREEZE_OVERRIDDEN, f"freeze:{override.id}",
            {"second_by": second.id, "second_role": second.role.value, "sittings": sittings}, override.reason,
        )  # fmt: skip
    return override
