"""A server process joins: the very last step of its start, after which it accepts answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.core.ids import new_id
from server.storage.unit_of_work import UnitOfWork
from server.takeover.clock_watch import boot_id, running_ms
from server.takeover.domain.outage_rules import THRESHOLDS, Thresholds, silence_before_start
from server.takeover.models import Node, Outage
from server.takeover.outages import detect_outage
from server.takeover.queries import newest_beat_of_the_unstopped


@dataclass(frozen=True, slots=True)
class Registered:
    """The process's node id, and the outage its coming ended, if any."""

    node_id: str
    outage: Outage | None


def register_node(
    uow: UnitOfWork, *, name: str, address: str, node_id: str = "", limits: Thresholds = THRESHOLDS
) -> Registered:
    """Put this process on the node list. If nobody could write for a while, that outage ends at this moment.

    Call it when everything else is ready: the moment of this call is the end of the outage. A restart is a new node.
    """
    with uow() as work:
        now = work.clock.now()
        node = Node(
            id=node_id or new_id(),
            name=name,
            address=address,
            started_at=now,
            beat_at=now,
            boot_id=boot_id(work.clock),
            boot_ms=running_ms(work.clock),
        )
        silence = silence_before_start(newest_beat_of_the_unstopped(work.session), now, limits)
        outage = detect_outage(work, node.id, replace(limits, nodes_silent_after=silence))
        work.session.add(node)
        work.session.flush()
        record(work, SYSTEM, AuditAction.TAKEOVER_NODE_STARTED, f"node:{node.id}", {"name": name, "address": address})
        return Registered(node.id, outage)
