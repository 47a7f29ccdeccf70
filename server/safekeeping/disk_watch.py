"""Free space of the volumes that matter: looked at every ten seconds, shown on boards, and a reason to refuse what can wait.

Answers are never refused for it: what is left belongs to them.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sqlalchemy import select

from server.adapters.real_thread import in_real_thread
from server.core.errors import Unavailable
from server.core.events import AlarmRaised
from server.safekeeping.domain.disk_rules import Room, Volume, judge_room
from server.safekeeping.open_sittings import open_sittings
from server.scheduling.models import SittingRoom
from server.settings import Settings
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
PART = "safekeeping.disk_watch"
LOOK_EVERY_S = 10.0


def read_volumes(settings: Settings) -> list[Volume]:
    """The data folder's volume, the second journal's and the backups', as they are now."""
    places = [("data", settings.data), ("second_journal", settings.second_journal), ("backup", settings.backup_store)]
    return [_read_volume(settings, use, place) for use, place in places if place is not None]


def require_room(settings: Settings, place: Path) -> None:
    """Refuse what can wait when the volume of `place` is nearly full.

    Raises:
        Unavailable: `DISK_FULL`.
    """
    volume = in_real_thread(_read_volume, settings, "", place)
    if volume.room.rank >= Room.FULL.rank:
        raise _disk_full(volume)


class DiskWatch:
    """One a process. What it saw last is what everybody asks."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.volumes: list[Volume] = []
        platform.parts[PART] = self

    @property
    def worst(self) -> Room:
        """The worst of what was last seen."""
        return max((volume.room for volume in self.volumes), key=lambda room: room.rank, default=Room.OK)

    def round(self) -> None:
        """Look, and tell the rooms of open sittings when something is wrong."""
        before = self.worst
        self.volumes = in_real_thread(read_volumes, self._platform.settings)
        if self.worst is Room.OK:
            return
        if self.worst is not before:
            for volume in self.volumes:
                log.warning("%s at %s: %.1f %% free (%s)", volume.use, volume.place, volume.free_percent, volume.room)
        kind = "disk_low" if self.worst is Room.LOW else "disk_full"
        with self._platform.uow.read() as session:
            sittings = [one.id for one in open_sittings(session, self._platform.clock.now())]
            query = select(SittingRoom.sitting_id, SittingRoom.room_id).where(SittingRoom.sitting_id.in_(sittings))
            rooms = session.execute(query).all()
        for sitting_id, room_id in rooms:
            self._platform.bus.publish(AlarmRaised(sitting_id=sitting_id, room_id=room_id, kind=kind))

    def refuse_if_full(self) -> None:
        """For uploads and imports, which fill the data folder. It is looked at anew when it was full a moment ago.

        Raises:
            Unavailable: `DISK_FULL`.
        """
        if any(volume.use == "data" and volume.room.rank >= Room.FULL.rank for volume in self.volumes):
            require_room(self._platform.settings, self._platform.settings.data)


def _read_volume(settings: Settings, use: str, place: Path) -> Volume:
    # a folder that is not made yet lies where its nearest parent does
    existing = next((one for one in (place, *place.parents) if one.exists()), None)
    try:
        found = os.statvfs(existing or place)
    except OSError:
        return Volume(use, str(place), 0, 0, Room.GONE)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    room = judge_room(free, total, warn_percent=settings.disk_warn_percent, stop_percent=settings.disk_stop_percent)
    return Volume(use, str(place), free, total, room)


def _disk_full(volume: Volume) -> Unavailable:
    return Unavailable(
        "DISK_FULL",
        f"磁盘空间不足（剩余 {volume.free_percent:.1f}%），上传、导入和备份暂停；作答照常保存。请先腾出空间。",
        f"The disk is nearly full ({volume.free_percent:.1f} % free): uploads, imports and backups wait; answers are "
        "still saved. Free some space first.",
        place=volume.place,
    )
