"""One rehearsal with servers of our own: what is asked, started, broken, measured, judged and cleaned up."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from server.core.errors import Conflict, InvalidInput
from server.rehearsal.installation import MOST_NODES, Installation, Needs
from server.rehearsal.load import Nemesis, run_load
from server.rehearsal.load_plan import LoadPlan, LoadReport, OnProgress
from server.rehearsal.nemesis.catalogue import FaultKind
from server.rehearsal.nemesis.moments import fitting
from server.rehearsal.site import open_site_platform, prepare_site
from server.scheduling.models import Sitting

AFTERWARDS = timedelta(minutes=10)
DATABASES = ("", "sqlite", "postgres")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants rehearsed with servers of our own."""

    plan: LoadPlan
    faults: Sequence[FaultKind] = ()
    #: length of the faults in seconds; None: each its own
    fault_s: float | None = None
    nodes: int = 1
    #: empty: what the faults need
    database: str = ""
    #: empty: a temporary folder that is removed
    data: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> Needs:
        """All that the faults need together, and what was asked for.

        Raises:
            InvalidInput: `NODES_OUT_OF_BOUNDS`, `DATABASE_UNKNOWN`, `SQLITE_CANNOT`.
        """
        if not 1 <= self.nodes <= MOST_NODES:
            raise InvalidInput("NODES_OUT_OF_BOUNDS", f"节点数应为 1 到 {MOST_NODES}。", f"Nodes: 1 to {MOST_NODES}.")
        if self.database not in DATABASES:
            raise InvalidInput("DATABASE_UNKNOWN", "数据库只能是 sqlite 或 postgres。", "Database: sqlite or postgres.")
        needs = Needs(nodes=self.nodes, database=self.database or "sqlite")
        for kind in self.faults:
            needs = needs.and_also(kind.needs)
        needs = needs.complete
        if self.database == "sqlite" and needs.database != "sqlite":
            raise InvalidInput(
                "SQLITE_CANNOT",
                "这项故障或多个节点需要 PostgreSQL，不能用 sqlite。请去掉 --database sqlite。",
                "This fault, or several nodes, need PostgreSQL: leave out --database sqlite.",
            )
        return needs


def rehearse(
    wish: Wish,
    *,
    on_progress: OnProgress = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> LoadReport:
    """Start servers, bring people, break things, judge, and stop everything.

    Raises:
        InvalidInput: `LOAD_OUT_OF_BOUNDS` and those of `Wish.needs`.
        Unavailable: `POSTGRES_MISSING`, `REDIS_MISSING`.
        Conflict: `REAL_SITTINGS_HERE`.
        LoadFailed, ServerDidNotStart.
    """
    wish.plan.check()
    needs = wish.needs
    own_folder = wish.data is None
    data = wish.data or Path(tempfile.mkdtemp(prefix="mingyuan-rehearsal-data-"))
    try:
        if not own_folder:
            data.mkdir(parents=True, exist_ok=True)
            _refuse_real_sittings(data)
        with Installation(data, needs, wish.environment) as at:
            say(f"服务已启动 {needs.nodes} 节点 {needs.database} servers are up")
            return _run(wish, at, data, on_progress, say, stop)
    finally:
        if own_folder:
            shutil.rmtree(data, ignore_errors=True)


def _run(
    wish: Wish, at: Installation, data: Path, on_progress: OnProgress, say: Callable[[str], None],
    stop: threading.Event | None,
) -> LoadReport:  # fmt: skip
    struck: list[Nemesis] = []
    lasting = 0.0
    for kind in wish.faults:
        length = wish.fault_s or (fitting(kind.lasts_s, wish.plan.seconds) if kind.lasts_s else 0.0)
        lasting += length
        made = kind.make(at, length)
        if made is not None:
            struck.append(made)
    duration = timedelta(seconds=round(wish.plan.seconds + lasting)) + AFTERWARDS
    site = prepare_site(
        data, wish.plan.candidates, database_url=at.database_url, duration=duration,
        progress=lambda words: say(f"准备 preparing：{words}"),
    )  # fmt: skip
    try:
        return run_load(
            site, at.addresses(site), wish.plan, nemesis=struck, on_progress=on_progress, stop=stop,
            server_pids=at.server_pids, database_pids=at.database_pids if at.database_url else None,
        )  # fmt: skip
    finally:
        site.close()


def _refuse_real_sittings(data: Path) -> None:
    """Made-up people do not belong among real candidates."""
    if not (data / "mingyuan.db").exists() and not (data / "settings.toml").exists():
        return
    platform = open_site_platform(data)
    try:
        with platform.uow.read() as session:
            is_real = session.scalar(select(Sitting.id).where(Sitting.is_rehearsal.is_(False)).limit(1)) is not None
    finally:
        platform.database.dispose()
    if is_real:
        raise Conflict(
            "REAL_SITTINGS_HERE",
            "这个数据目录里有正式场次。演练请用 --data 指定另一个目录，或不指定（用临时目录）。",
            "This data folder holds real sittings. Name another with --data, or none (a temporary one is used).",
        )
