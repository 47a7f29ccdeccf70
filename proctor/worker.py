"""What a room needs without anybody watching: the sitting runs from T on, lapsed confirmations are cleared, a signed
record is drawn even when the process that should have drawn it died.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from proctor.models import RoomRecord
from proctor.room_facts import read_room
from proctor.services.make_room_record import make_room_record
from proctor.services.tend_room import needs_tending, tend_room
from server.core.actor import SYSTEM
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Sitting, SittingRoom
from server.storage.unit_of_work import UnitOfWork
from server.webkit.background import Background
from server.webkit.platform import Platform

TEND_EVERY_S = 2.0
#: whoever signed last is drawing it; after this long nobody is any more
DRAWING_TAKES = timedelta(seconds=60)
TENDED = [SittingState.ADMITTING.value, SittingState.RUNNING.value]


class RoomKeeper:
    """`holds` says whether this node has the right to single-actor duties at this moment; `uow` shows that right in
    each transaction (without it: the platform's own)."""

    def __init__(self, platform: Platform, holds: Callable[[], bool], uow: UnitOfWork | None = None) -> None:
        self._platform = platform
        self._uow = uow or platform.uow
        self._holds = holds

    def start(self, background: Background) -> None:
        """Begin tending."""
        background.every(TEND_EVERY_S, "room-keeper", self.round)

    def round(self) -> None:
        """Tend every room of the sittings of this hour, and file what was signed and not drawn."""
        if not self._holds():
            return
        uow = self._uow
        with uow.read() as session:
            rooms = session.execute(
                select(SittingRoom.sitting_id, SittingRoom.room_id)
                .join(Sitting, Sitting.id == SittingRoom.sitting_id)
                .where(Sitting.state.in_(TENDED))
            ).all()
            drawn = select(RoomRecord.id).where(
                RoomRecord.sitting_id == SittingRoom.sitting_id, RoomRecord.room_id == SittingRoom.room_id
            )
            now = uow.clock.now()
            undrawn = session.execute(
                select(SittingRoom.sitting_id, SittingRoom.room_id).where(
                    SittingRoom.record_signed_at < now - DRAWING_TAKES, ~drawn.exists()
                )
            ).all()
            due = [tuple(key) for key in rooms if needs_tending(read_room(session, *key, now), now)]
        for sitting_id, room_id in due:
            tend_room(uow, sitting_id, room_id)
        for sitting_id, room_id in undrawn:
            make_room_record(uow, self._platform.record_store, sitting_id, room_id, SYSTEM)
