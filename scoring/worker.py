"""The two duties of this folder in a running node: score what has ended, deliver what is released.

Both look in the database for what is missing, so that a lost event or a restart leaves nothing undone. One node does
them at a time; two would merely do the same twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from scoring.connectors import connector_from
from scoring.services.deliver_outbox import deliver_outbox
from scoring.services.score_sitting import score_sitting
from server.storage.unit_of_work import UnitOfWork
from server.webkit.background import Background
from server.webkit.platform import Platform

log = logging.getLogger(__name__)

SWEEP_EVERY_SECONDS = 2.0
DELIVER_EVERY_SECONDS = 1.0
MESSAGES_A_RUN = 50


class ScoringWorker:
    """`holds` says whether this node has the right to single-actor duties at this moment; `uow` shows that right in
    each transaction (without it: the platform's own)."""

    def __init__(self, platform: Platform, holds: Callable[[], bool], uow: UnitOfWork | None = None) -> None:
        self._platform = platform
        self._uow = uow or platform.uow
        self._holds = holds
        self._connector = connector_from(platform.settings)
        #: what a person has been told already, so that a stuck attempt is one line in the log and not one every sweep
        self._reported: set[tuple[str, str]] = set()

    def start(self, background: Background) -> None:
        """Begin both duties."""
        background.every(SWEEP_EVERY_SECONDS, "scoring", self.sweep)
        if self._connector is not None:
            background.every(DELIVER_EVERY_SECONDS, "outbox", self.deliver)

    def sweep(self) -> None:
        """Score every ended attempt that is not scored under the key in force."""
        if not self._holds():
            return
        done = score_sitting(self._uow, self._platform.vault)
        refused = {(attempt_id, code) for attempt_id, code in done.refused if code != "LEASE_LOST"}
        for attempt_id, code in refused - self._reported:
            log.error("attempt %s cannot be scored: %s", attempt_id, code)
        self._reported = refused

    def deliver(self) -> None:
        """Deliver released results whose next try has come."""
        if self._connector is None or not self._holds():
            return
        run = deliver_outbox(self._uow, self._platform.vault, self._connector, limit=MESSAGES_A_RUN)
        if run.failed or run.dead:
            log.warning(
                "outbox: %s delivered, %s to be tried again, %s refused for good", run.delivered, run.failed, run.dead
            )
