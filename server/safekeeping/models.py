"""Which version serves which sitting, who lifted the freeze, when copies were last made and tried."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class ServedSitting(Base):
    """How a node served an open sitting when it first did: another version, or other settings, are refused later."""

    __tablename__ = "served_sitting"

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), primary_key=True)
    node_name: Mapped[str] = mapped_column(String(80), primary_key=True)
    # of the program, and of the database's schema
    version: Mapped[str] = mapped_column(String(40))
    revision: Mapped[str] = mapped_column(String(40))
    # hex SHA-256 of the settings that are no addresses
    settings_digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class FreezeOverride(Base):
    """Two different people lifted the freeze for a while."""

    __tablename__ = "freeze_override"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    first_by: Mapped[str] = mapped_column(Id)
    second_by: Mapped[str] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    expires_at: Mapped[datetime]


class KeepingRecord(Base):
    """The latest of each kind; the audit log has the history of what people did."""

    __tablename__ = "keeping_record"

    # backup | drill
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    node_name: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime]
    ok: Mapped[bool]
    # where the copy lies; figures of a drill
    place: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]]
