"""Identifiers. Outside the process every id is an opaque 128-bit random text (checklist B3)."""

from __future__ import annotations

import secrets
from typing import NewType

SittingId = NewType("SittingId", str)
RoomId = NewType("RoomId", str)
SeatId = NewType("SeatId", str)
CandidateId = NewType("CandidateId", str)
AttemptId = NewType("AttemptId", str)
AccountId = NewType("AccountId", str)
ItemId = NewType("ItemId", str)
PaperId = NewType("PaperId", str)
PackageId = NewType("PackageId", str)
ScriptId = NewType("ScriptId", str)


def new_id() -> str:
    """A fresh opaque id: 32 hexadecimal digits from the system's random source."""
    return secrets.token_hex(16)
