"""What the coming sittings need: papers, proctors, and no forgotten sitting."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.safekeeping.checking import examine_papers
from server.safekeeping.domain.freeze_rules import Standing
from server.safekeeping.domain.readiness import SOON, Line, State
from server.safekeeping.freeze import active_override
from server.safekeeping.open_sittings import open_sittings
from server.scheduling.domain.states import SittingState
from server.scheduling.models import ProctorAssignment, Sitting, SittingRoom
from server.webkit.platform import Platform

_COMING = (SittingState.PUBLISHED.value, SittingState.ADMITTING.value, SittingState.RUNNING.value)
FULL_ROOM = 2


def check_sittings(platform: Platform) -> list[Line]:
    """Every sitting of today and tomorrow: bags, scripts, two proctors a room; what is open freezes the system."""
    now = platform.clock.now()
    with platform.uow.read() as session:
        lines = _freeze_lines(session, platform)
        query = select(Sitting).where(
            Sitting.state.in_(_COMING), Sitting.starts_at > now - SOON, Sitting.starts_at < now + SOON
        )
        for sitting in session.scalars(query.order_by(Sitting.starts_at)):
            lines += _sitting_lines(session, platform, sitting)
    return lines


def _freeze_lines(session: Session, platform: Platform) -> list[Line]:
    now = platform.clock.now()
    lines = []
    sittings = open_sittings(session, now)
    names = "、".join(one.name for one in sittings)
    if sittings:
        lifted = active_override(session, now)
        lines.append(
            Line(
                "FREEZE", State.WARNING if lifted else State.NOTE,
                f"场次进行中：{names}；" + ("冻结已由两人解除" if lifted else "系统已冻结（不升级、不改设置）"),
                f"{len(sittings)} sittings are open; " + ("two people lifted the freeze" if lifted else "the system is frozen"),
                figures={"sittings": [one.id for one in sittings]},
            )
        )  # fmt: skip
    forgotten = open_sittings(session, now, Standing.FORGOTTEN)
    if forgotten:
        lines.append(
            Line(
                "FORGOTTEN_SITTING", State.WARNING,
                f"早已结束的场次没有收尾：{'、'.join(one.name for one in forgotten)}",
                f"{len(forgotten)} sittings were never ended", "由监考员结束考场", "Let the proctors end their rooms",
            )
        )  # fmt: skip
    return lines


def _sitting_lines(session: Session, platform: Platform, sitting: Sitting) -> list[Line]:
    rooms = session.scalars(select(SittingRoom).where(SittingRoom.sitting_id == sitting.id)).all()
    assigned = list(
        session.scalars(select(ProctorAssignment.room_id).where(ProctorAssignment.sitting_id == sitting.id))
    )
    figures = {"sitting": sitting.id}
    lines = []
    bare = [room for room in rooms if room.package_id is None]
    if bare:
        lines.append(
            Line(
                "PAPERS", State.BLOCKING, f"{sitting.name}：{len(bare)} 个考场没有试卷袋", f"{sitting.name}: {len(bare)} rooms have no bag",
                "在“试卷袋”里封装", "Seal their bags", figures,
            )
        )  # fmt: skip
    packages = {one for room in rooms for one in (room.package_id, room.backup_package_id) if one}
    count, wrong = examine_papers(session, platform.settings.paper_store, packages)
    if wrong:
        lines.append(
            Line(
                "PAPERS", State.BLOCKING, f"{sitting.name}：试卷文件缺失或损坏 {len(wrong)} 份以上", f"{sitting.name}: script files missing or changed",
                "从备份恢复 papers 文件夹", "Restore the folder papers from a backup", {**figures, "files": wrong},
            )
        )  # fmt: skip
    elif not bare:
        lines.append(
            Line(
                "PAPERS",
                State.OK,
                f"{sitting.name}：{count} 份试卷齐全，摘要一致",
                f"{sitting.name}: all {count} scripts are there",
                figures=figures,
            )
        )
    alone = [room.room_id for room in rooms if assigned.count(room.room_id) < FULL_ROOM]
    if alone:
        lines.append(
            Line(
                "PROCTORS", State.BLOCKING, f"{sitting.name}：{len(alone)} 个考场监考员不足两名", f"{sitting.name}: {len(alone)} rooms lack two proctors",
                "安排监考员", "Assign proctors", figures,
            )
        )  # fmt: skip
    else:
        lines.append(
            Line(
                "PROCTORS",
                State.OK,
                f"{sitting.name}：每个考场两名监考员",
                f"{sitting.name}: two proctors in every room",
                figures=figures,
            )
        )
    return lines
