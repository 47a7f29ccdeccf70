"""The load client as a process of its own: `python -m server.rehearsal.load_process`, cooperative, on one core.

Standard input: one JSON job, then commands `{"do": "stop"}` and `{"do": "swap", "ticket": …}`; its end is the end of the
process. Standard output: JSON lines `{"event": "progress" | "window" | "done", …}`. The history goes into the job's file.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - sockets first
import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import asdict  # noqa: E402
from datetime import datetime, timedelta  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from gevent.fileobject import FileObject  # noqa: E402

from server.core.clock import SystemClock  # noqa: E402
from server.rehearsal.demo_site import DemoAccount, DemoDay, DemoRoom  # noqa: E402
from server.rehearsal.history_file import HistoryWriter  # noqa: E402
from server.rehearsal.load_candidate import LoadCandidate, LoadSeat, Window  # noqa: E402
from server.rehearsal.load_plan import LoadPlan, Progress  # noqa: E402
from server.rehearsal.proctor_pair import ProctorPair  # noqa: E402
from server.scheduling.domain.rule_profile import RuleProfile  # noqa: E402

TELL_EVERY_S = 0.5
#: once most hold the paper, the rest is waited for no longer than this
STRAGGLERS_S = 20.0
MOST_NAMED = 5


class Crew:
    """All simulated people of a run."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._plan = LoadPlan(**job["plan"])
        self._stop = threading.Event()
        self._window = Window()
        self._book = HistoryWriter(Path(job["history"]))
        source = random.Random(self._plan.seed)  # noqa: S311 - behaviour, not a secret
        doors_in = float(job["doors_in_s"])
        self._candidates = [
            LoadCandidate(
                LoadSeat(number, one["ticket"], one["pin"], one["room"], one["seat"], tuple(one["addresses"])),
                self._plan, self._book, self._stop, self._window,
                max(0.0, doors_in) + source.random() * float(job["arrive_within_s"]),
            )
            for number, one in enumerate(job["seats"])
        ]  # fmt: skip
        self._pairs = (
            [self._pair(one, number) for number, one in enumerate(job["rooms"])] if self._plan.proctors else []
        )
        self._by_ticket = {one.seat.ticket_number: one for one in self._candidates}

    def run(self) -> None:
        """The whole run; tells what happens on standard output."""
        for pair in self._pairs:
            threading.Thread(target=pair.keep_gates, daemon=True).start()
        for one in self._candidates:
            threading.Thread(target=one.run, daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()
        self._open_window()
        while not all(one.done for one in self._candidates):
            self._tell()
            time.sleep(TELL_EVERY_S)
        self._tell()
        self._book.close()
        times = os.times()
        say(
            "done",
            ends=[asdict(one.end) for one in self._candidates if one.end is not None],
            clicked=self._book.clicked,
            client_cpu_s=times.user + times.system,
            proctors_failed=[words for pair in self._pairs for words in pair.failed],
        )

    def _open_window(self) -> None:
        """Everybody answers once everybody can; whoever is very late joins later."""
        first_at: float | None = None
        while True:
            waiting = sum(not one.holds_paper and not one.done for one in self._candidates)
            holding = sum(one.holds_paper for one in self._candidates)
            if first_at is None and holding:
                first_at = time.monotonic()
            late = first_at is not None and time.monotonic() - first_at > STRAGGLERS_S
            if (holding and (not waiting or late)) or all(one.done for one in self._candidates):
                break
            self._tell()
            time.sleep(TELL_EVERY_S / 5)
        self._window.begin = time.monotonic() + 0.2
        self._window.end = self._window.begin + self._plan.seconds
        self._window.opened.set()
        for one in self._candidates:
            one.hurry()
        say("window", begin=self._window.begin, end=self._window.end, holding=holding)

    def _tell(self) -> None:
        now = time.monotonic()
        holding = sum(one.holds_paper for one in self._candidates)
        phase = "answering" if self._window.opened.is_set() else ("waiting" if not holding else "starting")
        if self._window.opened.is_set() and now > self._window.end:
            phase = "finishing"
        away = [one.seat.ticket_number for one in self._candidates if one.is_away]
        recent = sorted(self._book.recent())
        self._book.flush()
        say(
            "progress",
            **asdict(
                Progress(
                    phase, len(self._candidates), holding, self._book.clicked, self._book.acked,
                    sum(one.unsent for one in self._candidates), tuple(away[:MOST_NAMED]), len(away), len(recent) / 2,
                    recent[int(len(recent) * 0.95)] if recent else 0.0,
                )
            ),
        )  # fmt: skip

    def _listen(self) -> None:
        for line in FileObject(sys.stdin.buffer.fileno(), "rb", close=False):
            command = json.loads(line)
            if command["do"] == "swap":
                self._by_ticket[command["ticket"]].swap_pc()
            else:
                break
        self._stop.set()
        for one in self._candidates:
            one.hurry()

    def _pair(self, one: dict[str, Any], number: int) -> ProctorPair:
        chief, deputy = (DemoAccount(**one[duty]) for duty in ("chief", "deputy"))
        room = DemoRoom(one["room_id"], one["name"], chief, deputy, tuple(one["opening_secrets"]))
        day = DemoDay(
            datetime.fromisoformat(one["starts_at"]),
            timedelta(seconds=one["duration_s"]),
            RuleProfile.from_document(one["profile"]),
        )
        addresses: Sequence[str] = one["addresses"]
        return ProctorPair(addresses, one["sitting_id"], room, day, SystemClock(), self._stop, begin_with=number)


def say(event: str, **facts: Any) -> None:
    """One line for whoever started us."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the job, play it."""
    job = json.loads(sys.stdin.buffer.readline())
    if job["core"] is not None:
        os.sched_setaffinity(0, {job["core"]})
    Crew(job).run()


if __name__ == "__main__":
    main()
