"""Sites, rooms, seats, sittings, candidates, tickets, who proctors where, frozen rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class Centre(Base):
    """A test centre 考点."""

    __tablename__ = "centre"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    institution_code: Mapped[str] = mapped_column(String(13), default="")


class Room(Base):
    """An exam room 考场 as it stands: a grid with aisles."""

    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("centre_id", "name"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    centre_id: Mapped[str] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(60))
    # two digits used in ticket numbers, unique within the centre
    number: Mapped[int]
    rows: Mapped[int]
    columns: Mapped[int]
    # an aisle runs behind these columns (1-based), e.g. [4]
    aisles_after: Mapped[list[Any]]


class Seat(Base):
    """A workstation's place 机位 in a room."""

    __tablename__ = "seat"
    __table_args__ = (UniqueConstraint("room_id", "number"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"), index=True)
    # the number on the desk, from 1
    number: Mapped[int]
    # 1-based place in the grid
    row: Mapped[int]
    column: Mapped[int]
    is_spare: Mapped[bool] = mapped_column(default=False)


class RuleProfileVersion(Base):
    """A rule profile as data: every value with unit, source clause, valid from, approved by."""

    __tablename__ = "rule_profile_version"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    # the profile document of server/scheduling/domain/rule_profile.py
    document: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Sitting(Base):
    """A sitting 场次: one exam, one date and time, one frozen rule profile."""

    __tablename__ = "sitting"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    centre_id: Mapped[str] = mapped_column(ForeignKey("centre.id"))
    name: Mapped[str] = mapped_column(String(120))
    # six digits used in ticket numbers
    plan_number: Mapped[str] = mapped_column(String(6))
    session_number: Mapped[int]
    occupation_code: Mapped[str] = mapped_column(String(20))
    occupation_name: Mapped[str] = mapped_column(String(80))
    level: Mapped[int]
    # SittingState of server/scheduling/domain/states.py
    state: Mapped[str] = mapped_column(String(20))
    # T, the scheduled start; the exam time of every rule counts from here
    starts_at: Mapped[datetime]
    duration_s: Mapped[int]
    # the profile's name and version, and its document as it was when the sitting was published
    profile_name: Mapped[str] = mapped_column(String(40))
    profile_version: Mapped[int]
    profile: Mapped[dict[str, Any]]
    paper_id: Mapped[str | None] = mapped_column(Id)
    is_rehearsal: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class SittingRoom(Base):
    """One room of one sitting: its gates, and its sealed paper bags."""

    __tablename__ = "sitting_room"

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), primary_key=True)
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"), primary_key=True)
    package_id: Mapped[str | None] = mapped_column(Id)
    backup_package_id: Mapped[str | None] = mapped_column(Id)
    # gates of the timeline (domain.md 5); None until passed
    fetched_at: Mapped[datetime | None]
    admission_opened_at: Mapped[datetime | None]
    notes_read_at: Mapped[datetime | None]
    paper_opened_at: Mapped[datetime | None]
    absent_listed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    record_signed_at: Mapped[datetime | None]


class Candidate(Base):
    """A person who registered. The ID number is encrypted; the keyed hash finds it again."""

    __tablename__ = "candidate"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # exactly as given: no trimming, no folding (checklist E12)
    name: Mapped[str] = mapped_column(String(120))
    # pinyin initials and full pinyin for search, e.g. "cxm chenxiaoming"
    name_pinyin: Mapped[str] = mapped_column(String(240), default="")
    id_type: Mapped[str] = mapped_column(String(20))
    id_number_cipher: Mapped[bytes] = mapped_column(LargeBinary)
    id_number_hmac: Mapped[str] = mapped_column(String(64), index=True)
    # 3201**********1234: what every list, log and board may show
    id_number_masked: Mapped[str] = mapped_column(String(32))
    organisation: Mapped[str] = mapped_column(String(120), default="")
    # training class; with the organisation it says who is seated apart
    class_name: Mapped[str] = mapped_column(String(60), default="")
    photo: Mapped[bytes | None] = mapped_column(LargeBinary)


class Registration(Base):
    """A candidate on the roster of a sitting 报名; the seat comes with `assign_seats`, the ticket with `issue_tickets`."""

    __tablename__ = "registration"
    __table_args__ = (UniqueConstraint("sitting_id", "seat_id"),)

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    # None until seats are assigned
    room_id: Mapped[str | None] = mapped_column(ForeignKey("room.id"))
    seat_id: Mapped[str | None] = mapped_column(ForeignKey("seat.id"))
    form_label: Mapped[str | None] = mapped_column(String(4))
    # approved extra time (合理便利) in percent of the duration
    extra_time_percent: Mapped[int] = mapped_column(default=0)
    # the roster file and its row this registration came from
    import_id: Mapped[str | None] = mapped_column(ForeignKey("roster_import.id"))
    import_row: Mapped[int | None]


class AdmissionTicket(Base):
    """A ticket 准考证: this person, this sitting, this seat."""

    __tablename__ = "admission_ticket"
    __table_args__ = (
        UniqueConstraint("sitting_id", "candidate_id", name="uq_admission_ticket_candidate"),
        UniqueConstraint("sitting_id", "seat_id", name="uq_admission_ticket_seat"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"))
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    seat_id: Mapped[str] = mapped_column(ForeignKey("seat.id"))
    # which parallel form lies on this seat (A, B, C, D), so that neighbours differ
    form_label: Mapped[str] = mapped_column(String(4))
    # HMAC-SHA-256 of the PIN under the server's key; the PIN itself is only on the printed ticket
    pin_hmac: Mapped[str] = mapped_column(String(64))
    # approved extra time (合理便利) in percent of the duration
    extra_time_percent: Mapped[int] = mapped_column(default=0)


class ProctorAssignment(Base):
    """Who proctors which room of which sitting: one chief, one deputy."""

    __tablename__ = "proctor_assignment"

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), primary_key=True)
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    # chief | deputy
    duty: Mapped[str] = mapped_column(String(10))
    reported_at: Mapped[datetime | None]


class ImportBatch(Base):
    """One uploaded roster: what was read, what was refused, row by row."""

    __tablename__ = "roster_import"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    file_name: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    report: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text, default="")
