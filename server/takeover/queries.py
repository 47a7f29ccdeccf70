"""Reads of nodes, outages, life signs and what waits for a decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.delivery.domain.time_ledger import RowStatus, find_reversed
from server.delivery.models import JournalEntry, TimeEntry
from server.delivery.queries import ledger_rows
from server.takeover.domain.outage_rules import NodeCondition, node_condition
from server.takeover.models import Node, Outage


@dataclass(frozen=True, slots=True)
class NodeReading:
    """One line of the node list."""

    id: str
    name: str
    address: str
    condition: NodeCondition
    started_at: datetime
    beat_at: datetime


def list_nodes(session: Session, now: datetime) -> list[NodeReading]:
    """Nodes that did not stop cleanly, and the latest of each name; newest first."""
    latest: dict[str, NodeReading] = {}
    for node in session.scalars(select(Node).order_by(Node.started_at.desc(), Node.id)):
        reading = NodeReading(
            node.id,
            node.name,
            node.address,
            node_condition(node.beat_at, node.stopped_at, now),
            node.started_at,
            node.beat_at,
        )
        latest.setdefault(node.name, reading)
    return list(latest.values())


def last_beat_at(session: Session) -> datetime | None:
    """The last moment at which a node is known to have been able to write; None: no node has ever run here."""
    return session.scalar(select(func.max(func.coalesce(Node.stopped_at, Node.beat_at))))


def answers_stored_since(session: Session, moment: datetime) -> list[datetime]:
    """When the stored answers of the time after `moment` arrived."""
    return list(session.scalars(select(JournalEntry.received_at).where(JournalEntry.received_at > moment)))


def last_outage_end(session: Session) -> datetime | None:
    """When the servers last came back."""
    return session.scalar(select(func.max(Outage.to_at)))


def awaiting_decision(session: Session, sitting_id: str) -> list[TimeEntry]:
    """Ledger rows of the sitting that wait for the responsible person, earliest first."""
    query = (
        select(TimeEntry)
        .where(TimeEntry.sitting_id == sitting_id, TimeEntry.status == RowStatus.AWAITING_DECISION.value)
        .order_by(TimeEntry.from_at, TimeEntry.id)
    )
    reversed_ids = find_reversed(ledger_rows(session, sitting_id))
    return [entry for entry in session.scalars(query) if entry.id not in reversed_ids]


def undecided_time(session: Session, sitting_id: str) -> list[TimeEntry]:
    """Everything the exam office has to confirm or amend: proposed, provisional, awaiting a decision."""
    undecided = [RowStatus.PROPOSED.value, RowStatus.PROVISIONAL.value, RowStatus.AWAITING_DECISION.value]
    query = select(TimeEntry).where(TimeEntry.sitting_id == sitting_id, TimeEntry.status.in_(undecided))
    reversed_ids = find_reversed(ledger_rows(session, sitting_id))
    return [e for e in session.scalars(query.order_by(TimeEntry.made_at, TimeEntry.id)) if e.id not in reversed_ids]
