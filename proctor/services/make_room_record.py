"""Draw the room record and file it; the PDF writes itself from the ledgers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctor.models import RoomRecord
from proctor.record_pdf import draw_record
from proctor.room_facts import read_room
from proctor.room_record import record_facts
from server.adapters.print_fonts import find_print_fonts
from server.adapters.real_thread import in_real_thread
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM, Actor
from server.core.errors import Unavailable
from server.core.ids import new_id
from server.storage.unit_of_work import UnitOfWork


def make_room_record(uow: UnitOfWork, record_store: Path, sitting_id: str, room_id: str, actor: Actor) -> RoomRecord:
    """Draw the final record once, off the event loop; made already, the same row comes back.

    Raises:
        Unavailable: `PRINT_FONT_MISSING`.
    """
    with uow.read() as session:
        found = _newest(session, sitting_id, room_id)
        if found is not None:
            return found
        now = uow.clock.now()
        facts = record_facts(session, read_room(session, sitting_id, room_id, now), is_final=True)
    document = in_real_thread(draw_record, facts, find_print_fonts())
    digest = hashlib.sha256(document).hexdigest()
    file_name = f"room-record-{facts['plan_number']}-{facts['session_number']}-{facts['room_number']}-{digest[:12]}.pdf"
    _store(record_store / file_name, document)
    with uow() as work:
        row = RoomRecord(
            id=new_id(),
            sitting_id=sitting_id,
            room_id=room_id,
            facts=facts,
            file_name=file_name,
            sha256=digest,
            made_at=work.clock.now(),
        )
        work.session.add(row)
        detail = {"sitting": sitting_id, "sha256": digest, "file": file_name}
        record(work, actor, AuditAction.PROCTOR_RECORD_MADE, f"room:{room_id}", detail)
    return row


def read_room_record(uow: UnitOfWork, record_store: Path, sitting_id: str, room_id: str) -> bytes:
    """The filed PDF, checked against its digest; before it is signed, a draft that says so.

    Raises:
        Unavailable: `RECORD_FILE_CHANGED`: the file is missing or is not the one that was filed; `PRINT_FONT_MISSING`.
    """
    with uow.read() as session:
        filed = _newest(session, sitting_id, room_id)
        draft = None
        if filed is None:
            room = read_room(session, sitting_id, room_id, uow.clock.now())
            if room.gates.record_signed_at is None:
                draft = record_facts(session, room, is_final=False)
    if draft is not None:
        return in_real_thread(draw_record, draft, find_print_fonts())
    if filed is None:  # signed, and the process ended before it was drawn
        filed = make_room_record(uow, record_store, sitting_id, room_id, SYSTEM)
    path = record_store / filed.file_name
    document = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(document).hexdigest() != filed.sha256:
        raise Unavailable(
            "RECORD_FILE_CHANGED",
            "存档的情况记录表文件缺失或被改动，请从备份恢复。",
            "The filed record is missing or was changed; restore it from the backup.",
        )
    return document


def _newest(session: Session, sitting_id: str, room_id: str) -> RoomRecord | None:
    query = select(RoomRecord).where(RoomRecord.sitting_id == sitting_id, RoomRecord.room_id == room_id)
    return session.scalars(query.order_by(RoomRecord.made_at.desc(), RoomRecord.id)).first()


def _store(path: Path, document: bytes) -> None:
    # Whole or not at all: a record half-written by a crash must not carry the final name.
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(document)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
