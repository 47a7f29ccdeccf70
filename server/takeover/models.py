"""Nodes, their heartbeats, leases of single-actor duties, detected outages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class Node(Base):
    """One server process. A restart is a new node."""

    __tablename__ = "node"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(120))
    started_at: Mapped[datetime]
    # last moment it proved that it could write; touched every half second
    beat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class Lease(Base):
    """The right to do a single-actor duty; a new holder has a higher generation."""

    __tablename__ = "lease"

    duty: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(Id)
    generation: Mapped[int]
    expires_at: Mapped[datetime]


class Outage(Base):
    """A span in which no node could accept an answer."""

    __tablename__ = "outage"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    from_at: Mapped[datetime]
    to_at: Mapped[datetime]
    cause: Mapped[str] = mapped_column(String(20))
    detected_by: Mapped[str] = mapped_column(Id)


class OutageDecision(Base):
    """What the responsible person decided about an interruption over the limit (INC-5)."""

    __tablename__ = "outage_decision"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    # the rooms it is about
    room_ids: Mapped[list[Any]]
    # extend | reschedule | cancel
    decision: Mapped[str] = mapped_column(String(12))
    # the next registration costs the candidates nothing
    fee_waiver: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]
