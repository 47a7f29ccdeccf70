"""Five-point checks, incidents, two-person acts, room records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class IdentityCheck(Base):
    """五对照: five ticks per candidate and pass (1 = entry, 2 = after the start); the newest row of a pass counts."""

    __tablename__ = "identity_check"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), index=True)
    pass_number: Mapped[int]
    name_ok: Mapped[bool]
    ticket_ok: Mapped[bool]
    seat_ok: Mapped[bool]
    id_card_ok: Mapped[bool]
    person_ok: Mapped[bool]
    note: Mapped[str] = mapped_column(Text, default="")
    checked_by: Mapped[str] = mapped_column(ForeignKey("account.id"))
    checked_at: Mapped[datetime]


class Incident(Base):
    """Something that belongs in the room record: violation, fault, late arrival, visitor."""

    __tablename__ = "incident"
    __table_args__ = (Index("ix_incident_room", "sitting_id", "room_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    attempt_id: Mapped[str | None] = mapped_column(ForeignKey("attempt.id"), index=True)
    # IncidentKind of proctor/domain/states.py
    kind: Mapped[str] = mapped_column(String(20))
    # 1..3 for violations (SZ-14)
    tier: Mapped[int | None]
    # IncidentState of proctor/domain/states.py
    state: Mapped[str] = mapped_column(String(14))
    words: Mapped[str] = mapped_column(Text)
    action_taken: Mapped[str] = mapped_column(Text, default="")
    raised_by: Mapped[str] = mapped_column(String(64))
    raised_at: Mapped[datetime]
    closed_by: Mapped[str | None] = mapped_column(Id)
    closed_at: Mapped[datetime | None]


class TwoPersonAct(Base):
    """An act that needs two different people within the profile's window, both present, both on record."""

    __tablename__ = "two_person_act"
    __table_args__ = (Index("ix_two_person_act_room", "sitting_id", "room_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # fetch_paper | open_paper | open_backup_paper
    act: Mapped[str] = mapped_column(String(20))
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    reason: Mapped[str] = mapped_column(Text, default="")
    first_by: Mapped[str] = mapped_column(ForeignKey("account.id"))
    first_session: Mapped[str] = mapped_column(String(64))
    first_at: Mapped[datetime]
    second_by: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    second_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    # done, refused or lapsed: nobody can join any more
    closed_at: Mapped[datetime | None]
    # the first person's opening secret under the server's key (aad "two_person_act:<id>:first_secret"); gone when closed
    first_secret_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)


class RoomRecord(Base):
    """考场情况记录表 as a file: drawn from the ledgers, signed by both proctors."""

    __tablename__ = "room_record"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    # the facts the PDF shows, as they were when it was drawn
    facts: Mapped[dict[str, Any]]
    file_name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class RecordSignature(Base):
    """A proctor signed the room record."""

    __tablename__ = "record_signature"

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), primary_key=True)
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    remark: Mapped[str] = mapped_column(Text, default="")
    signed_at: Mapped[datetime]
