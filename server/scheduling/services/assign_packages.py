"""Say which sealed package, and which backup, belongs to a room of a sitting."""

from __future__ import annotations

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, NotFound
from server.scheduling.models import SittingRoom
from server.scheduling.queries import require_sitting
from server.storage.unit_of_work import UnitOfWork


def assign_packages(
    uow: UnitOfWork, sitting_id: str, room_id: str, package_id: str, actor: Actor, backup_package_id: str | None = None
) -> SittingRoom:
    """The room's paper bags, instead of those assigned before; their numbers are on record (SZ-1 art.18).

    Raises:
        NotFound: `SITTING_NOT_FOUND`, `ROOM_NOT_FOUND`.
        Conflict: `PACKAGE_FETCHED`: the bag has been handed to the proctors already.
    """
    with uow() as work:
        require_sitting(work.session, sitting_id, lock=True)
        room = work.session.get(SittingRoom, (sitting_id, room_id))
        if room is None:
            raise NotFound("ROOM_NOT_FOUND", "没有找到这个考场。", "There is no such room.")
        if room.fetched_at is not None or room.paper_opened_at is not None:
            raise package_fetched()
        room.package_id, room.backup_package_id = package_id, backup_package_id
        record(work, actor, AuditAction.SCHEDULING_SITTING_CHANGED, f"sitting:{sitting_id}",
               {"room_id": room_id, "package_id": package_id, "backup_package_id": backup_package_id})  # fmt: skip
    return room


def package_fetched() -> Conflict:
    """The refusal of every change of a bag that left the office."""
    return Conflict(
        "PACKAGE_FETCHED",
        "试卷包已交给监考，不能再更换。",
        "The package has been handed out and cannot be changed.",
    )
