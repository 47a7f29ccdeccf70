"""Acts on a site, each in a process of its own that is killed after so many milliseconds.

`python -m tests.faults.nemesis.one_act` reads one JSON line a job, forks, kills the child in time, answers with one line.
Everything is imported before the fork, so that the milliseconds fall into the act and not into Python's start.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from itembank.models import Package
from itembank.services.unlock_package import unlock_package
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM
from server.delivery.services.prepare_attempts import prepare_attempts
from server.migrations import upgrade
from server.rehearsal.demo_people import roster_csv
from server.scheduling.models import Sitting
from server.scheduling.services.import_roster import import_roster
from server.scheduling.services.publish_sitting import publish_sitting
from server.settings import load_settings
from server.storage.database import Database
from tests.support.live_server import open_platform


def migrate(data: Path, _: list[Any]) -> None:
    database = Database(load_settings(data).effective_database_url)
    upgrade(database)


def publish(data: Path, arguments: list[Any]) -> None:
    """What the office's button does, and does again when it is pressed again: the sitting, then its attempts."""
    platform = open_platform(data)
    with platform.uow.read() as session:
        is_published = session.get_one(Sitting, arguments[0]).state == "published"
    if not is_published:
        publish_sitting(platform.uow, arguments[0], SYSTEM)
    prepare_attempts(platform.uow, arguments[0], SYSTEM)


def unseal(data: Path, arguments: list[Any]) -> None:
    platform = open_platform(data)
    with platform.uow() as work:
        unlock_package(work, platform.vault, *arguments, SYSTEM)


def unseal_in_pieces(data: Path, arguments: list[Any]) -> None:
    """The control: the same in two transactions."""
    platform = open_platform(data)
    with platform.uow() as work:
        work.session.get_one(Package, arguments[0]).state = "opened"
    time.sleep(0.1)
    with platform.uow() as work:
        package = work.session.get_one(Package, arguments[0])
        package.opened_key, package.opened_at = b"key", work.clock.now()
        record(work, SYSTEM, AuditAction.BANK_PACKAGE_OPENED, f"package:{package.id}")


def import_people(data: Path, arguments: list[Any]) -> None:
    platform = open_platform(data)
    import_roster(platform.uow, platform.vault, arguments[0], "名单.csv", roster_csv(arguments[1], 7), SYSTEM)


ACTS: dict[str, Callable[[Path, list[Any]], None]] = {
    "migrate": migrate, "publish": publish, "unseal": unseal, "unseal_in_pieces": unseal_in_pieces, "import": import_people,
}  # fmt: skip


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait for so many ms (None: to the end), kill, say how it ended."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            ACTS[job["act"]](Path(job["data"]), job["arguments"])
        except BaseException as error:  # noqa: BLE001 - told by the status and on standard error
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    limit = job["kill_after_ms"]
    status = None
    while status is None:
        done, found = os.waitpid(child, os.WNOHANG)
        if done:
            status = found
        elif limit is not None and (time.monotonic() - began) * 1000 >= limit:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        else:
            time.sleep(0.0005)
    return {
        "killed": os.WIFSIGNALED(status), "status": os.waitstatus_to_exitcode(status), "ms": (time.monotonic() - began) * 1000,
    }  # fmt: skip


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)
