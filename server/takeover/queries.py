"""Reads of nodes, outages, life signs and what waits for a decision."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import RowKind, RowStatus, find_reversed
from server.delivery.models import Attempt, JournalEntry, LifeSign, TimeEntry
from server.delivery.queries import ledger_rows
from server.takeover.domain.outage_rules import NodeCondition, node_condition
from server.takeover.models import Node, Outage

#: of a room cut off from living servers
CAUSE_OF_CUTS = "lan_outage"


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


def newest_beat_of_the_unstopped(session: Session) -> datetime | None:
    """The newest beat of a node that did not stop by itself; None: all have."""
    return session.scalar(select(func.max(Node.beat_at)).where(Node.stopped_at.is_(None)))


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


def last_heard_by_room(session: Session) -> dict[tuple[str, str], dict[str, datetime]]:
    """Room → answering attempt → when it was last heard (its start, if never)."""
    query = (
        select(Attempt.sitting_id, Attempt.room_id, Attempt.id, Attempt.started_at, func.max(LifeSign.until))
        .outerjoin(LifeSign, LifeSign.attempt_id == Attempt.id)
        .where(Attempt.state == AttemptState.ANSWERING.value)
        .group_by(Attempt.sitting_id, Attempt.room_id, Attempt.id, Attempt.started_at)
    )
    rooms: dict[tuple[str, str], dict[str, datetime]] = defaultdict(dict)
    for sitting_id, room_id, attempt_id, started_at, until in session.execute(query):
        moments = [moment for moment in (started_at, until) if moment is not None]
        if moments:
            rooms[sitting_id, room_id][attempt_id] = max(moments)
    return rooms


def rooms_cut_off(session: Session) -> set[tuple[str, str]]:
    """(sitting, room) with an open interruption that was found from life signs."""
    query = select(TimeEntry.sitting_id, TimeEntry.room_id).where(
        TimeEntry.kind == RowKind.INTERRUPTION.value,
        TimeEntry.cause == CAUSE_OF_CUTS,
        TimeEntry.status == RowStatus.PROVISIONAL.value,
        TimeEntry.to_at.is_(None),
        TimeEntry.room_id.is_not(None),
        TimeEntry.attempt_id.is_(None),
    )
    return {(sitting_id, room_id or "") for sitting_id, room_id in session.execute(query)}


def listening_since(session: Session, now: datetime) -> datetime:
    """Since when somebody has listened to candidates: the end of the last outage, else the first start of any node.

    Not this node's own start: while it was away another one heard them, or an outage is on record.
    """
    return last_outage_end(session) or session.scalar(select(func.min(Node.started_at))) or now
