"""Find every ended attempt that is not scored under the scheme in force, and score it."""

from __future__ import annotations

from dataclasses import dataclass, field

from scoring.queries import attempts_to_settle
from scoring.services.score_attempt import score_attempt
from scoring.settling import OpenedSchemes
from server.adapters.vault import Vault
from server.core.actor import SYSTEM, Actor
from server.core.errors import MingyuanError
from server.storage.unit_of_work import UnitOfWork


@dataclass
class Sweep:
    """What a sweep did. `refused`: attempt id and code of each one a person has to look at."""

    settled: int = 0
    scored: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def score_sitting(
    uow: UnitOfWork, vault: Vault, sitting_id: str | None = None, actor: Actor = SYSTEM, limit: int | None = None
) -> Sweep:
    """One transaction an attempt, so that one bad attempt holds nobody up. Repeatable at any moment.

    Args:
        sitting_id: None sweeps every sitting: what the background worker does.
    """
    with uow.read() as session:
        waiting = attempts_to_settle(session, sitting_id)[:limit]
    sweep = Sweep()
    schemes = OpenedSchemes(vault)
    for attempt_id in waiting:
        try:
            result = score_attempt(uow, vault, attempt_id, actor, schemes)
        except MingyuanError as refusal:
            sweep.refused.append((attempt_id, refusal.code))
        else:
            sweep.settled += 1
            sweep.scored += result.score_id is not None
    return sweep
