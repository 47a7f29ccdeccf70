"""Backups, the restore drill, the rehearsal."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from server.safekeeping.backup_files import list_backups
from server.safekeeping.domain.readiness import PROOF_LASTS, Line, State, judge_backup, judge_drill
from server.safekeeping.keeper import LEAST_DUMP_INTERVAL
from server.safekeeping.open_sittings import open_sittings
from server.safekeeping.records import latest_keeping
from server.scheduling.models import Sitting
from server.webkit.platform import Platform


def check_backup(platform: Platform) -> list[Line]:
    """How old the newest backup is."""
    settings, now = platform.settings, platform.clock.now()
    with platform.uow.read() as session:
        is_open = bool(open_sittings(session, now))
        row, failed = latest_keeping(session, "backup"), latest_keeping(session, "backup_failed")
    interval = settings.backup_every_open if is_open else settings.backup_every_idle
    if interval and not platform.database.is_sqlite:
        interval = max(interval, LEAST_DUMP_INTERVAL)
    found = [backup.taken_at for backup in list_backups(settings.backup_store)[:1]]
    newest = max([*found, *([row.at] if row else [])], default=None)
    age = None if newest is None else now - newest
    state = judge_backup(age, interval)
    todo = ("mingyuan backup", "Run mingyuan backup") if state is not State.OK else ("", "")
    if age is None:
        lines = [Line("BACKUP", state, "还没有任何备份", "There is no backup yet", *todo)]
    else:
        minutes = round(age / timedelta(minutes=1))
        figures = {"age_s": round(age.total_seconds()), "taken_at": newest.isoformat() if newest else None}
        lines = [
            Line(
                "BACKUP",
                state,
                f"最近的备份在 {minutes} 分钟前",
                f"The newest backup is {minutes} min old",
                *todo,
                figures,
            )
        ]
    if failed is not None and (newest is None or failed.at > newest):
        why = failed.detail.get("error", "")
        lines.append(
            Line(
                "BACKUP_FAILED", State.BLOCKING, f"最近一次备份失败：{why}", f"The latest backup failed: {why}",
                "排除原因后执行 mingyuan backup", "Remove the cause, then run mingyuan backup",
            )
        )  # fmt: skip
    return lines


def check_drill(platform: Platform) -> list[Line]:
    """Whether a backup was ever really restored, and how long it took."""
    now = platform.clock.now()
    with platform.uow.read() as session:
        rows = [row for row in (latest_keeping(session, "drill"), latest_keeping(session, "drill_failed")) if row]
    row = max(rows, key=lambda one: one.at, default=None)
    took = timedelta(seconds=float(row.detail.get("seconds", 0))) if row else None
    state = judge_drill(row.at if row else None, took, bool(row and row.ok), now)
    todo = ("mingyuan restore --drill", "Run mingyuan restore --drill") if state is not State.OK else ("", "")
    if row is None or took is None:
        return [Line("RESTORE_DRILL", state, "从未做过恢复演练", "No restore was ever tried", *todo)]
    how = "成功" if row.ok else "失败"
    days = (now - row.at).days
    return [
        Line(
            "RESTORE_DRILL", state, f"{days} 天前的恢复演练{how}，用时 {took.total_seconds():.0f} 秒",
            f"The drill of {days} days ago {'passed' if row.ok else 'failed'} and took {took.total_seconds():.0f} s",
            *todo, {"seconds": took.total_seconds(), "ok": row.ok},
        )
    ]  # fmt: skip


def check_rehearsal(platform: Platform) -> list[Line]:
    """When a sitting was last rehearsed on this site."""
    now = platform.clock.now()
    with platform.uow.read() as session:
        query = select(Sitting.starts_at).where(Sitting.is_rehearsal.is_(True), Sitting.starts_at <= now)
        last: datetime | None = session.scalars(query.order_by(Sitting.starts_at.desc())).first()
    if last is None or now - last > PROOF_LASTS:
        return [
            Line(
                "REHEARSAL", State.WARNING, "近期没有演练过", "Nothing was rehearsed lately",
                "mingyuan rehearse", "Run mingyuan rehearse", {"last_at": last.isoformat() if last else None},
            )
        ]  # fmt: skip
    return [Line("REHEARSAL", State.OK, f"{(now - last).days} 天前演练过", f"Rehearsed {(now - last).days} days ago")]
