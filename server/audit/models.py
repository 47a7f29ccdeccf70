"""The audit table: append-only, each row chained to the one before by SHA-256."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class AuditEntry(Base):
    """One state change: who, from which machine, what, before, after, why."""

    __tablename__ = "audit_entry"

    # gapless from 1; given under the lock of the head row
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    # account id, attempt id, or "system"
    actor: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(32))
    machine: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64), index=True)
    # what it was done to: "attempt:…", "sitting:…"
    subject: Mapped[str] = mapped_column(String(80), index=True)
    # ids, states and counts only: no item text, no key, no full ID number
    detail: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text, default="")
    # hex SHA-256 of the entry before, and of (prev_hash ‖ canonical JSON of this entry)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The single row that everyone who writes an entry locks first."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class SignedHead(Base):
    """A head signed with the node's Ed25519 key, so that a later rewrite of the chain is found out."""

    __tablename__ = "audit_signed_head"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    node_id: Mapped[str] = mapped_column(Id)
    public_key: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))
