"""Staff accounts and their sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class Account(Base):
    """A person who works here. Never a candidate."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # canonical form (NFKC + casefold) of the name typed at log-in
    login_name: Mapped[str] = mapped_column(String(80), unique=True)
    display_name: Mapped[str] = mapped_column(String(80))
    # list of Role values; exclusive administrators are never together
    roles: Mapped[list[Any]]
    # Argon2id; computed in a real thread, never on the event loop
    password_hash: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class StaffSession(Base):
    """One log-in of one account. The token itself is only in the cookie; here lives its SHA-256."""

    __tablename__ = "staff_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    machine: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SetupCode(Base):
    """A one-time code that creates the first account, or lets a new account choose its password."""

    __tablename__ = "setup_code"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
