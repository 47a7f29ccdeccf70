"""Nodes, their heartbeats, leases of single-actor duties, detected outages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, Text
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
    # which start of which machine this is, and that machine's clock since its start at `beat_at`, ms: it runs on
    # while no process does, whatever somebody does to the wall clock (server/takeover/clock_watch.py)
    boot_id: Mapped[str | None] = mapped_column(String(64))
    boot_ms: Mapped[int | None] = mapped_column(BigInteger)


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


class OutageReport(Base):
    """What somebody proposes to do about an interruption over the limit; another person decides (INC-5)."""

    __tablename__ = "outage_report"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    # the rooms it is about
    room_ids: Mapped[list[Any]]
    # extend | reschedule | cancel
    proposal: Mapped[str] = mapped_column(String(12))
    fee_waiver: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text)
    reported_by: Mapped[str] = mapped_column(String(64))
    reported_at: Mapped[datetime]


class OutageDecision(Base):
    """What the responsible person decided about an interruption over the limit (INC-5)."""

    __tablename__ = "outage_decision"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    # the report that was decided upon; its author is another person
    report_id: Mapped[str | None] = mapped_column(Id)
    # the rooms it is about
    room_ids: Mapped[list[Any]]
    # extend | reschedule | cancel
    decision: Mapped[str] = mapped_column(String(12))
    # the next registration costs the candidates nothing
    fee_waiver: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]
