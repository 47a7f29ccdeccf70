"""A node's heartbeat: it proves that it can write by writing."""

from __future__ import annotations

from sqlalchemy import update

from server.core.errors import Conflict
from server.storage.unit_of_work import UnitOfWork
from server.takeover.clock_watch import running_ms
from server.takeover.domain.outage_rules import THRESHOLDS, Thresholds
from server.takeover.models import Node, Outage
from server.takeover.outages import detect_outage


def beat(uow: UnitOfWork, node_id: str, limits: Thresholds = THRESHOLDS) -> Outage | None:
    """Touch the node's beat; returns the outage that this beat ended, if any.

    A beat that comes late because the process was frozen, or because the database was away, ends an outage like a
    restart does. Duties with deadlines (the sweeper) run after a beat has succeeded, in the same loop, never without it:
    otherwise a waking node would time candidates out before it gave them their lost time back.

    Raises:
        Conflict: `NODE_UNKNOWN`: the row is gone; the process must register again.
    """
    with uow() as work:
        outage = detect_outage(work, node_id, limits)
        beat_at, boot_ms = work.clock.now(), running_ms(work.clock)
        touched = work.session.execute(
            update(Node)
            .where(Node.id == node_id)
            .values(beat_at=beat_at, boot_ms=boot_ms, stopped_at=None)
            .returning(Node.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if touched is None:
            raise Conflict("NODE_UNKNOWN", "本节点未登记，请重新启动。", "This node is not registered; restart it.")
        return outage
