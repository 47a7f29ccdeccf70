"""What a running node does by the clock: beat first, then the duties that depend on time, never the other way round."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from server.core.errors import MingyuanError
from server.storage.unit_of_work import UnitOfWork
from server.takeover.domain.lease import LeaseState
from server.takeover.domain.outage_rules import THRESHOLDS, Thresholds
from server.takeover.leases import TTL, acquire_lease, release_lease
from server.takeover.services.beat import beat
from server.takeover.services.stop_node import stop_node

log = logging.getLogger(__name__)


class StopSignal(Protocol):
    """`threading.Event`, patched by gevent or not."""

    def wait(self, timeout: float) -> bool: ...


@dataclass(frozen=True, slots=True)
class Duty:
    """Something one node at a time does every so often.

    `is_shared`: harmless on several nodes at once, so that no lease is taken.
    """

    name: str
    every: timedelta
    run: Callable[[], object]
    is_shared: bool = False


class NodeKeeper:
    """Beats for one node and runs its duties. While the database is away no duty runs: nothing is timed out unheard."""

    def __init__(
        self, uow: UnitOfWork, node_id: str, duties: Sequence[Duty] = (), limits: Thresholds = THRESHOLDS
    ) -> None:
        self._uow = uow
        self._node_id = node_id
        self._duties = duties
        self._limits = limits
        self._due: dict[str, datetime] = {}
        self._leases: dict[str, LeaseState] = {}

    def tick(self) -> bool:
        """One round; False when the beat did not succeed. A failing duty is logged, the others go on."""
        try:
            beat(self._uow, self._node_id, self._limits)
        except Exception:
            log.exception("the node's beat failed; no duty runs until it succeeds")
            return False
        now = self._uow.clock.now()
        for duty in self._duties:
            if now < self._due.get(duty.name, now):
                continue
            self._due[duty.name] = now + duty.every
            try:
                if duty.is_shared or self._holds(duty):
                    duty.run()
            except MingyuanError as refusal:
                log.warning("duty %s was refused: %s", duty.name, refusal)
            except Exception:
                log.exception("duty %s failed", duty.name)
        return True

    def run(self, stop: StopSignal) -> None:
        """Tick until `stop` is set, then stop the node cleanly."""
        while not stop.wait(self._limits.beat_every.total_seconds()):
            self.tick()
        self.stop()

    def stop(self) -> None:
        """Give duties up and mark the node stopped."""
        for lease in self._leases.values():
            release_lease(self._uow, lease)
        self._leases.clear()
        stop_node(self._uow, self._node_id)

    def _holds(self, duty: Duty) -> bool:
        lease = acquire_lease(self._uow, duty.name, self._node_id, max(TTL, 2 * duty.every))
        if lease is None:
            self._leases.pop(duty.name, None)
            return False
        self._leases[duty.name] = lease
        return True
