"""Attempts, the answer journal, the time ledger, candidate sessions, messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id, RowNumber


class Attempt(Base):
    """One candidate's run of one paper in one sitting 应试记录."""

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_room", "sitting_id", "room_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("admission_ticket.id"), unique=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    # where the candidate sits now; the ticket keeps where he was planned
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    seat_id: Mapped[str] = mapped_column(ForeignKey("seat.id"))
    # the script (itembank) taken from the room's bag; fixed for good
    script_id: Mapped[str | None] = mapped_column(Id, unique=True)
    # AttemptState of server/delivery/domain/states.py
    state: Mapped[str] = mapped_column(String(20))

    # fencing: raised whenever another device becomes the writing one
    epoch: Mapped[int] = mapped_column(default=0)
    # SHA-256 of the writing browser profile's secret; None before the first log-in or after a release
    device_hash: Mapped[str | None] = mapped_column(String(64))
    # a proctor allowed the next log-in to come from another device
    released_at: Mapped[datetime | None]
    page_id: Mapped[str | None] = mapped_column(String(32))

    signed_in_at: Mapped[datetime | None]
    identity_confirmed_at: Mapped[datetime | None]
    # a proctor ticked all five points for this person (the page shows 身份已核验)
    identity_verified_at: Mapped[datetime | None]
    rules_confirmed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # submit | timeout | collect
    end_how: Mapped[str | None] = mapped_column(String(10))
    # materialised from the ledger in the same transaction as every ledger row; the writer reads these
    deadline_at: Mapped[datetime | None]
    earliest_submit_at: Mapped[datetime | None]
    receipt_code: Mapped[str | None] = mapped_column(String(24))
    # hex SHA-256 over the counted journal at the end
    answers_digest: Mapped[str | None] = mapped_column(String(64))

    # derived, kept for the board; state, not increments
    answered: Mapped[int] = mapped_column(default=0)
    last_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    last_answer_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    # entries on the candidate's PC without acknowledgement, as its last heartbeat said
    unsent: Mapped[int] = mapped_column(default=0)
    hand_raised_at: Mapped[datetime | None]
    hand_reason: Mapped[str | None] = mapped_column(String(20))
    # font size, theme, hidden clock: follow the candidate to another PC
    preferences: Mapped[dict[str, Any]]


class JournalEntry(Base):
    """One line of the answer journal 作答流水. Append-only: no code updates or deletes it.

    A repeat of (attempt_id, page_id, client_seq) is acknowledged with what is stored. The current response of
    an item is derived: the highest (epoch, client_seq) among `counted` rows.
    """

    __tablename__ = "journal_entry"
    __table_args__ = (
        UniqueConstraint("attempt_id", "page_id", "client_seq"),
        Index("ix_journal_item", "attempt_id", "item_ref"),
    )

    entry_no: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    # the opened page that made the entry, and its running number in that candidate's browser profile
    page_id: Mapped[str] = mapped_column(String(32))
    client_seq: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int]
    # answer | flag
    kind: Mapped[str] = mapped_column(String(10))
    # the script's opaque item reference
    item_ref: Mapped[str] = mapped_column(String(16))
    # answer: sorted opaque option references (or true/false's), [] = cleared; flag: true/false
    value: Mapped[list[Any]]
    # evidence only: what the browser's clock and its monotonic clock said, ms
    client_time_ms: Mapped[int] = mapped_column(BigInteger)
    client_monotonic_ms: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    # ms after the deadline; 0 when in time
    late_by_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    # counted | late (after the deadline) | superseded (from a page that lost its turn) | closed (attempt had ended)
    standing: Mapped[str] = mapped_column(String(12))
    node_id: Mapped[str] = mapped_column(Id)


class TimeEntry(Base):
    """One row of the time ledger 时间台账. Additive: a correction is another row (architecture 4)."""

    __tablename__ = "time_entry"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # attempt | room | sitting
    scope: Mapped[str] = mapped_column(String(10))
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    room_id: Mapped[str | None] = mapped_column(Id)
    attempt_id: Mapped[str | None] = mapped_column(Id, index=True)
    # interruption (from, to) | grant (seconds) | reversal (takes `reverses_id` back)
    kind: Mapped[str] = mapped_column(String(14))
    from_at: Mapped[datetime | None]
    to_at: Mapped[datetime | None]
    # grants only, whole milliseconds; interruptions are measured from their ends
    grant_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    reverses_id: Mapped[str | None] = mapped_column(Id)
    # server_outage | lan_outage | pc_failure | pc_swap | proctor_grant | accommodation | correction
    cause: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    # proposed (no effect yet) | provisional (in effect, to be confirmed) | confirmed | awaiting_decision (over the limit)
    status: Mapped[str] = mapped_column(String(20))
    # the candidate page's own monotonic gap for the same span, ms; shown beside, never averaged
    client_gap_ms: Mapped[int | None] = mapped_column(BigInteger)
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None]


class CandidateSession(Base):
    """A candidate's log-in on one device; ended by the next one, never by time alone."""

    __tablename__ = "candidate_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), index=True)
    epoch: Mapped[int]
    device_hash: Mapped[str] = mapped_column(String(64))
    machine: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class RoomMessage(Base):
    """What a proctor wrote to one candidate or (attempt_id None) to the room; stays until acknowledged."""

    __tablename__ = "room_message"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    attempt_id: Mapped[str | None] = mapped_column(Id, index=True)
    text: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[str] = mapped_column(Id)
    sent_at: Mapped[datetime]


class MessageReceipt(Base):
    """A candidate saw a message."""

    __tablename__ = "message_receipt"

    message_id: Mapped[str] = mapped_column(ForeignKey("room_message.id"), primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), primary_key=True)
    seen_at: Mapped[datetime]


class JournalImport(Base):
    """A PC's own journal, carried on a stick and shown to the proctors; imported when two roles confirmed it."""

    __tablename__ = "journal_import"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), index=True)
    # of the whole file: the same one is never imported twice
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    device_hash: Mapped[str] = mapped_column(String(64))
    # the file as it was handed in: evidence, still encrypted
    content: Mapped[str] = mapped_column(Text)
    # {total, present, counted, late, closed, unreadable}, as shown before the confirmation, then as it came out
    counts: Mapped[dict[str, Any]]
    shown_by: Mapped[str] = mapped_column(String(64))
    shown_at: Mapped[datetime]
    imported_at: Mapped[datetime | None]


class LifeSign(Base):
    """Candidate life signs in 5-second buckets: the data outages are read from."""

    __tablename__ = "life_sign"

    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), primary_key=True)
    # first and last heard moment of an unbroken presence; a gap begins a new row
    since: Mapped[datetime] = mapped_column(primary_key=True)
    until: Mapped[datetime]
