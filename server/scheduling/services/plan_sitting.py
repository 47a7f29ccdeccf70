"""Plan a sitting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from sqlalchemy import func, select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.core.ids import new_id
from server.scheduling.domain.rule_profile import RuleProfile
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Centre, Room, Sitting, SittingRoom
from server.scheduling.planning import LONGEST_DAY, overlapping_sittings
from server.scheduling.services.store_rule_profile import store_rule_profile
from server.storage.unit_of_work import UnitOfWork, Work

#: Wall time of every centre; China has no daylight saving time.
CHINA = timezone(timedelta(hours=8))
OCCUPATION_CODE = re.compile(r"[1-8]-\d{2}-\d{2}-\d{2}")
LEVELS = range(1, 6)


def plan_sitting(
    uow: UnitOfWork,
    centre_id: str,
    name: str,
    occupation_code: str,
    occupation_name: str,
    level: int,
    starts_at: datetime,
    duration: timedelta,
    room_ids: Sequence[str],
    profile: RuleProfile,
    actor: Actor,
    plan_number: str = "",
    session_number: int = 0,
    paper_id: str | None = None,
    is_rehearsal: bool = False,
) -> Sitting:
    """A sitting 场次 with its rooms. The profile's document is kept with it; publishing freezes it.

    Args:
        starts_at: T, the scheduled start.
        level: 1 to 5, 1 the highest.
        plan_number: up to six digits for ticket numbers; empty: the date, `yymmdd`.
        session_number: 0: the next free one of this plan.

    Raises:
        NotFound: `CENTRE_NOT_FOUND`, `ROOM_NOT_FOUND`.
        InvalidInput: `SITTING_INCOMPLETE`, `OCCUPATION_CODE_WRONG`, `LEVEL_WRONG`, `DURATION_TOO_SHORT` (a real sitting below
            the profile's shortest duration), `DURATION_TOO_LONG`, `PLAN_NUMBER_WRONG`, `STARTS_IN_THE_PAST`.
        Conflict: `ROOM_BUSY`, `SESSION_NUMBER_TAKEN`, `PROFILE_VERSION_TAKEN`.
    """
    _check(name, occupation_code, occupation_name, level, duration, room_ids, profile, is_rehearsal)
    plan_number = plan_number or f"{starts_at.astimezone(CHINA):%y%m%d}"
    if not re.fullmatch(r"[0-9]{1,6}", plan_number):
        raise InvalidInput("PLAN_NUMBER_WRONG", "计划编号应为 1 至 6 位数字。", "A plan number has one to six digits.")
    with uow() as work:
        if starts_at <= work.clock.now() and not is_rehearsal:
            raise InvalidInput(
                "STARTS_IN_THE_PAST", "开考时间已过，请核对日期。", "The start is in the past. Check the date."
            )
        # Held until the commit: two people planning at once must not take the same room or session number.
        if work.session.get(Centre, centre_id, with_for_update=True) is None:
            raise NotFound("CENTRE_NOT_FOUND", "没有找到这个考点。", "There is no such centre.")
        _check_rooms(work, centre_id, room_ids, starts_at, duration)
        stored = store_rule_profile(work, profile, actor)
        sitting = Sitting(
            id=new_id(),
            centre_id=centre_id,
            name=name,
            plan_number=plan_number.zfill(6),
            session_number=_session_number(work, plan_number.zfill(6), session_number),
            occupation_code=occupation_code,
            occupation_name=occupation_name,
            level=level,
            state=SittingState.PLANNED.value,
            starts_at=starts_at,
            duration_s=round(duration.total_seconds()),
            profile_name=stored.name,
            profile_version=stored.version,
            profile=stored.document,
            paper_id=paper_id,
            is_rehearsal=is_rehearsal,
            created_at=work.clock.now(),
        )
        work.session.add(sitting)
        work.session.flush()
        work.session.add_all(SittingRoom(sitting_id=sitting.id, room_id=room_id) for room_id in room_ids)
        record(work, actor, AuditAction.SCHEDULING_SITTING_PLANNED, f"sitting:{sitting.id}",
               {"rooms": len(room_ids), "profile": f"{stored.name}/{stored.version}", "rehearsal": is_rehearsal})  # fmt: skip
    return sitting


def _check(
    name: str,
    occupation_code: str,
    occupation_name: str,
    level: int,
    duration: timedelta,
    room_ids: Sequence[str],
    profile: RuleProfile,
    is_rehearsal: bool,
) -> None:
    if not name.strip() or not occupation_name.strip() or not room_ids or len(set(room_ids)) != len(room_ids):
        raise InvalidInput(
            "SITTING_INCOMPLETE",
            "请填写场次名称、职业名称，并至少选择一个考场（不重复）。",
            "Name, occupation and at least one room are needed.",
        )
    if not OCCUPATION_CODE.fullmatch(occupation_code):
        raise InvalidInput(
            "OCCUPATION_CODE_WRONG", "职业编码形如 6-31-01-03，请核对。", "An occupation code looks like 6-31-01-03."
        )
    if level not in LEVELS:
        raise InvalidInput("LEVEL_WRONG", "等级应为 1（高级技师）至 5（初级工）。", "The level is 1 (highest) to 5.")
    if duration < profile.shortest_duration and not is_rehearsal:
        minutes, clause = round(profile.shortest_duration.total_seconds() / 60), profile.source_of("shortest_duration")
        raise InvalidInput(
            "DURATION_TOO_SHORT",
            f"理论考试时间不少于 {minutes} 分钟（依据：{clause}）；演练场次不受此限。",
            f"A theory exam lasts at least {minutes} minutes ({clause}); rehearsals may be shorter.",
            clause=clause,
        )
    if not timedelta(seconds=1) <= duration <= LONGEST_DAY / 2:
        raise InvalidInput(
            "DURATION_TOO_LONG",
            "考试时间应大于 0 且不超过 12 小时。",
            "The duration is above zero and at most 12 hours.",
        )


def _check_rooms(work: Work, centre_id: str, room_ids: Sequence[str], starts_at: datetime, duration: timedelta) -> None:
    found = set(work.session.scalars(select(Room.id).where(Room.id.in_(room_ids), Room.centre_id == centre_id)))
    if found != set(room_ids):
        raise NotFound("ROOM_NOT_FOUND", "没有找到其中某个考场。", "One of the rooms is not part of this centre.")
    others = [other.id for other in overlapping_sittings(work.session, starts_at, duration)]
    query = select(Room.name).join(SittingRoom, SittingRoom.room_id == Room.id)
    busy = work.session.scalars(query.where(SittingRoom.sitting_id.in_(others), Room.id.in_(room_ids))).all()
    if busy:
        names = "、".join(sorted(set(busy)))
        raise Conflict(
            "ROOM_BUSY",
            f"{names}在这段时间已安排其他场次。",
            f"In use by another sitting at that time: {names}.",
            rooms=sorted(set(busy)),
        )


def _session_number(work: Work, plan_number: str, wished: int) -> int:
    of_plan = select(Sitting.session_number).where(Sitting.plan_number == plan_number)
    if not wished:
        last = work.session.scalar(select(func.max(Sitting.session_number)).where(Sitting.plan_number == plan_number))
        return (last or 0) + 1
    if wished in set(work.session.scalars(of_plan)):
        raise Conflict(
            "SESSION_NUMBER_TAKEN",
            f"计划 {plan_number} 的第 {wished} 场已存在，准考证号会重复；请换一个场次号。",
            f"Session {wished} of plan {plan_number} exists; ticket numbers would collide.",
        )
    return wished
