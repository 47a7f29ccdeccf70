"""Database, clock, disks and the second journal."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from server.core.errors import Unavailable
from server.safekeeping.disk_watch import read_volumes
from server.safekeeping.domain.disk_rules import Room
from server.safekeeping.domain.readiness import Line, State, judge_clock
from server.webkit.platform import Platform

_USES = {"data": "数据", "second_journal": "第二份流水", "backup": "备份"}


def check_durability(platform: Platform) -> list[Line]:
    """The settings that decide whether an acknowledged answer survives a power cut."""
    database = platform.database
    found = database.durability()
    shown = "，".join(f"{name}={value}" for name, value in found.items())
    try:
        database.check_durability()
    except Unavailable:
        return [
            Line(
                "DURABILITY", State.BLOCKING,
                f"数据库设置可能丢失已确认的作答（{shown}）", f"The database could lose acknowledged answers ({shown})",
                "改回安全设置后重新启动", "Set them back and restart", found,
            )
        ]  # fmt: skip
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    lines = [
        Line(
            "DURABILITY",
            State.OK,
            f"{kind} 提交即落盘（{shown}）",
            f"{kind} commits are on disk ({shown})",
            figures=found,
        )
    ]
    return lines if database.is_sqlite else [*lines, _check_standby(platform)]


def _check_standby(platform: Platform) -> Line:
    with platform.database.engine.connect() as connection:
        names = str(connection.execute(text("SHOW synchronous_standby_names")).scalar() or "")
        streaming = int(
            connection.execute(
                text("SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')")
            ).scalar_one()
        )
    figures = {"synchronous_standby_names": names, "synchronous": streaming}
    if not names:
        expected = platform.settings.standby != "none"
        return Line(
            "STANDBY", State.BLOCKING if expected else State.WARNING,
            "没有同步备库：作答只在一台机器上", "There is no synchronous standby: answers are on one machine only",
            "按 deploy/docs 配置同步备库，或在另一块磁盘上开启第二份流水",
            "Set up a standby, or a second journal on another disk", figures,
        )  # fmt: skip
    if not streaming:
        return Line(
            "STANDBY", State.BLOCKING, "同步备库没有连上：作答会等待", "The standby is not connected: saving waits",
            "恢复备库；只有两人确认后才能解除等待", "Bring the standby back", figures,
        )  # fmt: skip
    return Line(
        "STANDBY",
        State.OK,
        f"同步备库在线（{streaming}）",
        f"Synchronous standby connected ({streaming})",
        figures=figures,
    )


def check_clock(platform: Platform) -> list[Line]:
    """Our clock against the database's; on SQLite they are the same machine's."""
    before = platform.clock.now()
    with platform.database.engine.connect() as connection:
        if platform.database.is_sqlite:
            told = connection.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).scalar_one()
            theirs = datetime.fromisoformat(str(told)).replace(tzinfo=UTC)
        else:
            theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one().astimezone(UTC)
    after = platform.clock.now()
    difference = theirs - (before + (after - before) / 2)
    state = judge_clock(difference)
    ms = round(difference / timedelta(milliseconds=1))
    return [
        Line(
            "CLOCK", state, f"本机与数据库的时钟相差 {ms} 毫秒", f"This clock and the database's differ by {ms} ms",
            "" if state is State.OK else "检查时间同步（chrony）", "" if state is State.OK else "Look at time synchronisation (chrony)",
            {"difference_ms": ms},
        )
    ]  # fmt: skip


def check_disks(platform: Platform) -> list[Line]:
    """Free space of every volume that matters."""
    states = {Room.OK: State.OK, Room.LOW: State.WARNING, Room.FULL: State.BLOCKING, Room.GONE: State.BLOCKING}
    return [
        Line(
            f"DISK_{volume.use.upper()}", states[volume.room],
            f"{_USES[volume.use]}磁盘剩余 {volume.free_percent:.0f}%（{volume.free // 2**20:,} MiB）",
            f"The disk of {volume.use} has {volume.free_percent:.0f} % free ({volume.free // 2**20:,} MiB)",
            "" if volume.room is Room.OK else "腾出空间或换更大的磁盘", "" if volume.room is Room.OK else "Free some space",
            {"place": volume.place, "free": volume.free, "total": volume.total},
        )
        for volume in read_volumes(platform.settings)
    ]  # fmt: skip


def check_second_journal(platform: Platform) -> list[Line]:
    """Whether a second copy is configured, can be written, and lies on another disk."""
    folder = platform.settings.second_journal
    if folder is None:
        state = State.WARNING if platform.database.is_sqlite else State.NOTE
        return [
            Line(
                "SECOND_JOURNAL", state, "没有配置第二份流水", "No second journal is configured",
                "在另一块磁盘上设置 second_journal", "Set second_journal to a folder on another disk",
            )
        ]  # fmt: skip
    probe = folder / f".probe-{platform.node_id}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with probe.open("wb") as file:
            file.write(b"probe")
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()
    except OSError as error:
        return [
            Line(
                "SECOND_JOURNAL", State.BLOCKING, f"第二份流水写不进去：{error}", f"The second journal cannot be written: {error}",
                "检查第二块磁盘", "Look at the second disk", {"place": str(folder)},
            )
        ]  # fmt: skip
    if shares_device(platform):
        return [
            Line(
                "SECOND_JOURNAL", State.WARNING, "第二份流水与数据在同一块磁盘上，磁盘损坏时两份都会丢",
                "The second journal lies on the same disk as the data: one broken disk takes both",
                "把 second_journal 移到另一块磁盘", "Move second_journal to another disk", {"place": str(folder)},
            )
        ]  # fmt: skip
    return [
        Line(
            "SECOND_JOURNAL",
            State.OK,
            f"第二份流水在另一块磁盘：{folder}",
            f"The second journal is on another disk: {folder}",
        )
    ]


def shares_device(platform: Platform) -> bool:
    """The second journal lies on the volume of the data."""
    folder = platform.settings.second_journal
    return folder is not None and folder.exists() and folder.stat().st_dev == platform.settings.data.stat().st_dev
