"""Make version 1 of a paper's mark scheme from the paper's own keys."""

from __future__ import annotations

from scoring.domain.markers.base import ALL_OR_NOTHING, MarkRule
from scoring.mark_schemes import ensure_mark_scheme
from scoring.models import MarkScheme
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.storage.unit_of_work import UnitOfWork


def create_mark_scheme(
    uow: UnitOfWork, vault: Vault, paper_id: str, actor: Actor, rule: MarkRule = ALL_OR_NOTHING
) -> MarkScheme:
    """The paper's scheme in force; made from its keys on first use, unchanged on every later call (MK-1).

    Raises:
        NotFound: `PAPER_NOT_FOUND`.
    """
    with uow() as work:
        return ensure_mark_scheme(work, vault, paper_id, actor, rule)
