"""Seal a room's paper bag: as many scripts of each form as its seats need, and spares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.domain.sealing import USUAL_COST, KdfCost
from itembank.models import Package
from itembank.services.seal_package import SealedPackage, seal_package
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.scheduling.domain.states import SittingState
from server.scheduling.models import AdmissionTicket, Room, Sitting, SittingRoom
from server.scheduling.queries import require_sitting
from server.scheduling.services.assign_packages import assign_packages, package_fetched
from server.storage.unit_of_work import UnitOfWork

#: Scripts of each form beyond what the seats need: for a file that cannot be read on the day.
USUAL_SPARES = 3
MOST_SPARES = 50


def seal_room_package(
    uow: UnitOfWork,
    vault: Vault,
    paper_store: Path,
    sitting_id: str,
    room_id: str,
    paper_id: str,
    actor: Actor,
    spares: int = USUAL_SPARES,
    *,
    replaces: bool = False,
    cost: KdfCost = USUAL_COST,
) -> SealedPackage:
    """Seal a bag from this paper and give it to the room. Its two secrets are in the answer and nowhere else.

    Until the proctors have fetched it, a room's bag may be replaced on purpose, say when a secret was lost; candidates of
    a published sitting then need scripts of the new one (`prepare_attempts`). All rooms of a sitting use one paper.

    Raises:
        NotFound: `SITTING_NOT_FOUND`, `ROOM_NOT_FOUND`, `PAPER_NOT_FOUND`, `FORM_NOT_FOUND`.
        InvalidInput: `COPIES_INVALID`.
        Conflict: `TICKETS_MISSING`: how many scripts a room needs is known from its tickets; `ROOM_HAS_BAG` without
            `replaces`; `PACKAGE_FETCHED`; `OTHER_PAPER`; and as `seal_package`, `assign_packages`.
    """
    if not 0 <= spares <= MOST_SPARES:
        raise InvalidInput(
            "COPIES_INVALID", f"备份数应为 0–{MOST_SPARES}。", f"0 to {MOST_SPARES} spare copies are possible."
        )
    with uow.read() as session:
        label = _check(session, sitting_id, room_id, paper_id, replaces=replaces)
        copies = {form: count + spares for form, count in forms_needed(session, sitting_id, room_id).items()}
    if not copies:
        raise Conflict(
            "TICKETS_MISSING",
            "该考场还没有准考证，无法确定各卷份数；请考务员先生成准考证。",
            "This room has no tickets yet, so the number of scripts is unknown. Issue tickets first.",
        )
    sealed = seal_package(uow, vault, paper_store, paper_id, label, copies, is_backup=False, actor=actor, cost=cost)
    with uow.read() as session:
        _check(
            session, sitting_id, room_id, paper_id, replaces=replaces
        )  # sealing took a while: two people may have sealed at once
    assign_packages(uow, sitting_id, room_id, sealed.package_id, actor)
    return sealed


def forms_needed(session: Session, sitting_id: str, room_id: str) -> dict[str, int]:
    """Form label → tickets in this room."""
    rows: Any = session.execute(
        select(AdmissionTicket.form_label, func.count())
        .where(AdmissionTicket.sitting_id == sitting_id, AdmissionTicket.room_id == room_id)
        .group_by(AdmissionTicket.form_label)
        .order_by(AdmissionTicket.form_label)
    ).all()
    return dict(rows)


def paper_of(session: Session, sitting: Sitting, but_not_room: str = "") -> str | None:
    """The paper of this sitting: as planned, else the one its bags were sealed from."""
    if sitting.paper_id is not None:
        return sitting.paper_id
    query = (
        select(Package.paper_id)
        .join(SittingRoom, SittingRoom.package_id == Package.id)
        .where(SittingRoom.sitting_id == sitting.id, SittingRoom.room_id != but_not_room)
    )
    return session.scalars(query.limit(1)).first()


def _check(session: Session, sitting_id: str, room_id: str, paper_id: str, *, replaces: bool) -> str:
    """The words on the bag, when one may be sealed for this room."""
    sitting = require_sitting(session, sitting_id)
    room = session.get(SittingRoom, (sitting_id, room_id))
    if room is None:
        raise NotFound("ROOM_NOT_FOUND", "没有找到这个考场。", "There is no such room.")
    if room.fetched_at is not None or room.paper_opened_at is not None or SittingState(sitting.state).is_over:
        raise package_fetched()
    if room.package_id is not None and not replaces:
        raise Conflict(
            "ROOM_HAS_BAG",
            "该考场已有试卷袋。如口令遗失需要重封，请确认重封：原袋及其口令随即作废。",
            "This room has a bag already. If a secret was lost, say that the bag is to be replaced: the old one then lapses.",
        )
    agreed = paper_of(session, sitting, room_id)
    if agreed is not None and agreed != paper_id:
        raise Conflict(
            "OTHER_PAPER",
            "同一场次的各考场必须使用同一套试卷，请改选本场次已用的试卷。",
            "All rooms of a sitting use the same paper. Choose the one that was used already.",
            paper_id=agreed,
        )
    return f"{sitting.name} {session.get_one(Room, room_id).name} 正卷"[:120]
