"""Score one ended attempt."""

from __future__ import annotations

from scoring.models import Result
from scoring.settling import OpenedSchemes, settle_attempt
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.errors import NotFound
from server.delivery.models import Attempt
from server.storage.unit_of_work import UnitOfWork


def score_attempt(
    uow: UnitOfWork, vault: Vault, attempt_id: str, actor: Actor, schemes: OpenedSchemes | None = None
) -> Result:
    """The attempt's result, scored under the scheme in force; absent and void are settled without a score.

    Idempotent: the same inputs leave the stored score and the result as they are (P8).

    Raises:
        NotFound: `ATTEMPT_NOT_FOUND`.
        Conflict: `ATTEMPT_NOT_ENDED`, `NO_SCRIPT`, `ANSWER_NOT_ON_FORM`, `ANSWERS_CHANGED`, `SCORE_DIFFERS`.
    """
    with uow() as work:
        attempt = work.session.get(Attempt, attempt_id, with_for_update=True)
        if attempt is None:
            raise NotFound(
                "ATTEMPT_NOT_FOUND", "没有找到这条应试记录。", "There is no such attempt.", attempt_id=attempt_id
            )
        return settle_attempt(work, attempt, schemes or OpenedSchemes(vault), actor)
