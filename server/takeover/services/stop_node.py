"""A node stops cleanly: it says so, and its duties pass on at once."""

from __future__ import annotations

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.storage.unit_of_work import UnitOfWork
from server.takeover.models import Node


def stop_node(uow: UnitOfWork, node_id: str) -> None:
    """Mark the node stopped; repeating it is harmless. Call it after the last batch of answers was acknowledged."""
    with uow() as work:
        node = work.session.get(Node, node_id)
        if node is None or node.stopped_at is not None:
            return
        node.stopped_at = work.clock.now()
        record(work, SYSTEM, AuditAction.TAKEOVER_NODE_STOPPED, f"node:{node_id}", {"name": node.name})
