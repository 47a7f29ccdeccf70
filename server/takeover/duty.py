"""What a node does twice a second: prove that it can write, then the single-actor duties it holds the lease for.

In this order and in one loop: a waking node must give lost time back before anything may time a candidate out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.exc import OperationalError

from server.core.clock import SteadyClock
from server.delivery.services.close_overdue import close_overdue
from server.storage.unit_of_work import Work
from server.takeover.clock_watch import ClockWatch, settle_clock
from server.takeover.domain.lease import LeaseState
from server.takeover.leases import TTL, FencedUnitOfWork, acquire_lease, release_lease
from server.takeover.services.beat import beat
from server.takeover.services.record_life_signs import record_life_signs
from server.takeover.services.register_node import register_node
from server.takeover.services.report_client_gap import GapReport, report_client_gaps
from server.takeover.services.stop_node import stop_node
from server.takeover.services.sweep_room_cuts import sweep_room_cuts
from server.takeover.services.sweep_silent_seats import sweep_silent_seats
from server.webkit.background import Background
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
#: the beginning of an outage is known as closely as this (outage_rules.py)
BEAT_EVERY_S = 0.5
#: an alarm about a clock comes within seconds
CLOCK_LOOK_EVERY_S = 1.0
#: renewed when less than this is left of it
LEASE_MARGIN_S = 1.5
#: a node that has not been able to write for so long says so on its health address
SILENT_AFTER_S = 5.0
#: one transaction judges the reports of so many pages at most
GAPS_AT_ONCE = 100
SINGLE_ACTOR = "single-actor-duties"


class NodeDuty:
    """One a process. Also the ears through which delivery tells takeover what it hears (`delivery.runtime.OutageEars`)."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lease: LeaseState | None = None
        self._gaps: dict[str, GapReport] = {}
        #: by our own monotonic clock, counted from before we asked: never later than the database thinks
        self._held_until = 0.0
        self._beat_at = platform.clock.monotonic()
        #: transactions of single-actor duties; each shows the lease first
        self.fenced = FencedUnitOfWork(platform.uow, lambda: self._lease)
        clock = platform.clock
        self.clock_watch = ClockWatch(platform.uow, clock, platform.node_id) if isinstance(clock, SteadyClock) else None

    def settle_clock(self) -> None:
        """The very first step of a start: which moment it is.

        Raises:
            Unavailable: `CLOCK_DIFFERS`: do not start.
        """
        if isinstance(self._platform.clock, SteadyClock):
            settle_clock(self._platform.uow, self._platform.clock, self._platform.stopping.wait)

    def start(self, background: Background) -> None:
        """Register the node, which ends an outage at this moment; then beat. Everything else must be ready."""
        settings = self._platform.settings
        address = f"{settings.host}:{settings.port}"
        register_node(self._platform.uow, name=settings.node_name, address=address, node_id=self._platform.node_id)
        background.every(BEAT_EVERY_S, "node-duty", self.round)
        background.every(BEAT_EVERY_S, "client-gaps", self.judge_gaps)
        if self.clock_watch is not None:
            background.every(CLOCK_LOOK_EVERY_S, "clock-watch", self.clock_watch.look)

    def round(self) -> None:
        """One beat's work."""
        uow = self._platform.uow
        beat(uow, self._platform.node_id)
        self._beat_at = self._platform.clock.monotonic()
        self._renew()
        if self.holds():
            sweep_room_cuts(self.fenced)
            sweep_silent_seats(self.fenced)
            close_overdue(self.fenced)

    def can_write(self) -> bool:
        """The last beat that was committed is fresh."""
        return self._platform.clock.monotonic() - self._beat_at < SILENT_AFTER_S

    def _renew(self) -> None:
        asked_at = self._platform.clock.monotonic()
        if self._held_until - asked_at >= LEASE_MARGIN_S:
            return
        try:
            self._lease = acquire_lease(self._platform.uow, SINGLE_ACTOR, self._platform.node_id)
        except OperationalError:
            log.warning("the lease could not be renewed in this round")  # it may still be ours; `_held_until` decides
            return
        self._held_until = asked_at + TTL.total_seconds() if self._lease is not None else 0.0

    def stop(self) -> None:
        """Give the duties up and mark the node stopped, after the last answers were acknowledged."""
        if self._lease is not None:
            lease, self._lease = self._lease, None
            release_lease(self._platform.uow, lease)
        stop_node(self._platform.uow, self._platform.node_id)

    def holds(self) -> bool:
        """This node has the right to single-actor duties at this moment."""
        return self._lease is not None and self._platform.clock.monotonic() < self._held_until

    def note_life_signs(self, work: Work, seen: Mapping[str, datetime]) -> None:
        """Candidates were heard; joins the transaction of presence."""
        record_life_signs(work, seen)

    def report_client_gap(self, attempt_id: str, gap_ms: int, *, answered_during_gap: bool) -> None:
        """A page says how long it could not reach us; judged with everybody else's within half a second."""
        held = self._gaps.get(attempt_id)
        gap = timedelta(milliseconds=gap_ms)
        if held is None or gap > held.gap:
            self._gaps[attempt_id] = GapReport(gap, answered_during_gap, self._platform.clock.now())

    def judge_gaps(self) -> None:
        """Put what the pages told since the last round before the exam office."""
        while self._gaps:
            some = dict(islice(self._gaps.items(), GAPS_AT_ONCE))
            for attempt_id in some:
                del self._gaps[attempt_id]
            report_client_gaps(self._platform.uow, some)
