"""Assign the proctors of one room of one sitting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select

from server.accounts.models import Account
from server.accounts.queries import require_account, roles_of
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.core.permissions import Role
from server.scheduling.domain.proctor_rules import check_proctors
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.domain.states import ProctorDuty, SittingState
from server.scheduling.models import ProctorAssignment, Registration, Room, Sitting, SittingRoom
from server.scheduling.planning import overlapping_sittings
from server.scheduling.queries import require_sitting
from server.storage.unit_of_work import UnitOfWork, Work


def assign_proctors(
    uow: UnitOfWork, sitting_id: str, room_id: str, chief_id: str, deputy_ids: Sequence[str], actor: Actor
) -> list[ProctorAssignment]:
    """One chief and the deputies of a room, instead of those assigned before; the chief first in the answer.

    Args:
        chief_id, deputy_ids: account ids.

    Raises:
        NotFound: `SITTING_NOT_FOUND`, `ROOM_NOT_FOUND`, `ACCOUNT_NOT_FOUND`.
        Conflict: `PROCTORS_TOO_LATE` once the room's doors are open; `PROCTORS_TOO_FEW`, `PROCTORS_TOO_MANY`, `ROOM_TOO_FULL`
            (data `clause`); `PROCTOR_BUSY`: in another room at the same time.
        InvalidInput: `PROCTOR_TWICE`, `NOT_A_PROCTOR`.
    """
    ids = [chief_id, *deputy_ids]
    if len(set(ids)) != len(ids):
        raise InvalidInput(
            "PROCTOR_TWICE", "同一人不能在一个考场兼任两个岗位。", "One person cannot have two duties in a room."
        )
    with uow() as work:
        sitting = require_sitting(work.session, sitting_id, lock=True)
        sitting_room = work.session.get(SittingRoom, (sitting_id, room_id))
        if sitting_room is None:
            raise NotFound("ROOM_NOT_FOUND", "没有找到这个考场。", "There is no such room.")
        if SittingState(sitting.state).is_over or sitting_room.admission_opened_at is not None:
            raise Conflict(
                "PROCTORS_TOO_LATE",
                "该考场已开始入场，不能在此更换监考。",
                "The doors are open; proctors cannot be changed here.",
            )
        _check_people(work, sitting, room_id, ids)
        room = work.session.get_one(Room, room_id)
        check_proctors(
            RuleProfile.from_document(sitting.profile), seated_in(work, sitting_id, room_id), len(ids), room.name
        )
        of_room = (ProctorAssignment.sitting_id == sitting_id, ProctorAssignment.room_id == room_id)
        work.session.execute(delete(ProctorAssignment).where(*of_room))
        duties = [ProctorDuty.CHIEF, *[ProctorDuty.DEPUTY] * len(deputy_ids)]
        assignments = [
            ProctorAssignment(sitting_id=sitting_id, room_id=room_id, account_id=account_id, duty=duty.value)
            for account_id, duty in zip(ids, duties, strict=True)
        ]
        work.session.add_all(assignments)
        record(work, actor, AuditAction.SCHEDULING_PROCTORS_ASSIGNED, f"sitting:{sitting_id}",
               {"room_id": room_id, "chief": chief_id, "deputies": list(deputy_ids)})  # fmt: skip
    return assignments


def seated_in(work: Work, sitting_id: str, room_id: str) -> int:
    """How many candidates are planned in this room."""
    of_room = (Registration.sitting_id == sitting_id, Registration.room_id == room_id)
    return work.session.scalar(select(func.count()).select_from(Registration).where(*of_room)) or 0


def _check_people(work: Work, sitting: Sitting, room_id: str, account_ids: Sequence[str]) -> None:
    names = {}
    # Held until the commit, in one order: the same person must not be taken for two rooms at the same moment.
    work.session.execute(select(Account.id).where(Account.id.in_(account_ids)).order_by(Account.id).with_for_update())
    for account_id in account_ids:
        account = require_account(work.session, account_id)
        names[account_id] = account.display_name
        if Role.PROCTOR not in roles_of(account) or not account.is_active:
            raise InvalidInput(
                "NOT_A_PROCTOR",
                f"{account.display_name}没有监考员角色或账号已停用。",
                f"{account.display_name} is not an active proctor.",
            )
    at_that_time = [sitting.id] + [
        other.id
        for other in overlapping_sittings(
            work.session, sitting.starts_at, timedelta(seconds=sitting.duration_s), sitting.id
        )
    ]
    query = (
        select(ProctorAssignment, Room.name)
        .join(Room, Room.id == ProctorAssignment.room_id)
        .where(ProctorAssignment.account_id.in_(account_ids), ProctorAssignment.sitting_id.in_(at_that_time))
    )
    for assignment, room_name in work.session.execute(query):
        if (assignment.sitting_id, assignment.room_id) != (sitting.id, room_id):
            name = names[assignment.account_id]
            raise Conflict(
                "PROCTOR_BUSY",
                f"{name}同一时间已在{room_name}监考（依据：SZ-7.1），请另派他人。",
                f"{name} proctors {room_name} at the same time (SZ-7.1). Choose somebody else.",
                account_id=assignment.account_id,
                clause="SZ-7.1",
            )
